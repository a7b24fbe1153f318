"""What trials came to."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ConfigDict

from models.config import Config
from models.files import seal, sealed
from models.tuning.hyperparameters import Setting

DONE, MODEL = "done.json", "model"
"""What a trial that has ended leaves in its folder; the model where it was the best so far."""


class Trial(Config):
    """One setting, tried."""

    # Settings are finite; what they come to may not be.
    model_config = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="constants")

    rows: int
    """Training rows."""
    steps: int
    learning_rate: float
    train_embeddings: bool
    others: Mapping[str, bool | int | float | str] = {}
    """Further hyperparameters that were searched for."""
    best_step: int
    """Step of the weights that were kept; 0 is the start."""
    metrics: dict[str, float]
    """On validation rows, of the weights that were kept."""
    diverged: bool
    """Whether the loss stopped being finite."""

    @property
    def setting(self) -> Setting:
        """What was tried."""
        return Setting(self.learning_rate, self.train_embeddings, tuple(self.others.items()))


class Result(Trial):
    """A trial with all that is kept of it if it is the best."""

    score: float
    """What it is chosen by, higher is better."""
    history: list[dict[str, int | float]]
    """Its curve."""
    trainable_parameters: int

    def trial(self) -> Trial:
        """What is said of it beside the others."""
        return Trial.model_validate({name: getattr(self, name) for name in Trial.model_fields})

    def write(self, folder: Path) -> None:
        """Keeps it in the trial's folder, beside the model; what is there by then, is whole for sure."""
        (folder / DONE).write_text(self.model_dump_json())
        seal(folder, *_names(folder))


def read(folder: Path) -> Result | None:
    """The result of a trial; None where it has not ended, or what it left is damaged."""
    whole = sealed(folder, *_names(folder))
    return Result.model_validate_json((folder / DONE).read_bytes()) if whole else None


def _names(folder: Path) -> list[str]:
    return [DONE, *([MODEL] if (folder / MODEL).exists() else [])]
