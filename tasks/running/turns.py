"""Whose turn it is: who has its inputs, in the order of the list, and first whoever wants everything for itself."""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from tasks.graph.refs import Ref
from tasks.graph.step import step_of

Taking = Literal["taken", "full", "not yet"]
"""Whether a step has what it takes to start; `full` says that no other of its kind has room either."""


class Turns:
    """Steps that wait, by what they wait for; what each event changes is looked at, and not all of them again."""

    def __init__(self, refs: Sequence[Ref]) -> None:
        """
        Args:
            refs: each after what it is made from; what they need and is not among them is there.
        """
        self._refs, self._places = refs, {ref.key: place for place, ref in enumerate(refs)}
        self._open, self._children = [0] * len(refs), defaultdict[str, list[int]](list)
        self._waiting = set(range(len(refs)))
        self._ready = defaultdict[str | None, list[int]](list)
        """Places in the list, by the use of a training process."""
        for place, ref in enumerate(refs):
            parents = {parent.key for parent in ref.parents()}
            self._open[place] = len(parents & self._places.keys())
            for parent in parents:
                self._children[parent].append(place)
            if not self._open[place]:
                self._is_ready(place)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def startable(self, take: Callable[[Ref], Taking]) -> Iterator[Ref]:
        """Those whose turn it is, one by one as `take` has them take what they need.

        Who wants everything for itself goes first, and has those that share make room: many steps wait for a
        pretraining.
        """
        makes_room = False
        for use in ("exclusive", "shared", None):
            if use == "shared" and makes_room:
                continue
            for place in [place for place in self._ready[use] if place in self._waiting]:
                taking = take(self._refs[place])
                if taking == "taken":
                    self._ready[use].remove(place)
                    self._waiting.remove(place)
                    yield self._refs[place]
                elif taking == "full":
                    makes_room = makes_room or use == "exclusive"
                    break

    def ended(self, ref: Ref) -> None:
        """What has waited for it alone is ready."""
        for place in self._children[ref.key]:
            self._open[place] -= 1
            if not self._open[place] and place in self._waiting:
                self._is_ready(place)

    def again(self, ref: Ref) -> None:
        """It has to wait for another turn."""
        place = self._places[ref.key]
        self._waiting.add(place)
        self._is_ready(place)

    def without(self, ref: Ref) -> Iterator[Ref]:
        """Those that wait for it, or for what is made from it: they wait no longer, since it will not be there."""
        for place in self._children[ref.key]:
            if place in self._waiting:
                self._waiting.remove(place)
                yield self._refs[place]
                yield from self.without(self._refs[place])

    def rest(self) -> Iterator[Ref]:
        """All that wait; they wait no longer."""
        for place in sorted(self._waiting):
            yield self._refs[place]
        self._waiting.clear()
        self._ready.clear()

    def _is_ready(self, place: int) -> None:
        ref = self._refs[place]
        insort(self._ready[step_of(ref).process(ref)], place)
