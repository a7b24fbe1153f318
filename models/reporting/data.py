"""What a report says, as plain typed values: whoever fills these in gets the page, the figures and the tables.

Nothing here knows where the numbers came from. A further downstream, transfer mode or number of labels is
one more `Entry` or `Score`.
"""

from collections.abc import Mapping

from models.modes import CONTROLS
from models.reporting.parts import Interval, Part, Verdict


class Gain(Interval):
    """`mode` minus `against` on the same test rows and seeds at the same number of labels, paired."""

    mode: str
    against: str
    labels: int
    metric: str
    verdict: Verdict
    """Better or worse only where the interval excludes 0."""


class Confusion(Part):
    """`counts[i][j]`: test rows of gold class i that were predicted as class j."""

    classes: tuple[str, ...]
    spoken: bool = False
    """Whether the classes are names that a page says in its language; else they are the data's own."""
    counts: tuple[tuple[int, ...], ...]


class Tried(Part):
    """A trial: a setting, and the headline metric that it has on validation rows."""

    rows: int
    setting: Mapping[str, str]
    validation: float | None
    best_step: int
    diverged: bool


class ByLabel(Part):
    """How well one label, a class say, is found."""

    label: str
    rows: float
    """Test rows that have it; where each row was asked several times, the mean."""
    precision: Interval
    recall: Interval
    f1: Interval


class Bin(Part):
    """Predictions of like confidence."""

    rows: int
    confidence: float
    """Mean."""
    right: float
    """Share."""


class Reliability(Interval):
    """The expected calibration error, and the bins it is made of."""

    bins: tuple[Bin, ...]


class Calibration(Part):
    """How far confidence is from being right, without and with the temperature that was fitted on validation rows."""

    before: Reliability
    after: Reliability


class Reading(Part):
    """How the test rows fitted into the model's inputs."""

    rows: int
    long: int
    """Rows of more tokens than an input takes."""
    tokens: int
    lost: int
    """Tokens that were not read."""
    windows: int
    """Inputs that were made of the longest row."""


class Score(Part):
    """One adapted model on the test rows, or those of several seeds: then numbers are means, and what cannot be
    averaged is the first one's."""

    mode: str
    labels: int
    seed: int
    metrics: dict[str, Interval]
    without_leaks: Mapping[str, Interval] = {}
    without_duplicates: Mapping[str, Interval] = {}
    validation: float | None = None
    train_rows: int | None = None
    validation_rows: int | None = None
    trainable_parameters: int | None = None
    setting: Mapping[str, str] = {}
    trials: tuple[Tried, ...] = ()
    """What was tried to choose it."""
    chance: float | None = None
    """The headline metric of one who always says the commonest class, where there are classes."""
    dropped: int = 0
    """Demonstrations that did not fit before their questions."""
    confusion: Confusion | None = None
    by_label: tuple[ByLabel, ...] = ()
    calibration: Calibration | None = None
    reading: Reading | None = None
    worst: tuple[dict[str, str | int | float | None], ...] = ()
    """Wrong predictions with their rows: `id`, `file`, `line` and what the downstream has to show of them."""
    by_seed: tuple["Score", ...] = ()
    """Each of several seeds by itself."""

    @property
    def models(self) -> "tuple[Score, ...]":
        """Each model by itself."""
        return self.by_seed or (self,)

    @property
    def transferred(self) -> bool:
        """False for the controls."""
        return self.mode not in CONTROLS


class Kept(Part):
    """An artifact of an earlier run that counts by somebody's decision."""

    step: str
    run_id: str
    reason: str


class Quarantined(Part):
    """A row that was set aside, with its reason and where it came from."""

    file: str
    line: int
    field: str
    reason: str
    raw: str


class Leak(Part):
    """A test row whose text is in the corpus: how, in how many documents, and the first of them."""

    row_id: str
    kind: str
    documents: int
    corpus_id: str
    corpus_file: str
    corpus_line: int


class Lengths(Part):
    """Histogram of text lengths in characters: `counts[i]` texts from `edges[i]` up to `edges[i + 1]`."""

    edges: tuple[int, ...]
    counts: tuple[int, ...]
    median: float
    p95: float
    longest: int


class Data(Part):
    """The corpus or one data set: what was read and what became of it."""

    name: str
    read: int
    kept: int
    quarantined: Mapping[str, int] = {}
    removed: Mapping[str, int] = {}
    masked: Mapping[str, int] = {}
    parts: Mapping[str, int] = {}
    examples: tuple[Quarantined, ...] = ()
    duplicates: Mapping[str, int] = {}
    repeated_rows: int = 0
    """Test rows whose text a training or validation row has too."""
    leaked_rows: int = 0
    leaks: tuple[Leak, ...] = ()
    leaks_shown: int = 20
    """How many of them the page shows; leaks.csv has all."""
    lengths: Lengths | None = None
    labels: Mapping[str, Mapping[str, int]] = {}
    """How often each label, a class say, stands in each part; empty where there are no labels of a few names."""


class Point(Part):
    """One line of the training history; `tokens` seen so far, losses in nats a token."""

    tokens: int
    train_loss: float | None = None
    eval_loss: float | None = None


class Pretraining(Part):
    """One upstream; `history` is empty for a model that was brought along."""

    name: str
    history: tuple[Point, ...] = ()
    facts: Mapping[str, str] = {}
    unspaced: float = 0.0
    """Share of the held-out letters that stand in words of more than 40 letters."""


class Entry(Part):
    """One downstream entry of the recipe; the first metric is the one the headline speaks of."""

    name: str
    downstream: str
    upstream: str
    metrics: tuple[str, ...]
    lower_is_better: frozenset[str] = frozenset()
    data: Data
    scores: tuple[Score, ...]
    gains: tuple[Gain, ...] = ()
    facts: Mapping[str, str] = {}
    inapplicable: tuple[str, ...] = ()
    """Modes that were asked for and mean nothing here."""

    def has_no_width(self, metric: str) -> bool:
        """Whether an interval of the metric is one point, as where all test rows are right."""
        scores = (score.metrics[metric] for score in self.scores if metric in score.metrics)
        return any(score.low == score.high for score in scores)

    @property
    def modes(self) -> tuple[str, ...]:
        """Ways of transfer in the order given, then the controls."""
        seen = dict.fromkeys(score.mode for score in self.scores)
        return (
            *(mode for mode in seen if mode not in CONTROLS),
            *(mode for mode in CONTROLS if mode in seen),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of labels, ascending."""
        return tuple(sorted({score.labels for score in self.scores}))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Over which scores are means; only one where there are no others."""
        return tuple(sorted({model.seed for score in self.scores for model in score.models}))

    def score(self, mode: str, labels: int) -> Score | None:
        """The score of a mode at a number of labels, None where it was not run."""
        return next((item for item in self.scores if (item.mode, item.labels) == (mode, labels)), None)

    def gain(self, mode: str, against: str, labels: int, metric: str) -> Gain | None:
        """The paired difference, None where one of the two was not run."""
        wanted = (mode, against, labels, metric)
        known = ((item, (item.mode, item.against, item.labels, item.metric)) for item in self.gains)
        return next((item for item, about in known if about == wanted), None)

    def leading(self, labels: int | None = None) -> Score | None:
        """The transferred model that is best on validation rows, at `labels` or at the most labels there are."""
        found = [score for score in self.scores if score.transferred]
        labels = max((score.labels for score in found), default=0) if labels is None else labels
        sign = -1 if self.metrics[0] in self.lower_is_better else 1

        def on_validation(score: Score) -> float:
            return float("-inf") if score.validation is None else sign * score.validation

        return max((score for score in found if score.labels == labels), key=on_validation, default=None)
