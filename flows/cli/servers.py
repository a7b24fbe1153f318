"""Commands that start servers."""

from typing import Annotated, Any

import typer

from flows import exits

app = typer.Typer()


def _port(text: str) -> Any:
    return typer.Option(metavar="PORT", min=1, max=65535, help=text)


@app.command()
@exits.answered
def up(
    prefect_port: Annotated[int, _port("Port of Prefect's server.")] = 4200,
    mlflow_port: Annotated[int, _port("Port of MLflow's server.")] = 5000,
    notify: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Tell this address of runs that fail: a webhook, slack://…, mailto://…",
            envvar="HEADWATER_NOTIFY",
        ),
    ] = "",
    auth: Annotated[
        bool,
        typer.Option(
            "--auth", help="Have both servers ask for a password: HEADWATER_PASSWORD, or one it makes."
        ),
    ] = False,
) -> int:
    """Start servers and a worker.

    Prefect's server, MLflow's and a worker run on this machine alone, with everything in prefect.yaml and in
    *.prefect.yaml deployed, until Ctrl-C stops them all. An address to notify that holds a token is better kept
    in HEADWATER_NOTIFY than on the command line, which other users of this machine can read.

    \b
    Examples:
      headwater up
      headwater up --prefect-port 4300 --mlflow-port 5100
      headwater up --auth
      headwater up --notify https://hooks.slack.com/services/…
    """
    from flows.commands.up import up

    return up(prefect_port, mlflow_port, notify, auth)
