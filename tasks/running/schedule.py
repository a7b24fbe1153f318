"""Which step runs when: as soon as its inputs are there and there is a seat for it, and no sooner."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running.engine import Engine, Seat
from tasks.running.execution import Outcome, Turn
from tasks.running.failures import STOPPING
from tasks.running.turns import Turns

_LOOK_EVERY_SECONDS = 0.2
"""How often it is asked whether another run has finished what this one waits for."""

_THERE = ("hit", "run")

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
    turns, waiting = Turns(refs), {ref.key: Turn(ref, engine) for ref in refs}
    running: dict[str, Turn] = {}
    ended: SimpleQueue[Ended] = SimpleQueue()
    for gone in [item.ref for item in outcomes.values() if item.status not in _THERE]:
        outcomes |= _not_run(turns.without(gone), "a step it needs failed")
    try:
        while turns or running:
            if STOPPING.is_set():
                outcomes |= _not_run(turns.rest(), "it was stopped")
            for ref in turns.startable(lambda ref: waiting[ref.key].take()):
                running[ref.key] = waiting.pop(ref.key)
                start(ref, running[ref.key].seat, ended.put)
            for outcome in _ended(ended) if running or turns else ():
                turn = running.pop(outcome.ref.key)
                turn.close()
                if outcome.status == "lost" and turn.lost < step_of(turn.ref).retries:
                    waiting[turn.ref.key] = Turn(turn.ref, engine, turn.lost + 1)
                    turns.again(turn.ref)
                    continue
                outcomes[outcome.ref.key] = outcome = _final(outcome)
                if outcome.status in _THERE:
                    turns.ended(turn.ref)
                else:
                    outcomes |= _not_run(turns.without(turn.ref), "a step it needs failed")
    finally:
        for turn in running.values():
            turn.close()


def _not_run(refs: Iterable[Ref], reason: str) -> dict[str, Outcome]:
    """What becomes of those that will not run."""
    return {ref.key: Outcome(ref, "not run", reason=reason) for ref in refs}


def _ended(ended: "SimpleQueue[Ended]") -> list[Outcome]:
    """Those that have ended, after a short wait for the first."""
    try:
        return [ended.get(timeout=_LOOK_EVERY_SECONDS)()]
    except Empty:
        return []


def _final(outcome: Outcome) -> Outcome:
    """What is lost for good has failed."""
    return replace(outcome, status="failed") if outcome.status == "lost" else outcome
