"""Pretraining objectives, one file each.

An objective says what a model is asked about a text: how a batch of documents becomes inputs and targets, and
what the loss is. Order of documents, model, optimiser and checkpoints are the same for all (`models.pretraining`).

torch is imported inside functions: recipes name objectives, and reading a recipe has to be quick.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from models.kinds import Chosen, chosen

if TYPE_CHECKING:
    from torch import Generator, Tensor
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Vocabulary:
    """What an objective has to know of the tokens.

    Attributes:
        special: ids that are no part of a text, such as [CLS] and [PAD].
        mask: id of [MASK]; None where the tokenizer has none.
        counts: (tokens,) int64, how often each occurs in the training documents.
    """

    special: Tensor
    mask: int | None
    counts: Tensor


class Objective(Chosen, ABC):
    """One pretraining objective. A subclass in a module of its own is all that is needed to add one."""

    model_class: ClassVar[str]
    """The `AutoModelFor…` class of transformers that holds the head."""
    shared: ClassVar[frozenset[str]] = frozenset()
    """Which tensors of a batch are of all its rows together; the others have a row for each."""
    decoder: ClassVar[bool] = False
    """Whether the model reads from left to right and can continue a text."""

    def prepare(self, model: PreTrainedModel, vocabulary: Vocabulary) -> None:
        """Gives fresh weights a better start where the objective knows one."""

    @abstractmethod
    def batch(
        self, inputs: Mapping[str, Tensor], vocabulary: Vocabulary, generator: Generator
    ) -> dict[str, Tensor]:
        """Inputs and targets from documents.

        Args:
            inputs: `input_ids` (rows, length), int64, each row one framed document; `attention_mask` alongside
                where rows are padded.
            generator: the only source of chance.
        """

    @abstractmethod
    def losses(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scalars by name; `loss`, a mean over targets in nats, is minimised, the others are logged."""

    def targets(self, batch: Mapping[str, Tensor]) -> float:
        """How many targets the `loss` of a batch is the mean of."""
        return float((batch["targets"] >= 0).sum())

    def part(self, batch: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
        """Some rows of a batch, for one of several processes that share it.

        The parts' losses, each times its share of the targets, have to add up to the loss of the whole.
        """
        return {name: tensor if name in self.shared else tensor[rows] for name, tensor in batch.items()}

    @property
    def reads_weights(self) -> str:
        """The setting for which it reads weights itself, outside of the model's own pass; empty where none does."""
        return ""

    @abstractmethod
    def evaluate(self, model: PreTrainedModel, batch: Mapping[str, Tensor]) -> tuple[float, int]:
        """(sum of the loss over the targets in nats, number of targets) of a held-out batch."""

    def rates(self, nats: float, targets: int, size: int) -> dict[str, float]:
        """What else held-out text of `size` bytes says, by name, from its summed loss."""
        return {}


if TYPE_CHECKING:
    ObjectiveField = Objective
else:
    ObjectiveField = chosen("models.upstream", Objective)
    """The type of a configuration field that holds an objective."""
