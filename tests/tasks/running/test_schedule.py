"""Which step runs when."""

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.graph.refs import Ref, ordered
from tasks.running import execution, schedule
from tasks.running.engine import Seat
from tasks.running.execution import Outcome
from tasks.running.failures import STOPPING
from tasks.running.local import Local
from tasks.running.progress import Board
from tasks.running.training_processes import TrainingProcesses
from tasks.storage.lease import Lease, is_free
from tests.support.toy_steps import Toy, alone, meet, repeat, write
from tests.support.waiting import until


class Stage:
    """Starts steps on threads, and keeps what went on at once; a step here does nothing but take its time, and those of
    `together` end only once all of them have begun."""

    def __init__(self, failing: str = "", lose: int = 0, together: Collection[str] = ()) -> None:
        self.order: list[str] = []
        self.at_once: list[set[str]] = []
        self._going: set[str] = set()
        self._failing, self._lose = failing, lose
        self._together, self._met = together, threading.Event()
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(20)

    def start(self, ref: Ref, seat: Seat, on_end: Callable[[schedule.Ended], None]) -> None:
        with self._lock:
            word = ref.config.model_dump()["word"]
            self.order.append(word)
            self._going.add(word)
            self.at_once.append({*self._going})
            if self._going.issuperset(self._together):
                self._met.set()
        self.threads.submit(self._run, ref, word, on_end)

    def _run(self, ref: Ref, word: str, on_end: Callable[[schedule.Ended], None]) -> None:
        time.sleep(0.05)
        if word in self._together:
            self._met.wait(60)
        with self._lock:
            self._going.remove(word)
        became = "failed" if word == self._failing else "run"
        if word == self._failing and self._lose:
            self._lose, became = self._lose - 1, "lost"
        on_end(lambda: Outcome(ref, became))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def engine() -> Local:
    return Local(TrainingProcesses(threads=2, jobs=2), Board(), "cpu")


def run(stage: Stage, engine: Local, *targets: Ref) -> dict[str, str]:
    """What became of each step, by its word."""
    outcomes: dict[str, Outcome] = {}
    schedule.run(ordered(list(targets)), outcomes, engine, stage.start)
    return {item.ref.config.model_dump()["word"]: item.status for item in outcomes.values()}


def test_no_more_run_at_once_than_there_are_seats_and_none_is_started_before_it_has_one(
    engine: Local,
) -> None:
    stage = Stage(together=("0", "1"))
    found = run(stage, engine, *(meet(Toy(word=f"{number}")) for number in range(12)))
    assert list(found.values()) == ["run"] * 12
    assert max(map(len, stage.at_once)) == 2


def test_a_step_starts_after_all_it_needs(engine: Local) -> None:
    stage = Stage(together=("first", "beside"))
    first = write(Toy(word="first"))
    run(stage, engine, repeat(Toy(word="then"), rows=first), write(Toy(word="beside")))
    assert stage.order.index("first") < stage.order.index("then")
    assert {"first", "beside"} in stage.at_once and not any(
        {"first", "then"} <= going for going in stage.at_once
    )


def test_who_wants_everything_goes_first_and_alone(engine: Local) -> None:
    stage = Stage()
    many = [meet(Toy(word=f"{number}")) for number in range(6)]
    run(stage, engine, *many, alone(Toy(word="alone")))
    assert stage.order[0] == "alone" and stage.at_once[0] == {"alone"}
    assert not any("alone" in going for going in stage.at_once[1:])


def test_what_needs_a_failed_step_is_not_run_and_the_others_go_on(engine: Local) -> None:
    bad = write(Toy(word="bad"))
    wanted = repeat(Toy(word="next"), rows=bad), repeat(Toy(word="good next"), rows=write(Toy(word="good")))
    assert run(Stage(failing="bad"), engine, *wanted) == {
        "bad": "failed",
        "next": "not run",
        "good": "run",
        "good next": "run",
    }


def test_who_waits_for_another_run_holds_no_seat_meanwhile(engine: Local) -> None:
    stage = Stage()
    elsewhere = [meet(Toy(word=f"elsewhere {number}")) for number in range(2)]
    held = [Lease.take(ref.key) for ref in elsewhere]

    def release() -> None:
        until(lambda: len(stage.order) > 3, 60, "the fourth step")
        for lease in filter(None, held):
            lease.release()

    threading.Thread(target=release, daemon=True).start()
    found = run(stage, engine, *elsewhere, *(meet(Toy(word=f"{number}")) for number in range(4)))
    assert set(found.values()) == {"run"}
    assert stage.order[:4] == ["0", "1", "2", "3"]


def test_who_waited_for_another_run_that_failed_wants_room_again(engine: Local) -> None:
    ref = alone(Toy(word="alone"))
    held = Lease.take(ref.key)
    turn = execution.Turn(ref, engine)
    assert held and turn.take() == "not yet"
    seat = engine.take(meet(Toy(word="beside")))
    assert seat and turn.take() == "not yet"
    held.release()
    assert turn.take() == "full"
    seat.leave()
    assert turn.take() == "taken"
    turn.close()


def test_a_run_that_cannot_start_or_lease_a_step_leaves_nothing_taken(
    engine: Local, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refs = [meet(Toy(word=f"{number}")) for number in range(2)]
    stage = Stage()

    def fail(*_: object) -> None:
        raise RuntimeError("it cannot be started")

    with pytest.raises(RuntimeError):
        schedule.run(refs, {}, engine, fail)
    (tmp_path / "file").touch()
    with monkeypatch.context() as patch:
        patch.setenv("HEADWATER_HOME", str(tmp_path / "file"))
        with pytest.raises(NotADirectoryError):
            run(stage, engine, *refs)
    assert not stage.order and all(is_free(ref.key) for ref in refs)
    assert all(engine.take(ref) for ref in refs), "both seats are free again"


def test_a_run_that_is_stopped_starts_nothing_more(engine: Local) -> None:
    stage = Stage()

    def stop() -> None:
        until(lambda: len(stage.order) > 2, 60, "the third step")
        STOPPING.set()

    threading.Thread(target=stop, daemon=True).start()
    try:
        found = run(stage, engine, *(meet(Toy(word=f"{number}")) for number in range(40)))
    finally:
        STOPPING.clear()
    assert set(found.values()) == {"run", "not run"}
    assert len(found) == 40


def test_what_is_lost_with_its_node_is_started_anew_as_often_as_it_may_be_retried(
    engine: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "RETRY_SECONDS", [0.1] * 3)
    for lost, attempts in ((1, 2), (9, 3)):
        stage = Stage(failing="bad", lose=lost)
        assert run(stage, engine, write(Toy(word="bad"))) == {"bad": "failed"}
        assert stage.order == ["bad"] * attempts
