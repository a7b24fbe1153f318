"""What classification and pairs have in common: texts are put into one of a few classes, or on a scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, PositiveFloat, field_validator, model_validator

from models.config import did_you_mean
from models.data.comparison import ClassName, as_label
from models.errors import DataError
from models.interfaces.asked import IN_CONTEXT, Asked
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature, beside
from models.interfaces.labels import Rates
from models.prompting import prompts
from models.prompting.prompts import Template
from models.targets.classes import Classes, ClassNames, balanced, counted
from models.targets.target import Target

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Targeted(Downstream[Feature]):
    """A downstream whose rows have one target each."""

    classes: ClassNames | None = Field(
        default=None, description="Labels a row may have; left out, those of the training rows."
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
    )

    balance: Literal["none", "weights", "sampling"] = Field(
        default="none",
        description="What training does about classes of unequal size. weights: a row counts in the loss by the "
        "inverse frequency of its class; sampling: rows are drawn by it, with replacement; none: nothing. Where "
        "classes are balanced, choices go by macro F1.",
    )
    class_weights: Mapping[ClassName, PositiveFloat] = Field(
        default={},
        description="What a row of each class counts where classes are balanced; left out, all training rows divided "
        "by the number of classes and by the rows of the class.",
    )
    prompt: Template | None = Field(
        default=None,
        description="How a model is asked without learning: a text with the fields of a row, and {label} in place of "
        "the class. By default the row's texts, then the class.",
    )
    label_words: Mapping[ClassName, tuple[str, ...]] = Field(
        default={},
        description="Words that stand for a class in the prompt, such as {positive: [great, fun]}; by default its "
        "name.",
    )

    @field_validator("label_words", mode="before", json_schema_input_type=Mapping[str, str | tuple[str, ...]])
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        """One word needs no list."""
        if not isinstance(value, Mapping):
            return value
        forms = [as_label(name) for name in value]
        if len(set(forms)) < len(forms):
            raise ValueError("names a class twice")
        return {name: words if isinstance(words, list | tuple) else [words] for name, words in value.items()}

    @model_validator(mode="after")
    def _prompt_fits(self) -> Self:
        unknown = sorted(prompts.fields(self.template()) - set(self.inputs))
        if unknown:
            raise ValueError(
                f"prompt: rows have no field '{unknown[0]}'{did_you_mean(unknown[0], [*self.inputs, prompts.LABEL])}"
            )
        self._know_classes("label_words", self.label_words)
        return self

    @model_validator(mode="after")
    def _balance_has_classes(self) -> Self:
        if self.balance != "none" and self.goal_type() is not Classes:
            raise ValueError(
                f"balance: {self.balance} is for classes, and rows have a {self.goal_type().column}"
            )
        if self.class_weights and self.balance == "none":
            raise ValueError("class_weights: balance is none: set it to weights or sampling")
        self._know_classes("class_weights", self.class_weights)
        return self

    def _know_classes(self, setting: str, names: Iterable[str]) -> None:
        for name in names:
            if self.classes is not None and name not in self.classes:
                raise ValueError(f"{setting}: no such class '{name}'{did_you_mean(name, list(self.classes))}")

    def template(self) -> str:
        """The prompt."""
        return self.prompt or " ".join(f"{{{name}}}" for name in (*self.inputs, prompts.LABEL))

    def goal(self) -> Target:
        """The target, once all that a recipe may leave open is settled."""
        assert self.classes is not None, "classes are open: call settle(train) first"
        weighted = self.balance == "weights" and self.class_weights
        return Classes(self.classes, tuple(self.weights(self.classes)) if weighted else ())

    def weights(self, labels: Iterable[str]) -> list[float]:
        """What rows of these labels count, where classes are balanced."""
        return [self.class_weights.get(label, 1.0) for label in labels]

    def goal_type(self) -> type[Target]:
        """The kind of target."""
        return Classes

    @property
    def headline(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where classes are to count alike, so they do in the metric that choices go by."""
        return self.goal_type().headline if self.balance == "none" else "macro_f1"

    @property
    def drawn_by(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Classes.column if self.goal_type() is Classes else None

    def settle(self, train: pl.DataFrame) -> Self:
        if self.classes is not None or self.goal_type() is not Classes:
            return self
        return self.model_copy(update={"classes": tuple(sorted(train[Classes.column].unique()))})

    def learning_from(self, train: pl.DataFrame) -> Self:
        if self.balance == "none" or self.class_weights:
            return self
        return self.model_copy(update={"class_weights": balanced(train[Classes.column])})

    def check(self, train: pl.DataFrame) -> None:
        self.goal().check(train[self.goal_type().column])

    def check_choice(self, train: pl.DataFrame, validation: pl.DataFrame) -> None:
        if self.goal_type() is not Classes:
            return
        known, asked = train[Classes.column], validation[Classes.column]
        if len(known) and not asked.is_in(known.unique().implode()).any():
            raise DataError(
                f"none of the {len(asked):,} validation rows has a label that a training row has: theirs are "
                f"{counted(asked)}, those of the {len(known):,} training rows {counted(known)}. Settings are chosen by "
                "validation rows: give the source some with the training rows' labels, or raise 'labels'"
            )

    # ---- model

    def head(self) -> dict[str, Any]:
        return {**self.goal().head(), "classifier_pooling": self.pooling}

    def labelled(self, features: list[Feature], rows: pl.DataFrame) -> list[Feature]:
        """The features of rows, one a row, with what the model is trained to give."""
        gold = rows[self.goal_type().column]
        for feature, label in zip(features, self.goal().labels(gold), strict=True):
            feature.label = label
        if self.class_weights:
            for feature, weight in zip(features, self.weights(gold), strict=True):
                setattr(feature, "frequency" if self.balance == "sampling" else "weight", weight)
        return features

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.goal().loss(self.read(model, batch), batch["labels"])

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        made = self.read(model, batch)
        loss = float(self.goal().loss(made, batch["labels"])) if "labels" in batch else None
        return list(made.double().cpu().numpy()), None if loss is None or isnan(loss) else loss

    def read(self, model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What the head gives (rows, its width)."""
        return model(**{name: tensor for name, tensor in batch.items() if name != "labels"}).logits

    def oracle(self, feature: Feature) -> np.ndarray:
        assert feature.label is not None, "the feature is not labelled"
        return self.goal().oracle(feature.label)

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `prediction` (class or score) and, for classes, `probabilities` (list, in their order)."""
        return rows.select("id").hstack(self.goal().decode(np.array(outputs)))

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        return self.goal().answer(prediction)

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        classes = {"prompt_tuning", *IN_CONTEXT} if self.goal_type() is Classes else set()
        return super().modes(decoder) | classes

    def ask(self, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
        from models.targets.asking import Question

        names = self.classes or ()
        question = Question(
            self.template(), names, {name: self.label_words.get(name, (name,)) for name in names}
        )
        outputs = question.outputs(asked, lambda rows: self.encode(asked.tokenizer, rows, False))
        return [Feature(row=row, input_ids=[]) for row in range(asked.rows.height)], list(outputs)

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return self.goal().statistics(beside(predictions, rows)[self.goal_type().column], predictions)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return self.goal().metrics(totals)

    def by_label(self, totals: np.ndarray) -> dict[str, Rates]:
        return self.goal().by_label(totals)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        answered = beside(predictions, rows)
        shown = [name for name in ("id", "file", "line", *self.texts) if name in answered.columns]
        gold = answered[self.goal_type().column]
        details = self.goal().details(answered.select(*shown, gold=self.goal_type().column), predictions)
        if self.goal_type() is Classes:
            commonest = gold.value_counts().sort("count", gold.name, descending=[True, False])[gold.name][0]
            guessed = predictions.with_columns(prediction=pl.lit(commonest))
            details["chance"] = self.evaluate(rows, guessed)
        return details
