"""Which step runs when."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.graph.refs import Ref, ordered
from tasks.running import schedule
from tasks.running.execution import Outcome
from tasks.running.failures import STOPPING
from tasks.running.training_processes import Seat, TrainingProcesses
from tasks.storage.lease import Lease
from tests.support.toy_steps import Toy, alone, meet, repeat, write


class Stage:
    """Starts steps on threads, and keeps what went on at once; a step here does nothing but take its time."""

    def __init__(self, failing: str = "") -> None:
        self.order: list[str] = []
        self.at_once: list[set[str]] = []
        self._going: set[str] = set()
        self._failing = failing
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(20)

    def start(self, ref: Ref, seat: Seat, on_end: Callable[[Outcome], None]) -> None:
        with self._lock:
            word = ref.config.model_dump()["word"]
            self.order.append(word)
            self._going.add(word)
            self.at_once.append({*self._going})
        self.threads.submit(self._run, ref, word, on_end)

    def _run(self, ref: Ref, word: str, on_end: Callable[[Outcome], None]) -> None:
        threading.Event().wait(0.05)
        with self._lock:
            self._going.remove(word)
        on_end(Outcome(ref, "failed" if word == self._failing else "run"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def processes() -> Iterator[TrainingProcesses]:
    made = TrainingProcesses(threads=2, jobs=2)
    yield made
    made.stop()


def run(stage: Stage, processes: TrainingProcesses, *targets: Ref) -> dict[str, str]:
    """What became of each step, by its word."""
    outcomes: dict[str, Outcome] = {}
    schedule.run(ordered(list(targets)), outcomes, processes, stage.start)
    return {item.ref.config.model_dump()["word"]: item.status for item in outcomes.values()}


def test_no_more_run_at_once_than_there_are_seats_and_none_is_started_before_it_has_one(
    processes: TrainingProcesses,
) -> None:
    stage = Stage()
    found = run(stage, processes, *(meet(Toy(word=f"{number}")) for number in range(12)))
    assert list(found.values()) == ["run"] * 12
    assert max(map(len, stage.at_once)) == 2


def test_a_step_starts_after_all_it_needs(processes: TrainingProcesses) -> None:
    stage = Stage()
    first = write(Toy(word="first"))
    run(stage, processes, repeat(Toy(word="then"), rows=first), write(Toy(word="beside")))
    assert stage.order.index("first") < stage.order.index("then")
    assert {"first", "beside"} in stage.at_once and not any(
        {"first", "then"} <= going for going in stage.at_once
    )


def test_who_wants_everything_goes_first_and_alone(processes: TrainingProcesses) -> None:
    stage = Stage()
    many = [meet(Toy(word=f"{number}")) for number in range(6)]
    run(stage, processes, *many, alone(Toy(word="alone")))
    assert stage.order[0] == "alone" and stage.at_once[0] == {"alone"}
    assert not any("alone" in going for going in stage.at_once[1:])


def test_what_needs_a_failed_step_is_not_run_and_the_others_go_on(processes: TrainingProcesses) -> None:
    bad = write(Toy(word="bad"))
    wanted = repeat(Toy(word="next"), rows=bad), repeat(Toy(word="good next"), rows=write(Toy(word="good")))
    assert run(Stage(failing="bad"), processes, *wanted) == {
        "bad": "failed",
        "next": "not run",
        "good": "run",
        "good next": "run",
    }


def test_who_waits_for_another_run_holds_no_seat_meanwhile(processes: TrainingProcesses) -> None:
    stage = Stage()
    elsewhere = [meet(Toy(word=f"elsewhere {number}")) for number in range(2)]
    held = [Lease.take(ref.key) for ref in elsewhere]
    threading.Timer(1.0, lambda: [lease.release() for lease in held if lease]).start()
    found = run(stage, processes, *elsewhere, *(meet(Toy(word=f"{number}")) for number in range(4)))
    assert set(found.values()) == {"run"}
    assert stage.order[:4] == ["0", "1", "2", "3"]


def test_a_run_that_is_stopped_starts_nothing_more(processes: TrainingProcesses) -> None:
    stage = Stage()
    threading.Timer(0.12, STOPPING.set).start()
    try:
        found = run(stage, processes, *(meet(Toy(word=f"{number}")) for number in range(40)))
    finally:
        STOPPING.clear()
    assert set(found.values()) == {"run", "not run"}
    assert len(found) == 40
