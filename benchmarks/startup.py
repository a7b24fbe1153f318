"""What a command takes before it is of use: help, the answer to a wrong recipe, a plan, and a run up to its first step.

A plan is of a recipe that has run, in a home where all is there, and of the same in a new home; a run is one with
another seed in that home, and is stopped as soon as its first step begins. Beside them what MLflow alone takes to open
that home's store.

    python -m benchmarks.startup [--recipe recipes/demo.yaml] [--home FOLDER] [--pairs 5] [--quick]

The recipe runs first where the home, by default a new one, has not got all of it. The short form has a small recipe.
"""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import pairs

_SMALL = """\
name: small
corpus: {sources: [{kind: demo, view: corpus, documents: 300}]}
upstreams:
  - objective: mlm
    tokenizer: {vocabulary: 400}
    model: {preset: modernbert, size: tiny, max_positions: 128}
    train: {tokens: 20_000, batch_tokens: 2048}
downstreams:
  - downstream: {kind: classification, classes: [긍정, 부정], max_length: 64}
    data: [{kind: demo, view: classification, train: 200, validation: 50, test: 50}]
    modes: [baseline]
"""
_OPEN = "import sys; from mlflow import MlflowClient; MlflowClient(sys.argv[1]).search_experiments()"
_COMMAND = (sys.executable, "-m", "flows.cli")
_WAITED = 120
"""Seconds after which a run is not waited for any longer."""
_NEW_STEP = """
SELECT min(start_time) FROM runs JOIN tags USING (run_uuid) WHERE key = 'headwater.step' AND start_time > ?
"""


def main() -> None:
    """Print what each command takes, and the ratio of a plan to what MLflow alone takes."""
    parser = pairs.parser(__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/demo.yaml"))
    parser.add_argument("--home", type=Path, help="where the recipe has run; a new folder by default")
    options = pairs.options(parser)
    for name in ("PREFECT_HOME", "PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        _measure(
            options.recipe, options.home or Path(folder, "home"), options.pairs, options.quick, Path(folder)
        )


def _measure(recipe: Path, home: Path, count: int, quick: bool, folder: Path) -> None:
    os.environ["HEADWATER_HOME"] = str(home.absolute())
    if quick:
        recipe = folder / "small.yaml"
        recipe.write_text(_SMALL, encoding="utf-8")
    wrong = folder / "wrong.yaml"
    wrong.write_text(recipe.read_text(encoding="utf-8").replace("max_length", "max_lenght"), encoding="utf-8")
    _answer("run", recipe)
    database, seeds = home / "mlflow.db", itertools.count(int(time.time()))
    found = pairs.Turns(
        {
            "--help": lambda: _answer("--help"),
            "a wrong recipe": lambda: _answer("plan", wrong, code=2),
            "plan, all there": lambda: _answer("plan", recipe),
            "plan, new home": lambda: _answer(
                "plan", recipe, "--no-probe", home=Path(tempfile.mkdtemp(dir=folder))
            ),
            "run, first step": lambda: _first_step(recipe, database, next(seeds)),
            "MLflow alone": (sys.executable, "-c", _OPEN, f"sqlite:///{database.absolute()}"),
        },
        count,
    )
    found.show()
    found.ratio("plan, all there", "MLflow alone")


def _answer(*arguments: str | Path, code: int = 0, home: Path | None = None) -> None:
    """
    Raises:
        SystemExit: the command ends with another code.
    """
    where = os.environ | ({"HEADWATER_HOME": str(home)} if home else {})
    ended = subprocess.run([*_COMMAND, *arguments], capture_output=True, text=True, env=where)
    if ended.returncode != code:
        raise SystemExit(f"{' '.join(map(str, arguments))}: {ended.returncode}: {ended.stderr[-2000:]}")


def _first_step(recipe: Path, database: Path, seed: int) -> pairs.Taken:
    """What a run with a new seed takes until its first step has a run of its own in MLflow."""
    user, began = os.times().children_user, time.time()
    command: Sequence[str] = (*_COMMAND, "run", str(recipe), "--set", f"seed={seed}")
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        begun = _when(run, database, began)
    finally:
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()
    if begun is None:
        raise SystemExit(f"no step has begun: {said[-2000:]}")
    return pairs.Taken(begun - began, os.times().children_user - user)


def _when(run: "subprocess.Popen[str]", database: Path, began: float) -> float | None:
    """When the first step after a moment begins; None if the command ends before."""
    with closing(sqlite3.connect(f"file:{database.absolute()}?mode=ro", uri=True, timeout=10)) as store:
        while run.poll() is None and time.time() < began + _WAITED:
            if begun := store.execute(_NEW_STEP, (1000 * began,)).fetchone()[0]:
                return begun / 1000
            time.sleep(0.05)
    return None


if __name__ == "__main__":
    main()
