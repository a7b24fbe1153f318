"""Ways of carrying a model over to a downstream, one file each.

A way says what of the model learns, from which labelled rows, and how the result answers. Data, start and machine are
the same for all (`Problem`), and every way ends in a folder that `load` answers from.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from models.config import Config
from models.interfaces.downstream import Downstream
from models.kinds import Chosen, chosen
from models.late import np, pl
from models.workplace import Workplace

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from transformers import PreTrainedTokenizerBase

    from models.interfaces.features import Feature

Progress = Callable[[int, int, str], None]
"""Told how much is done, of how much, and a word on how it goes."""


@dataclass(frozen=True)
class Problem:
    """What is to be learnt, from which start and where."""

    downstream: Downstream
    source: Path
    """Folder of the pretrained model with its tokenizer, or where every weight is drawn anew of a tokenizer alone."""
    fresh: Config | None
    """Architecture (a `ModelConfig`) of which every weight is drawn anew; None where the pretrained model learns."""
    train: pl.DataFrame
    """Training rows in drawn order, so that the first n are a draw of n."""
    validation: pl.DataFrame
    pool: pl.DataFrame
    """Rows that examples speak of, after the training and the validation rows; most downstreams have none."""
    seed: int
    workplace: Workplace
    draw: Callable[[int], pl.DataFrame]
    """Training rows of another draw of the same size, by its number."""
    on_trial: Callable[[int, Config], None] = lambda number, trial: None
    """Told of each trial that has ended, counted from 1, also of those that ended before a kill."""

    @property
    def folder(self) -> Path:
        """What is made on the way lies here, and outlives the process."""
        assert self.workplace.folder is not None, "whoever poses a problem gives it a folder"
        return self.workplace.folder


@dataclass(frozen=True)
class Tuned:
    """What a way has made."""

    files: dict[str, Path]
    """Folders and files to keep, by their name beside the others; `model` is the model that `transformers` loads."""
    setting: dict[str, Any]
    """What was chosen on validation rows."""
    metrics: dict[str, float]
    """On validation rows, as the chosen trial had them; empty where nothing was trained."""
    trainable_parameters: int
    history: Sequence[Mapping[str, float]]
    """The curve of the chosen trial; empty where nothing was trained."""
    trials: Sequence[Config]
    """What was tried, and what it came to on validation rows."""
    tokenizer: PreTrainedTokenizerBase
    """What the model reads with."""
    downstream: Downstream | None = None
    """With what was chosen of how answers are read from the model's outputs; None: as the problem has it."""

    @property
    def model(self) -> Path:
        """Folder of the model that `transformers` loads."""
        return self.files["model"]


class Predictor(Protocol):
    """A model that answers."""

    @property
    def draws(self) -> int:
        """How many sets of demonstrations it has been given; 1 for a model that was trained."""
        ...

    @property
    def reads_apart(self) -> bool:
        """Whether what it makes of a row does not depend on the rows beside it, so that a pool is read only once."""
        ...

    @property
    def dropped(self) -> Mapping[str, int]:
        """What of the demonstrations did not fit into the model so far, counted over all questions."""
        ...

    @property
    def reading(self) -> Mapping[str, int]:
        """How the rows that were read last fitted into inputs; empty where that is not known."""
        ...

    def outputs(
        self,
        rows: pl.DataFrame,
        labelled: bool,
        draw: int = 0,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[Sequence[Feature], list[np.ndarray]]:
        """The features of rows and what the downstream's `decode` needs of each."""
        ...


class Transfer(Chosen, ABC):
    """One way. A subclass in a module of its own is all that is needed to add one.

    A recipe has a section for it, named after its kind, in each downstream entry; so every setting has a default.
    """

    modes: ClassVar[tuple[str, ...]]
    """What recipes and reports call it. It may make a control too, or differ by mode in how many rows are shown."""
    order: ClassVar[int] = 50
    """Where it is listed: lower ones first, those in which more of the model learns."""
    everywhere: ClassVar[bool] = True
    """Whether its modes mean something for every downstream; else `Downstream.modes` says for which."""
    takes_over: ClassVar[Mapping[str, frozenset[str]]] = {}
    """By the kind of another way: the settings that hold for this one too where its own section does not say them."""

    @property
    def searches(self) -> bool:
        """Whether it goes through trials that are worth a look each by itself."""
        return False

    def handed_on(self, name: str, taken: frozenset[str]) -> Any:
        """The setting `name` for a way that takes it over, and others of those that are `taken`."""
        return getattr(self, name)

    def shows(self, mode: str) -> int | None:
        """How many labelled rows the model is shown in a mode in which it does not learn; None where it learns."""
        return None

    @abstractmethod
    def carry(self, problem: Problem, on_progress: Progress) -> Tuned:
        """Learns; every choice is made on validation rows.

        Raises:
            DataError: nothing can be learnt from such rows, or they do not fit the model.
        """

    def without_search(self) -> Self:
        """The same with the first of all settings that it would try."""
        return self

    @abstractmethod
    def load(self, folder: Path, downstream: Downstream, device: str) -> Predictor:
        """What `carry` made, from the folder its files were kept in."""


if TYPE_CHECKING:
    TransferField = Transfer
    OwnTransferField = Transfer
else:
    TransferField = chosen("models.transfer", Transfer)
    """A way in a configuration: `{kind: finetune, …}`."""
    OwnTransferField = chosen("", Transfer)
    """One from outside."""
