"""The command line: `headwater run | plan | up | predict | promote | rollback | trace`.

A command is a function in one of this folder's files: its arguments, its help and its examples. What it does is
imported when it is called, so that help and a mistyped option are answered at once.
"""

import atexit
import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from flows import exits, terminal
from flows.cli import models, recipes, runs, servers

_EPILOG = """\
\b
Examples:
  headwater run recipes/demo.yaml         the whole chain, on invented text
  headwater run recipes/korean.yaml --only classification
  headwater run recipes/demo.yaml --set seed=2 --set report.title=Second
  headwater plan recipes/korean.yaml      what would run, and for how long
  headwater why recipes/korean.yaml adapt what has changed since it last ran
  headwater compare 3f2a91c07b1e 91c07b1e which settings and scores differ
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

_NEW_OBJECTS = 100_000
"""After how many more objects Python looks for garbage. What a command imports stays until it ends: to go through it
after every 700, as Python does, is a sixth of the time of importing, and once more at the end half a second."""

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for group in (recipes, servers, models, runs):
    app.add_typer(group.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; what goes wrong is said in one line, never in a traceback."""
    if arguments is None:
        gc.set_threshold(_NEW_OBJECTS)
        atexit.register(gc.freeze)
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
