"""What earlier runs of a step say of the next one."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import chain

from flows.estimates import rules
from flows.estimates.quantities import Estimate, Interval
from models.config import leaves
from models.pretraining.pretrain import PretrainConfig
from tasks.adapt import AdaptConfig
from tasks.graph.refs import Ref
from tasks.running import expected
from tasks.running.work import PEAK_MEMORY
from tasks.storage import artifacts
from tasks.storage.artifacts import Made

LABELS = "headwater.labels"
WORK = "read_megabytes"
"""Beside the estimate in a run's tag: how much text its time goes by."""
SCALED = frozenset({"tokens", "labels", "validation_rows", "seed"})
"""Settings of a training that may differ: its time is scaled by them, or they bear on none."""
_COMPARED = 200
"""Characters of a setting; of long ones MLflow has only the beginning."""
Work = Callable[[Ref, int | None], float | None]
"""How much work a step is at a number of labels (None: at its own), in whatever unit; None where that is not known."""


class Past:
    """The finished runs of a recipe."""

    def __init__(self, recipe: str, work: Work) -> None:
        self._work = work
        self._unread = artifacts.finished(recipe)
        self._read: list[Made] = []
        self._newest = cache(self._found)

    def estimate(self, ref: Ref) -> Estimate | None:
        """As the newest run of the same step for the same entry, scaled to the text, tokens or labels there are now."""
        if ref.about.shard:
            return None  # shards differ in size, and that is what their time goes by
        made, exact = self._last(ref)
        if made is None or not _alike(made, ref):
            return None
        times = self._times(made, ref, exact)
        if times is None:
            return None
        less, more = (1.2, 1.3) if exact else (1.5, 1.5)
        kept = artifacts.size(made) * (times if ref.step in rules.KEPT else 1.0)
        memory = made.metrics.get(PEAK_MEMORY)
        return Estimate(
            Interval.around(made.seconds * times, less, more),
            Interval.around(memory, 1.1, 1.2) if memory else None,
            Interval.around(kept, 1.05, 1.05),
            "past",
        )

    def _times(self, made: Made, ref: Ref, exact: bool) -> float | None:
        """How many times as much work it is as it was; None where one of both is not known."""
        before, now = 1.0, rules.work(ref)
        if isinstance(ref.config, PretrainConfig) and ref.config.train.tokens is not None:
            before, now = made.metrics.get("train/tokens"), ref.config.train.tokens
        elif not exact:
            before, now = self._work(ref, int(made.tags.get(LABELS, 0))), self._work(ref, None)
        elif now is not None:
            before = expected.read(made.tags).get(WORK)
        else:
            now = 1.0  # it goes by no text
        return now / before if before and now else None

    def _last(self, ref: Ref) -> tuple[Made | None, bool]:
        """The newest run of the step for the entry, and whether it was for as many labels."""
        about = ref.about
        tags = {
            "headwater.step": ref.step,
            "headwater.name": about.downstream or about.upstream,
            "headwater.mode": about.mode,
        }
        # How many rows "all" were is known from then on; that all were asked for stays.
        of_labels = {name: value for name, value in about.tags().items() if "labels" in name}
        made = self._find(tags | of_labels)
        if made is not None or not isinstance(ref.config, AdaptConfig):
            return made, True
        return self._find(tags), False

    def _find(self, tags: Mapping[str, str]) -> Made | None:
        return self._newest(tuple(tags.items()))

    def _found(self, tags: tuple[tuple[str, str], ...]) -> Made | None:
        """The newest that has these tags ("": has none), among those that were read already if it is one of them."""

        def unread() -> Iterator[Made]:
            for made in self._unread:
                self._read.append(made)
                yield made

        every = chain(self._read, unread())
        return next(
            (made for made in every if all(made.tags.get(name, "") == tag for name, tag in tags)), None
        )


def _alike(made: Made, ref: Ref) -> bool:
    """Whether a training had the settings that are asked for now, but for those it can be scaled by."""
    if not isinstance(ref.config, PretrainConfig | AdaptConfig):
        return True
    settings = {name: str(value)[:_COMPARED] for name, value in leaves(ref.config.identity())}
    return all(
        made.parameters.get(name, "")[:_COMPARED] == value
        for name, value in settings.items()
        if name.rpartition(".")[2] not in SCALED
    )
