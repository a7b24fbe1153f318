"""NLP tasks a pretrained model is carried over to, one file or folder each.

A downstream says all there is to know about one NLP task: the form of its rows, how they become model inputs,
which model class and loss it trains, how model outputs become predictions in terms of the text, how predictions
are scored, and the cheap classical method a user would try first. Nothing here knows how a prediction came about:
a head, a prompt, a similarity and a baseline all end in the same predictions frame, so there is one path to score.

Heavy libraries (torch, transformers, sklearn, pandera) are imported inside functions: recipes name downstreams,
and reading a recipe has to be quick.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import Field

from models.interfaces.asked import Asked, NotInContext
from models.interfaces.features import Feature, padded, texts_batch
from models.interfaces.scored import Scored
from models.kinds import chosen
from models.late import np, pl

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


F = TypeVar("F", bound=Feature)
"""The features that a downstream makes of its rows."""


class Baseline(Protocol):
    """A fitted classical method."""

    setting: dict[str, Any]
    """What was chosen on validation rows."""

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Predictions frame of `rows`."""
        ...

    def save(self, folder: Path) -> None:
        """Write it in files that hold no code."""
        ...


class Downstream(Scored, Generic[F]):
    """One NLP task. A subclass in a module of its own is all that is needed to add one."""

    drawn_by: ClassVar[str | None] = None
    """Column that holds one class a row, of which label draws hold equally many; None: plain draws."""
    kinds: ClassVar[str | None] = None
    """Dotted path of what rows name that can only be answered where training rows name it: a class, types of entities.
    None: `drawn_by`."""
    model_class: ClassVar[str]
    """The `AutoModelFor…` class of transformers that holds the head."""
    texts: ClassVar[tuple[str, ...]] = ("text",)
    """Columns that hold what a model reads: a test row that stands in the corpus is found by them."""
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    """Columns that a prediction needs: the fields of a request."""
    decoder: ClassVar[bool] = False
    """Whether it needs a causal language model; others take either kind."""
    one_pass: ClassVar[bool] = True
    """Whether a batch is read in one pass through the model; else it takes many, however much of it is padding."""
    pool: ClassVar[str | None] = None
    """Boolean column: a row where it is true is no example but what examples speak of (a passage to be found, say).

    Such rows stand in every part, after the examples, and are not counted as labels.
    """
    refers: ClassVar[str | None] = None
    """By which examples name rows of the pool: the dotted path of an id, in a list of objects."""
    decoded_by: ClassVar[frozenset[str]] = frozenset()
    """Settings that `decode` alone knows, which validation rows may choose; model inputs do not depend on them."""
    scores_gold: ClassVar[bool] = False
    """Whether predictions say how likely the gold answer is, so that test rows are encoded with their labels."""

    max_length: int = Field(
        default=128, ge=8, description="Longest input in tokens; the rest of a longer text is cut off."
    )
    # ---- rows

    @abstractmethod
    def schema(self) -> DataFrameSchema:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What every row must be; other columns (`file`, `line`, …) are let through."""

    @abstractmethod
    def examples(self) -> pl.DataFrame:
        """At least eight made-up rows that `schema` accepts and a model can learn by heart."""

    @abstractmethod
    def corrupted(self) -> pl.DataFrame:
        """Rows each of which `schema` must reject."""

    def settle(self, train: pl.DataFrame) -> Self:
        """This downstream with all that a recipe may leave open taken from training rows."""
        return self

    def learning_from(self, train: pl.DataFrame) -> Self:
        """This downstream with what training has to know of the rows that were drawn for it: what each class counts."""
        return self

    def check(self, train: pl.DataFrame) -> None:
        """Refuse training rows from which nothing can be learnt.

        Raises:
            DataError: saying what is wrong with them.
        """

    def check_choice(self, train: pl.DataFrame, validation: pl.DataFrame) -> None:
        """Refuse validation rows by which nothing that is learnt from `train` can be chosen.

        Raises:
            DataError: saying what is wrong with them.
        """

    def tuned_on(self, rows: pl.DataFrame, predicted: Callable[[Self], pl.DataFrame]) -> Self:
        """This downstream with how outputs are read chosen on validation rows, once a model has learnt.

        Args:
            predicted: predictions of `rows` as a downstream reads them.
        """
        return self

    def modes(self, decoder: bool) -> frozenset[str]:
        """Of the modes that are not for every downstream, those that mean something for this one.

        Args:
            decoder: whether the model reads from left to right.
        """
        return frozenset()

    # ---- model

    def head(self) -> dict[str, Any]:
        """Settings of the model's configuration that describe the head; those an architecture lacks are left out."""
        return {}

    def prepare(self, model: PreTrainedModel) -> None:
        """Takes off a model that was just made or loaded what this downstream does not use."""

    @abstractmethod
    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[F]:
        """Model inputs of `rows`, in their order, one or more a row; with labels only if `labelled`."""

    def reading(self, features: Sequence[F]) -> dict[str, int]:
        """How rows fitted into model inputs; empty where that is not said."""
        return {}

    def collate(self, features: Sequence[F], tokenizer: PreTrainedTokenizerBase) -> dict[str, torch.Tensor]:
        """A batch: `input_ids`, `attention_mask` and, where the features have them, `token_type_ids` (batch, longest)
        and `labels` (batch,)."""
        import torch

        padding: Any = tokenizer.pad_token_id
        batch = texts_batch([feature.input_ids for feature in features], padding)
        types = [feature.token_type_ids for feature in features if feature.token_type_ids is not None]
        if types:
            batch["token_type_ids"] = padded(types, 0)
        labels = [feature.label for feature in features if feature.label is not None]
        if labels:
            batch["labels"] = torch.tensor(labels)
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Training loss of a batch (scalar)."""
        return model(**batch).loss

    def targets(self, batch: Mapping[str, torch.Tensor]) -> float:
        """How many targets `loss` is the mean of: rows, where it is not said otherwise."""
        return len(batch["input_ids"])

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """What `decode` needs of each feature of a batch, free of padding; and the loss, where there are labels."""
        output = model(**batch)
        loss = None if output.loss is None or output.loss.isnan() else float(output.loss)
        return list(output.logits.double().cpu().numpy()), loss

    def mine(
        self, features: Sequence[F], rows: pl.DataFrame, say: Callable[[], Sequence[np.ndarray]], seed: int
    ) -> list[list[int]]:
        """For each feature of labelled training rows the numbers of those that it learns to be told from, beside what
        shares its batch; empty where a downstream looks for none.

        Args:
            say: `outputs` of each feature from the model before it learns.
        """
        return []

    def export(self, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
        """Writes beside the weights and the tokenizer in `folder` what another library needs to load them."""

    @abstractmethod
    def oracle(self, feature: F) -> np.ndarray:
        """What `outputs` would be from a model that knows the gold answer of a labelled feature."""

    @abstractmethod
    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[F], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Predictions in terms of the text: `id` and the columns of this downstream, in the order of `rows`."""

    def fused(self, outputs: Sequence[np.ndarray], features: Sequence[F], rows: pl.DataFrame) -> Self:
        """This downstream with the cheap classical method having its say in `decode` beside the model's outputs; how
        much, is chosen on the labelled `rows`. For mode hybrid."""
        raise NotImplementedError(f"{self.kind} has no hybrid")

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """A row of predictions as the JSON-able answer to a request."""
        return {name: value for name, value in prediction.items() if name != "id"}

    # ---- without learning

    def ask(self, asked: Asked) -> tuple[list[F], list[np.ndarray]]:
        """Features and outputs, as `decode` takes them, of a pretrained model that has learnt nothing of this.

        For those of `modes` in which no weight is updated.
        """
        raise NotInContext(f"{self.kind} has no answers from a model that has learnt nothing of it")

    # ---- the cheap classical method

    def metric_names(self) -> list[str]:
        """Every metric there is, but for those of a single label: the baseline's, which has learnt its made-up rows."""
        rows = self.examples()
        settled = self.settle(rows)
        predictions = settled.fit_baseline(rows, rows, 0).predict(rows)
        totals = settled.statistics(rows, predictions).sum(axis=0)
        of_a_label = tuple(f"/{label}" for label in settled.rates(totals))
        return [name for name in settled.metrics(totals) if not name.endswith(of_a_label)]

    @abstractmethod
    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        """The baseline fitted on `train`, its settings chosen on `validation`."""

    @abstractmethod
    def load_baseline(self, folder: Path) -> Baseline:
        """The baseline that `save` wrote to `folder`."""


if TYPE_CHECKING:
    DownstreamField = Downstream
else:
    DownstreamField = chosen("models.downstream", Downstream)
    """A downstream in a configuration: `{kind: classification, …}`."""
