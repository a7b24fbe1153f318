"""The command line: `headwater run | plan | up | predict | trace`.

A command is a function here: its arguments, its help and its examples. What it does is imported when it is called, so
that help and a mistyped option are answered at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import exits, terminal

_EPILOG = """\
\b
Examples:
  headwater run recipes/demo.yaml         the whole chain, on invented text
  headwater run recipes/korean.yaml --only classification
  headwater run recipes/demo.yaml --set seed=2 --set report.title=Second
  headwater plan recipes/korean.yaml      what would run, and for how long
  headwater up                            Prefect and MLflow in the browser
  headwater predict demo-ner@champion "서울에서 만났다"
  headwater trace 3f2a91c07b1e test:4512  where a test prediction comes from

\b
Exit codes:
  0    all good
  1    a step failed
  2    something was wrong before the first step
  130  stopped by Ctrl-C

State is kept in .headwater, or in the folder that HEADWATER_HOME names. A recipe may name your folders by environment
variables, such as ${HEADWATER_DATA}. To use servers of your own, set MLFLOW_TRACKING_URI and PREFECT_API_URL.
"""

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RecipePath = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="Path of a recipe, such as recipes/demo.yaml.")
]
Only = Annotated[
    list[str],
    typer.Option("--only", metavar="NAME,...", help="Entries or steps to run, with what they need."),
]
Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="dotted.path=value", help="Change a setting for this run."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; what goes wrong is said in one line, never in a traceback."""
    if arguments is None:
        terminal.read_utf8()
    terminal.prepare()
    try:
        given = _repeat_set(sys.argv[1:] if arguments is None else arguments)
        code = app(given, prog_name="headwater", standalone_mode=False)
        sys.stdout.flush()
        return code
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()).removesuffix(".")
        context: typer.Context | None = getattr(error, "ctx", None)
        asked = context.command_path if context is not None else "headwater"
        return exits.say(f"{message[:1].lower()}{message[1:]} (see {asked} --help)", exits.WRONG)
    except terminal.Unread:
        return exits.UNREAD
    except OSError as error:
        return exits.say(f"{error.filename}: {error.strerror}", exits.FAILED)


def _repeat_set(arguments: Sequence[str]) -> list[str]:
    """`--set a=1 b=2` as `--set a=1 --set b=2`: both are understood, and a recipe after them is still a recipe."""
    repeated: list[str] = []
    setting = False
    for argument in arguments:
        if setting and "=" in argument and not argument.startswith("-"):
            repeated += [] if repeated[-1] == "--set" else ["--set"]
        else:
            setting = argument == "--set"
        repeated.append(argument)
    return repeated


def _port(text: str) -> Any:
    return typer.Option(metavar="PORT", min=1, max=65535, help=text)


def _names(only: Sequence[str]) -> list[str]:
    """`--only a,b --only c` as three names."""
    return [name.strip() for names in only for name in names.split(",") if name.strip()]


@app.callback(invoke_without_command=True)
def headwater(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Transfer learning for language, from a corpus to what the transfer bought."""
    if version:
        from importlib import metadata

        print("headwater", metadata.version("headwater"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(exits.WRONG)


@app.command()
@exits.answered
def run(recipe: RecipePath, only: Only = [], settings: Settings = [], as_json: AsJson = False) -> int:
    """Run a recipe.

    It runs in this process and ends with a table of its steps. What is there already is not made again.

    \b
    Examples:
      headwater run recipes/demo.yaml
      headwater run recipes/demo.yaml --only pretrain
      headwater run recipes/demo.yaml --set upstreams.mlm.train.tokens=500000
      headwater run recipes/demo.yaml --json > result.json
    """
    from flows.commands.run import run
    from flows.recipe import overrides

    return run(recipe, overrides.parse(settings), _names(only), as_json=as_json)


@app.command()
@exits.answered
def plan(recipe: RecipePath, only: Only = [], settings: Settings = [], as_json: AsJson = False) -> int:
    """Show what a run would do.

    It lists each step, whether it is there already, and about how long the others take. Nothing runs.

    \b
    Examples:
      headwater plan recipes/korean.yaml
      headwater plan recipes/korean.yaml --only classification
    """
    from flows.commands.plan import plan
    from flows.recipe import overrides

    return plan(recipe, overrides.parse(settings), _names(only), as_json=as_json)


@app.command()
@exits.answered
def up(
    prefect_port: Annotated[int, _port("Port of Prefect's server.")] = 4200,
    mlflow_port: Annotated[int, _port("Port of MLflow's server.")] = 5000,
) -> int:
    """Start servers and a worker.

    Prefect's server, MLflow's and a worker run on this machine alone, with everything in prefect.yaml deployed, until
    Ctrl-C stops them all.

    \b
    Examples:
      headwater up
      headwater up --prefect-port 4300 --mlflow-port 5100
    """
    from flows.commands.up import up

    return up(prefect_port, mlflow_port)


@app.command()
@exits.answered
def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME@ALIAS, a models:/ URI, or a folder.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="Texts, or JSON objects with their fields."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="IN", help="Answer the rows of this file instead of inputs.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write answers to this file instead of standard output."),
    ] = None,
) -> int:
    """Ask a model that a recipe has made.

    It answers with one line of JSON for each input.

    \b
    Examples:
      headwater predict demo-classification@champion "음악이 훌륭했다"
      headwater predict demo-pair@champion \\
          '{"text_a": "비가 온다", "text_b": "날이 맑다"}'
      headwater predict models:/demo-ner/1 --file texts.jsonl --out answers.jsonl
    """
    from flows.commands.predict import predict

    return predict(model, inputs or [], file, out)


@app.command()
@exits.answered
def trace(
    run: Annotated[
        str, typer.Argument(metavar="RUN_ID", help="A run of predict, score or adapt, as `run` shows it.")
    ],
    row: Annotated[
        str,
        typer.Argument(metavar="ROW_ID", help="ID of a test row, as predictions and the report show it."),
    ],
    as_json: AsJson = False,
) -> int:
    """Show where a test prediction comes from.

    It follows the prediction back to its row with file and line, the part the row is of, the models and the
    tokenizer, and the files of the pretraining corpus, each with its MLflow run. It needs no recipe, only what MLflow
    holds. Of a run's id the first digits will do.

    \b
    Examples:
      headwater trace 3f2a91c07b1e test:4512
      headwater trace 3f2a91c07b1e test:4512 --json
    """
    from flows.commands.trace import trace

    return trace(run, row, as_json=as_json)


if __name__ == "__main__":
    sys.exit(main())
