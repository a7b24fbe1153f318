"""What one training does, and where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from models.training.optimizers import OptimizerConfig
from models.training.settings import Sharding, TrainingSettings
from models.workplace import Workplace

Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """What one training does; logging, workplace and checkpoints change nothing of its weights."""

    steps: int
    optimizer: OptimizerConfig
    seed: int
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    log_every: int = 50
    """Steps between two records; the losses between them are averaged."""
    evaluate_every: int = 0
    """Steps between two evaluations; the last step is always evaluated. 0: only the last."""
    keep_best: Callable[[Metrics], float] | None = None
    """What an evaluation is good for, higher is better: the model ends with the weights of its best evaluation."""
    workplace: Workplace = field(default_factory=Workplace)
    """Where it happens; checkpoints are written to its folder, if it has one."""
    checkpoint_seconds: float = 60.0
    """Time between two checkpoints; none is begun while another is being written. 0: one of each step, which waits for
    the last. When they are written changes no result."""
    sharding: Sharding = "none"
    """What of several processes each holds for itself."""
    ahead: int | None = None
    """Steps whose batches a thread makes ahead; None: as many as the device needs."""
    by_row: bool = False
    """Whether token embeddings are moved by the rows that a step reads (`row_adamw.py`), on a CPU: the same up to
    rounding, in a fraction of the time where a step reads few of many."""
