"""How long a run takes as a whole: its steps are put on the seats there are, as the run itself will."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flows.estimates.quantities import Estimate, Interval
from tasks.environment import Machine
from tasks.graph.refs import Ref
from tasks.graph.step import step_of
from tasks.running.turns import Taking, Turns

OWN_MEMORY = Interval.around(700e6, 1.4, 1.3)
"""Bytes of the process that orchestrates, with Prefect and MLflow."""
OPENING = Interval.around(11.0, 2.0, 2.0)
"""Seconds until Prefect has started, and the flow run's page is written."""
STARTING = Interval.around(4.0, 2.0, 2.0)
"""Seconds until a training process has started and imported torch, for which its first step waits."""


@dataclass
class _Seats:
    """Those of training processes, and those in the run's own process."""

    training: int
    own: int
    of_pretraining: int
    """Of training processes, those that a pretraining takes."""
    pretrainings: int
    """That may begin."""

    def sit(self, use: str | None) -> bool:
        """Take what a step of this `use` wants, if it is there."""
        wanted = self._wanted(use)
        if self.training < wanted or not {None: self.own, "exclusive": self.pretrainings}.get(use, True):
            return False
        self.training, self.own = self.training - wanted, self.own - (use is None)
        self.pretrainings -= use == "exclusive"
        return True

    def rise(self, use: str | None) -> None:
        """Give it back."""
        self.training += self._wanted(use)
        self.own += use is None
        self.pretrainings += use == "exclusive"

    def _wanted(self, use: str | None) -> int:
        return 0 if use is None else 1 if use == "shared" else self.of_pretraining


def with_starts(estimates: Mapping[Ref, Estimate], machine: Machine) -> dict[Ref, Estimate]:
    """The same, with the start of each training process added to the step that it is started for.

    One is started when more steps want one than ever before at once. What a step took earlier may have it already.
    """
    found, ends = dict(estimates), list[float]()
    started = 0
    for ref, (begin, end) in _ends(estimates, machine, _about).items():
        if step_of(ref).process(ref) is None:
            continue
        ends = [other for other in ends if other > begin] + [end]
        if len(ends) > started:
            started, item = len(ends), found[ref]
            if item.seconds is not None and item.basis != "past":
                found[ref] = replace(item, seconds=item.seconds + STARTING)
    return found


def total(estimates: Mapping[Ref, Estimate], machine: Machine) -> Estimate:
    """Of all steps together: each starts once its inputs are there and it has a seat.

    Memory is the most that steps hold at the same time, and disk what all artifacts take.
    """
    ends = [_ends(estimates, machine, pick) for pick in (_low, _about, _high)]
    seconds = Interval(*(max((end for _, end in spans.values()), default=0.0) for spans in ends))
    memories = {ref: item.memory for ref, item in estimates.items() if item.memory is not None}
    most = Interval(0.0, 0.0, 0.0)
    for begin, _ in (ends[1][ref] for ref in memories):
        at_once = [memory for ref, memory in memories.items() if ends[1][ref][0] <= begin < ends[1][ref][1]]
        most = max(most, sum(at_once, Interval(0.0, 0.0, 0.0)), key=lambda item: item.about)
    disk = sum((item.disk for item in estimates.values() if item.disk), Interval(0.0, 0.0, 0.0))
    return Estimate(seconds + OPENING if estimates else seconds, most + OWN_MEMORY, disk)


def _ends(
    estimates: Mapping[Ref, Estimate], machine: Machine, pick: Callable[[Interval], float]
) -> dict[Ref, tuple[float, float]]:
    """When each step begins and ends, in seconds; what nothing is known of takes no time."""
    jobs = max(1, min(machine.jobs, machine.cores))
    at_once = min(machine.pretrainings, jobs)
    seats, now = _Seats(jobs, machine.cores, jobs // at_once, at_once), 0.0
    turns, running = Turns(list(estimates)), []

    def take(ref: Ref) -> Taking:
        return "taken" if seats.sit(step_of(ref).process(ref)) else "full"

    spans: dict[Ref, tuple[float, float]] = {}
    while True:
        for ref in turns.startable(take):
            known = estimates[ref].seconds
            spans[ref] = now, now + (pick(known) if known else 0.0)
            heapq.heappush(running, (spans[ref][1], len(spans), ref))
        if not running:
            return spans  # what is left, if anything, waits for a step that is not in the list at all
        now, _, done = heapq.heappop(running)
        seats.rise(step_of(done).process(done))
        turns.ended(done)


def _low(item: Interval) -> float:
    return item.low


def _about(item: Interval) -> float:
    return item.about


def _high(item: Interval) -> float:
    return item.high
