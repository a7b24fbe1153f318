"""What earlier runs of a step say of the next one."""

from collections.abc import Callable

from flows.estimates.quantities import Estimate, Interval
from models.pretraining.pretrain import PretrainConfig
from tasks.adapt import AdaptConfig
from tasks.graph.refs import Ref
from tasks.running.work import PEAK_MEMORY
from tasks.storage import artifacts
from tasks.storage.artifacts import Made

LABELS = "headwater.labels"
Work = Callable[[Ref, int | None], float | None]
"""How much work a step is at a number of labels (None: at its own), in whatever unit; None where that is not known."""


def estimate(recipe: str, ref: Ref, work: Work) -> Estimate | None:
    """As the newest run of the same step for the same entry, scaled to the tokens or labels there are now."""
    made, exact = _newest(recipe, ref)
    if made is None:
        return None
    seconds, less, more = made.seconds, 1.2, 1.3
    if isinstance(ref.config, PretrainConfig):
        read, wanted = made.metrics.get("train/tokens"), ref.config.train.tokens
        if read and wanted:
            seconds *= wanted / read
    elif not exact:
        before, now = work(ref, int(made.tags.get(LABELS, 0))), work(ref, None)
        if not before or not now:
            return None
        seconds, less, more = seconds * now / before, 1.5, 1.5
    memory = made.metrics.get(PEAK_MEMORY)
    return Estimate(
        Interval.around(seconds, less, more),
        Interval.around(memory, 1.1, 1.2) if memory else None,
        Interval.around(artifacts.size(made.run_id), 1.05, 1.05),
        "past",
    )


def _newest(recipe: str, ref: Ref) -> tuple[Made | None, bool]:
    """The newest run of the step for the entry, and whether it was for as many labels."""
    about = ref.about
    tags = {
        "headwater.step": ref.step,
        "headwater.name": about.downstream or about.upstream,
        "headwater.mode": about.mode,
    }
    # How many rows "all" were is known from then on; that all were asked for stays.
    of_labels = {name: value for name, value in about.tags().items() if "labels" in name}
    made = artifacts.newest(recipe, tags | of_labels)
    if made is not None or not isinstance(ref.config, AdaptConfig):
        return made, True
    return artifacts.newest(recipe, tags), False
