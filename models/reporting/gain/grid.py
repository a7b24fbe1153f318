"""What the transfer bought, over numbers of labels and seeds: one grid of models, all scored on the same test rows."""

from collections.abc import Mapping

from models.interfaces.asked import IN_CONTEXT
from models.modes import CONTROLS
from models.reporting.parts import Interval, Part, Verdict


class Difference(Interval):
    """A paired difference."""

    verdict: Verdict
    """Better or worse only where the interval excludes 0."""


class Cell(Part):
    """One mode at one number of labels; numbers are means over seeds, intervals over seeds, draws and test rows."""

    mode: str
    labels: int
    seeds: tuple[int, ...]
    metrics: dict[str, Interval]
    by_seed: tuple[float, ...]
    """The headline metric of each seed."""
    against: Mapping[str, Difference] = {}
    """The headline metric minus that of `scratch` and `baseline` at as many labels, paired on rows and seeds."""
    without_leaks: Interval | None = None
    """The headline metric without test rows that stand in the corpus, where there are some."""
    trainable_parameters: int | None = None
    dropped: int = 0
    """Demonstrations that did not fit before their questions, in all."""
    seconds: float = 0.0
    """Of adapting and of predicting the test rows."""
    memory: float | None = None
    """Most bytes held while adapting."""


class Worth(Part):
    """How many labels `scratch` needs for the score that a mode has with `labels`.

    Between the numbers of labels that scratch was given its score is taken to rise evenly with their logarithm, and
    never to fall. None: more than the `most` it was given. `least`: that many or fewer.
    """

    mode: str
    labels: int
    needed: float | None
    low: float | None
    high: float | None
    least: int
    most: int


class Pace(Part):
    """Training steps until a mode is, on validation rows, where `scratch` is at its best.

    Means over the seeds that get there; None where none does.
    """

    mode: str
    labels: int
    scratch: float | None
    """Steps that scratch itself takes to its best."""
    steps: float | None
    reached: int
    seeds: int


class Curve(Part):
    """The headline metric on validation rows while training, mean over seeds."""

    mode: str
    labels: int
    steps: tuple[int, ...]
    values: tuple[float, ...]


class Grid(Part):
    """One entry of the recipe: every cell, and what follows from them."""

    name: str
    downstream: str
    upstream: str
    metric: str
    lower_is_better: bool = False
    test_rows: int
    leaked_rows: int = 0
    """Test rows that stand in the corpus."""
    search: bool = True
    """Whether settings were searched for in each cell."""
    chance: float | None = None
    """The headline metric of one who always says the commonest class, where there are classes."""
    cells: tuple[Cell, ...]
    worths: tuple[Worth, ...] = ()
    paces: tuple[Pace, ...] = ()
    curves: tuple[Curve, ...] = ()
    inapplicable: tuple[str, ...] = ()

    @property
    def modes(self) -> tuple[str, ...]:
        """Modes in the order of their cells."""
        return tuple(dict.fromkeys(cell.mode for cell in self.cells))

    @property
    def way(self) -> str | None:
        """The way of transfer that sentences speak of: fine-tuning, or the first that learns."""
        ways = [mode for mode in self.modes if mode not in (*CONTROLS, *IN_CONTEXT)]
        return "finetune" if "finetune" in ways else next(iter(ways), None)

    def sizes(self, mode: str) -> tuple[int, ...]:
        """Numbers of labels of a mode, ascending."""
        return tuple(sorted(cell.labels for cell in self.cells if cell.mode == mode))

    def cell(self, mode: str, labels: int) -> Cell | None:
        """The cell, None where it was not run."""
        return next((cell for cell in self.cells if (cell.mode, cell.labels) == (mode, labels)), None)

    def worth(self, mode: str, labels: int) -> Worth | None:
        """How many labels scratch needs, None where scratch was not run."""
        return next((item for item in self.worths if (item.mode, item.labels) == (mode, labels)), None)

    def above_chance(self, cell: Cell) -> bool | None:
        """Whether the whole interval is above what always saying the commonest class has; None without classes."""
        return None if self.chance is None else cell.metrics[self.metric].low > self.chance
