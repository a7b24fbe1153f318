"""Which step runs when: as soon as its inputs are there and there is a seat for it, and no sooner."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running.engine import Engine, Seat
from tasks.running.execution import Outcome, Turn
from tasks.running.failures import STOPPING

_LOOK_EVERY_SECONDS = 0.2
"""How often it is asked whether another run has finished what this one waits for."""

Ended = Callable[[], Outcome]
"""Says what became of a step that has ended."""
Start = Callable[[Ref, Seat, Callable[[Ended], None]], None]
"""Starts a step in its seat; when it has ended the third is called, from any thread."""


def run(refs: Sequence[Ref], outcomes: dict[str, Outcome], engine: Engine, start: Start) -> None:
    """Run steps, each after what it needs and independent ones at once.

    A step whose inputs failed is not run; the others go on. No thread waits for a turn: a step starts when it has it.
    One that was lost with the process or node it was in waits for another turn, as often as it may be retried.

    Args:
        refs: what to make, each after what it is made from.
        outcomes: what became of each step, by key; it takes in those of `refs` as they end.
        engine: where there are seats.
        start: starts a step.
    """
    waiting = {ref.key: Turn(ref, engine) for ref in refs}
    running: dict[str, Turn] = {}
    ended: SimpleQueue[Ended] = SimpleQueue()
    try:
        while waiting or running:
            for turn in _startable(waiting, outcomes):
                running[turn.ref.key] = waiting.pop(turn.ref.key)
                start(turn.ref, turn.seat, ended.put)
            for outcome in _never(waiting, outcomes):
                outcomes[outcome.ref.key] = outcome
                del waiting[outcome.ref.key]
            if running or waiting:
                for outcome in _ended(ended):
                    turn = running.pop(outcome.ref.key)
                    turn.close()
                    if outcome.status == "lost" and turn.lost < step_of(turn.ref).retries:
                        waiting[turn.ref.key] = Turn(turn.ref, engine, turn.lost + 1)
                        continue
                    outcomes[outcome.ref.key] = _final(outcome)
    finally:
        for turn in running.values():
            turn.close()


def _startable(waiting: dict[str, Turn], outcomes: dict[str, Outcome]) -> Iterator[Turn]:
    """Those whose turn it is, one by one, as they have it. Who wants everything for itself goes first: many steps wait
    for a pretraining."""
    if STOPPING.is_set():
        return
    ready = [turn for turn in waiting.values() if not _holding_up(turn.ref, outcomes)]
    makes_room = False
    for turn in ready:
        if step_of(turn.ref).process(turn.ref) == "exclusive":
            if turn.take():
                yield turn
            elif not turn.waits_for_another_run:
                makes_room = True
    for turn in ready:
        use = step_of(turn.ref).process(turn.ref)
        if use != "exclusive" and not (use == "shared" and makes_room) and turn.take():
            yield turn


def _never(waiting: dict[str, Turn], outcomes: dict[str, Outcome]) -> list[Outcome]:
    """What becomes of those that will not run."""
    if STOPPING.is_set():
        return [Outcome(turn.ref, "not run", reason="it was stopped") for turn in waiting.values()]
    return [
        Outcome(turn.ref, "not run", reason="a step it needs failed")
        for turn in waiting.values()
        if {"failed", "not run"} & _holding_up(turn.ref, outcomes)
    ]


def _holding_up(ref: Ref, outcomes: dict[str, Outcome]) -> set[str]:
    """What is the matter with its inputs, of those that are not there: `failed`, `not run`, or `to come`."""
    found = (outcomes.get(parent.key) for parent in ref.parents())
    states = {"to come" if outcome is None else outcome.status for outcome in found}
    return states - {"hit", "run"}


def _ended(ended: "SimpleQueue[Ended]") -> list[Outcome]:
    """Those that have ended, after a short wait for the first."""
    try:
        return [ended.get(timeout=_LOOK_EVERY_SECONDS)()]
    except Empty:
        return []


def _final(outcome: Outcome) -> Outcome:
    """What is lost for good has failed."""
    return replace(outcome, status="failed") if outcome.status == "lost" else outcome
