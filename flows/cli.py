"""The command line: `headwater run | plan | up | predict | trace`."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from flows.recipe import overrides
from models.errors import HeadwaterError, RecipeError
from tasks import environment

GOOD, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: all good; a step failed; wrong before the first step; Ctrl-C."""

_HELP = """\
examples:
  headwater run recipes/demo.yaml                 the whole chain on an invented Korean world
  headwater run recipes/korean.yaml --only classification
  headwater run recipes/demo.yaml --set seed=2 --set upstreams.mlm.train.tokens=2000000
  headwater plan recipes/korean.yaml              what would run, what is there already, what it takes
  headwater up                                    Prefect and MLflow in the browser, schedules, a worker
  headwater predict demo-ner@champion "서울에서 만났다"    what a model says
  headwater trace 3f2a91c07b1e test:4512          where a test prediction comes from

exit codes: 0 all good, 1 a step failed, 2 wrong before the first step, 130 stopped by Ctrl-C

State lives in .headwater, or where HEADWATER_HOME says. Recipes may name folders of yours by environment
variables, as in ${HEADWATER_DATA}. MLFLOW_TRACKING_URI and PREFECT_API_URL point to servers of yours.
"""
_RUN = """\
Runs a recipe in this process and ends with a table of its steps. What is there already is not made again.

examples:
  headwater run recipes/demo.yaml
  headwater run recipes/demo.yaml --only pretrain
  headwater run recipes/demo.yaml --set downstreams.classification.finetune.epochs=2
  headwater run recipes/demo.yaml --json > result.json
"""
_PLAN = """\
Shows each step, whether it is there already, and about how long the others take. Nothing runs.

example:
  headwater plan recipes/korean.yaml --only classification
"""
_UP = """\
Starts Prefect's server, MLflow's and a worker on this machine alone, deploys everything in prefect.yaml and
stops it all on Ctrl-C.

examples:
  headwater up
  headwater up --prefect-port 4300 --mlflow-port 5100
"""
_PREDICT = """\
Answers with a model that a recipe has made: one line of JSON for each input.

examples:
  headwater predict demo-classification@champion "음악이 훌륭했다"
  headwater predict demo-pair@champion '{"text_a": "비가 온다", "text_b": "날이 맑다"}'
  headwater predict models:/demo-ner/1 --file texts.jsonl --out entities.jsonl
"""

_TRACE = """\
Follows a test prediction back: its row with file and line, the part it is of, the models and the tokenizer, and
the files of the pretraining corpus, each with its MLflow run. It needs no recipe, only what MLflow holds.

examples:
  headwater trace 3f2a91c07b1e test:4512          a run of predict, score or adapt: its id or its first digits
  headwater trace 3f2a91c07b1e test:4512 --json
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; what goes wrong is said in one line, never in a traceback."""
    options = _parser().parse_args(_repeat_set(sys.argv[1:] if arguments is None else arguments))
    environment.prepare()
    try:
        environment.make_home()
        return _command(options)
    except RecipeError as error:
        return _say(str(error), WRONG)
    except HeadwaterError as error:
        return _say(str(error), FAILED)
    except OSError as error:
        return _say(f"{error.filename or environment.home()}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return _say("stopped", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 the outermost place: a bug is shown as one line too
        try:
            environment.check_disk()
        except HeadwaterError as cause:  # whatever could not be written fails in words of its own
            return _say(str(cause), FAILED)
        log = environment.home() / "logs" / "traceback.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        return _say(
            f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]} (see {log})", FAILED
        )


def _command(options: argparse.Namespace) -> int:
    """Imports of the commands are here, so that a wrong recipe is answered at once."""
    if options.command == "up":
        from flows.commands.up import up

        return up(options.prefect_port, options.mlflow_port)
    if options.command == "predict":
        from flows.commands.predict import predict

        return predict(options.model, options.input, options.file, options.out)
    if options.command == "trace":
        from flows.commands.trace import trace

        return trace(options.run, options.row, as_json=options.json)
    settings = overrides.parse(options.set)
    only = [name.strip() for names in options.only for name in names.split(",") if name.strip()]
    if options.command == "plan":
        from flows.commands.plan import plan

        return plan(options.recipe, settings, only, as_json=options.json)
    from flows.commands.run import run

    return run(options.recipe, settings, only, as_json=options.json)


def _say(message: str, code: int) -> int:
    for line in message.splitlines():
        print(f"headwater: {line}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="headwater",
        description="Transfer learning for language, from a corpus to what the transfer bought.",
        epilog=_HELP,
        formatter_class=form,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, short, text in (
        ("run", "run a recipe", _RUN),
        ("plan", "show what a run would do", _PLAN),
    ):
        command = commands.add_parser(name, help=short, description=text, formatter_class=form)
        command.add_argument(
            "recipe", type=Path, metavar="RECIPE", help="path of a recipe, such as recipes/demo.yaml"
        )
        command.add_argument(
            *("--only",),
            action="append",
            default=[],
            metavar="NAME,...",
            help="entries or steps, with what they need",
        )
        command.add_argument(
            *("--set",),
            action="append",
            default=[],
            metavar="dotted.path=value",
            help="change a setting for this run",
        )
        command.add_argument("--json", action="store_true", help="one JSON document on standard output")
    command = commands.add_parser(
        "up", help="servers, deployments and a worker", description=_UP, formatter_class=form
    )
    command.add_argument("--prefect-port", type=int, default=4200, metavar="PORT", help="default: 4200")
    command.add_argument("--mlflow-port", type=int, default=5000, metavar="PORT", help="default: 5000")
    command = commands.add_parser(
        "predict", help="answers of a model", description=_PREDICT, formatter_class=form
    )
    command.add_argument("model", metavar="MODEL", help="name@alias, a models:/ URI, or a folder")
    command.add_argument("input", nargs="*", metavar="INPUT", help="a text, or a JSON object with its fields")
    command.add_argument("--file", type=Path, metavar="IN", help="rows to answer, instead of inputs")
    command.add_argument(
        "--out", type=Path, metavar="OUT", help="where answers go; standard output by default"
    )
    command = commands.add_parser(
        "trace", help="where a test prediction comes from", description=_TRACE, formatter_class=form
    )
    command.add_argument("run", metavar="RUN_ID", help="a run of predict, score or adapt, as `run` shows it")
    command.add_argument(
        "row", metavar="ROW_ID", help="id of a test row, as predictions and the report show it"
    )
    command.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
