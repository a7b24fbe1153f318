"""What a step costs beside its work: steps that do nothing, run one after the other in a flow, and found again.

Beside it the same as one would write it by hand, with Prefect and MLflow alone: a task each, with a run, its
parameters, a metric and a file, but neither key, lease, manifest nor what makes pages worth reading. Both have a home
folder, a store and a Prefect server of their own. First a flow of many steps: the median of each, what a hit costs, and
the memory of the flow's process after a part of them and after all.

    python -m benchmarks.overhead [--steps 500] [--of-a-pair 50] [--pairs 5] [--quick]
"""

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import pairs


def main() -> None:
    """Print what many steps cost, then both ways and the ratio."""
    parser = pairs.parser(__doc__)
    parser.add_argument("--steps", type=int, default=500, help="of the long flow")
    parser.add_argument("--of-a-pair", type=int, default=50, help="steps of each way, for the ratio")
    options = pairs.options(parser)
    if options.quick:
        options.steps, options.of_a_pair = 40, 10
    long = _alone("headwater", options.steps)
    print(
        f"{options.steps} steps: a median of {long['step']:.3f} s each when run, "
        f"{1000 * long['found'] / options.steps:.1f} ms each when found again\n"
        f"memory of the flow's process: {long['part_mb']:.0f} MB after {options.steps // 5} steps, "
        f"{long['whole_mb']:.0f} MB after {options.steps}\n"
    )
    ways = {name: partial(_taken, name, options.of_a_pair) for name in ("headwater", "by hand")}
    found = pairs.Turns(ways, options.pairs, warm_up=False)
    found.show()
    found.ratio("headwater", "by hand")


def _taken(way: str, steps: int) -> pairs.Taken:
    said = _alone(way, steps)
    return pairs.Taken(said["run"], said["user"], steps)


def _alone(way: str, steps: int) -> dict[str, float]:
    """What a flow of so many steps has taken, in a process of its own with a new home folder."""
    with tempfile.TemporaryDirectory() as home:
        named = {
            name: text for name, text in os.environ.items() if name not in ("PREFECT_HOME", "PREFECT_API_URL")
        }
        done = subprocess.run(
            [sys.executable, "-c", f"from benchmarks import overhead; overhead.flow_of({way!r}, {steps})"],
            env=named | {"HEADWATER_HOME": home, "PREFECT_LOGGING_LEVEL": "CRITICAL"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise SystemExit(f"{way} failed: {done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def flow_of(way: str, steps: int) -> None:
    """Run the flow, in this process, and print what it took as JSON."""
    with _served():
        found = _headwater(steps) if way == "headwater" else _by_hand(steps)
    print(json.dumps(found))


@contextmanager
def _served() -> Iterator[None]:
    """A home folder and a Prefect server, as a command of Headwater's has them."""
    from flows.commands.run import send_logs
    from flows.commands.servers import embedded_prefect, wait_for
    from flows.exits import begin

    begin()
    with embedded_prefect() as server:
        assert server is not None
        wait_for(server)
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
        send_logs()  # they would be waited for at the end, when nobody is there to take them


def _headwater(steps: int) -> dict[str, float]:
    from prefect import flow

    from benchmarks.steps import Nothing, nothing
    from tasks.environment import Machine
    from tasks.running.flow_run import Shown, flow_run

    ends = _Ends()
    logging.getLogger("headwater").addHandler(ends)
    memory: list[float] = []

    @flow(name="overhead")
    def run(number: int) -> pairs.Taken:
        with flow_run("overhead", Machine(threads=1), Shown("", {}, "")) as opened:
            targets = [nothing(Nothing(number=place)) for place in range(number)]

            def execute() -> None:
                for some in (targets[: number // 5], targets):
                    opened.execute(some)
                    memory.append(_megabytes())

            return pairs.once(execute)

    made = run(steps)
    between = [later - before for before, later in zip(ends.at, ends.at[1:], strict=False)]
    part, whole = memory[:2]
    return {
        "run": made.wall,
        "user": made.user,
        "step": statistics.median(between),
        "found": run(steps).wall,
        "part_mb": part,
        "whole_mb": whole,
    }


class _Ends(logging.Handler):
    """When each step was made."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note the time."""
        if "made in" in record.getMessage():
            self.at.append(record.created)


def _by_hand(steps: int) -> dict[str, float]:
    import mlflow
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
    from prefect import flow, task

    home = Path(os.environ["HEADWATER_HOME"])
    mlflow.set_tracking_uri(f"sqlite:///{home / 'by-hand.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("by hand", (home / "files").as_uri()))

    @task
    def nothing(number: int, parent: str) -> None:
        tags = {MLFLOW_PARENT_RUN_ID: parent, "step": "nothing"}
        with (
            mlflow.start_run(run_name="nothing", nested=True, tags=tags),
            tempfile.TemporaryDirectory() as folder,
        ):
            mlflow.log_params({"number": number, "settings": "as many as a small step has"})
            Path(folder, "number.txt").write_text(str(number))
            mlflow.log_metric("number", number)
            mlflow.log_artifacts(folder)

    @flow(name="by-hand")
    def run(number: int) -> pairs.Taken:
        with mlflow.start_run(run_name="flow") as parent:

            def execute() -> None:
                for place in range(number):
                    nothing(place, parent.info.run_id)

            return pairs.once(execute)

    made = run(steps)
    return {"run": made.wall, "user": made.user}


def _megabytes() -> float:
    """Memory that this process holds now."""
    import psutil

    about: Any = psutil.Process().memory_info()
    return about.rss / 1e6


if __name__ == "__main__":
    main()
