"""What classification and pairs have in common: texts are put into one of a few classes, have any number of a few
labels, or a place on a scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, ClassVar, Self

from models.data.checks import not_blank
from models.errors import DataError
from models.interfaces.asked import IN_CONTEXT, Asked
from models.interfaces.features import Feature, beside, per_row
from models.interfaces.labels import Certainty, Rates
from models.late import np, pl
from models.targets.classes import Classes, balanced, counted
from models.targets.reading import Reader, Reading, counts
from models.targets.scale import Scale
from models.targets.settings import TARGETS, TargetSettings

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Targeted(TargetSettings):
    """A downstream whose rows have one target each."""

    decoded_by: ClassVar[frozenset[str]] = frozenset({"temperature", "threshold"})

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        texts = {name: pa.Column(pl.String, not_blank()) for name in ("id", *self.texts)}
        gold = TARGETS[self.target].schema(self.classes, self.label_separator)
        return pa.DataFrameSchema(texts | {self.target: gold})

    def with_gold(self, texts: pl.DataFrame) -> pl.DataFrame:
        """Made-up rows, of which every other text is alike, with ids and gold."""
        names = (self.classes or ("0", "1"))[:2]
        ids = pl.Series("id", [f"example-{number}" for number in range(texts.height)])
        return texts.select(ids, *texts.columns, pl.Series(self.target, TARGETS[self.target].examples(names)))

    def corrupted(self) -> pl.DataFrame:
        row = self.examples().row(0, named=True)
        rows = [row | {name: None} for name in ("id", *self.texts)]
        rows += [row | {name: blank} for name, blank in zip(self.texts, (" \t", ""), strict=False)]
        rows += [row | {self.target: gold} for gold in TARGETS[self.target].corrupted(self.classes)]
        return pl.DataFrame(rows, schema=self.examples().schema)

    def settle(self, train: pl.DataFrame) -> Self:
        gold = train[self.target]
        if self.target == "score" and self.scale is None:
            scale = Scale.of(gold)
            return self.model_copy(update={"scale": (scale.center, scale.spread)})
        if self.target != "score" and self.classes is None:
            labels = _each(gold).unique().sort()
            return self.model_copy(update={"classes": tuple(labels)})
        return self

    def learning_from(self, train: pl.DataFrame) -> Self:
        if self.balance == "none" or self.class_weights:
            return self
        return self.model_copy(update={"class_weights": balanced(train[Classes.column])})

    def check(self, train: pl.DataFrame) -> None:
        self.goal().check(train[self.target])

    def check_choice(self, train: pl.DataFrame, validation: pl.DataFrame) -> None:
        if self.target == "score":
            return
        known, asked = _each(train[self.target]), _each(validation[self.target])
        if len(known) and not asked.is_in(known.unique().implode()).any():
            raise DataError(
                f"none of the {validation.height:,} validation rows has a label that a training row has: theirs are "
                f"{counted(asked)}, those of the {train.height:,} training rows {counted(known)}. Settings are chosen "
                "by validation rows: give the source some with the training rows' labels, or raise 'labels'"
            )

    def tuned_on(self, rows: pl.DataFrame, predicted: Callable[[Self], pl.DataFrame]) -> Self:
        wanted = self.calibrate and self.temperature is None
        if self.target == "score" or not (wanted or (self.target == "labels" and self.threshold is None)):
            return self
        predictions = predicted(self)
        chosen = self.goal().chosen(beside(predictions, rows)[self.target], predictions, wanted)
        return self.model_copy(
            update={name: value for name, value in chosen.items() if getattr(self, name) is None}
        )

    # ---- model

    def head(self) -> dict[str, Any]:
        return {**self.goal().head(), "classifier_pooling": self.pooling}

    def labelled(self, features: list[Feature], rows: pl.DataFrame) -> list[Feature]:
        """The features of rows, one a row, with what the model is trained to give."""
        gold = rows[self.target]
        for feature, label in zip(features, self.goal().labels(gold), strict=True):
            feature.label = label
        if self.class_weights:
            for feature, weight in zip(features, self.weights(gold), strict=True):
                setattr(feature, "frequency" if self.balance == "sampling" else "weight", weight)
        return features

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        """One feature a row, of one input or of several; of two texts that are cut, the longer one is cut first."""
        windows = self.max_windows if self.long == "windows" else 1
        read = Reader(tokenizer, self.max_length, windows, self.stride)
        features: list[Feature] = list(read([rows[name].to_list() for name in self.texts]))
        return self.labelled(features, rows) if labelled else features

    def reading(self, features: Sequence[Feature]) -> dict[str, int]:
        return counts(features)

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """With several windows of a row, which stand one after another, also `owners` (windows,), the place of their
        row; `labels` are of rows."""
        import torch

        windows = [item.windows if isinstance(item, Reading) else [item] for item in features]
        batch = super().collate([window for own in windows for window in own], tokenizer)
        if any(len(own) > 1 for own in windows):
            batch["owners"] = torch.tensor([row for row, own in enumerate(windows) for _ in own])
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.goal().loss(self.read(model, batch), batch["labels"])

    def targets(self, batch: Mapping[str, torch.Tensor]) -> float:
        return self.goal().weight(batch["labels"])

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        made = self.read(model, batch)
        loss = float(self.goal().loss(made, batch["labels"])) if "labels" in batch else None
        return list(made.double().cpu().numpy()), None if loss is None or isnan(loss) else loss

    def read(self, model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What the head gives (rows, its width)."""
        given = {name: tensor for name, tensor in batch.items() if name not in ("labels", "owners")}
        logits = model(**given).logits
        return per_row(logits, batch["owners"], self.window_pooling) if "owners" in batch else logits

    def oracle(self, feature: Feature) -> np.ndarray:
        assert feature.label is not None, "the feature is not labelled"
        return self.goal().oracle(feature.label)

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `prediction` (class, labels or score) and, but for scores, `probabilities` (list, in the order
        of the classes)."""
        return rows.select("id").hstack(self.goal().decode(np.array(outputs)))

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return self.goal().answer(prediction)

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        pairs = set() if decoder else {"contrastive"}
        fitting = {
            "label": {"prompt_tuning", *IN_CONTEXT} | pairs,
            "labels": {"prompt_tuning"},
            "score": set[str](),
        }
        return super().modes(decoder) | fitting[self.target]

    def ask(self, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
        from models.targets.asking import Question

        names = self.classes or ()
        question = Question(
            self.template(), names, {name: self.label_words.get(name, (name,)) for name in names}
        )
        outputs = question.outputs(asked, lambda rows: self.encode(asked.tokenizer, rows, False))
        return [Feature(row=row, input_ids=[]) for row in range(asked.rows.height)], list(outputs)

    # ---- score

    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return self.goal().statistics(beside(predictions, rows)[self.target], predictions)

    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return self.goal().metrics(totals)

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        return self.goal().by_label(totals)

    def certainty(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> Certainty | None:
        return self.goal().certainty(beside(predictions, rows)[self.target], predictions)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        answered = beside(predictions, rows)
        shown = [name for name in ("id", "file", "line", *self.texts) if name in answered.columns]
        gold = answered[self.target]
        details = self.goal().details(answered.select(*shown, gold=self.target), predictions)
        if self.target == "label":
            commonest = gold.value_counts().sort("count", gold.name, descending=[True, False])[gold.name][0]
            guessed = predictions.with_columns(prediction=pl.lit(commonest))
            details["chance"] = self.evaluate(rows, guessed)
        return details


def _each(gold: pl.Series) -> pl.Series:
    """Labels one by one, of rows that have one or several."""
    return gold.explode().drop_nulls() if gold.dtype.base_type() is pl.List else gold
