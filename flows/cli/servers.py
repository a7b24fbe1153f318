"""Commands that start servers, or deploy on them."""

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
    in HEADWATER_NOTIFY than on the command line, which other users of this machine can read. A server that
    PREFECT_API_URL or MLFLOW_TRACKING_URI names is used, and none is started in its place.

    \b
    Examples:
      headwater up
      headwater up --prefect-port 4300 --mlflow-port 5100
      headwater up --auth
      PREFECT_API_URL=http://HOST:4200/api headwater up
      headwater up --notify https://hooks.slack.com/services/…
    """
    from flows.commands.up import up

    return up(prefect_port, mlflow_port, notify, auth)


@app.command()
@exits.answered
def deploy() -> int:
    """Deploy on a Prefect server of your own.

    The work pool headwater, everything in prefect.yaml and in *.prefect.yaml, and the automation that ends runs whose
    process has died are put on the server that PREFECT_API_URL names. Schedules that are on stay on. It may be run
    again after every change. Where it asks for a password, give that in PREFECT_API_AUTH_STRING.

    \b
    Examples:
      PREFECT_API_URL=http://HOST:4200/api headwater deploy
    """
    from flows.commands.deploy import deploy

    return deploy()
