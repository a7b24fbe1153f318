"""What classification and pairs have in common: texts are put into one of a few classes, or on a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from models.config import did_you_mean
from models.data.comparison import ClassName, as_label
from models.errors import DataError
from models.interfaces.asked import IN_CONTEXT, Asked
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature, beside
from models.prompting import prompts
from models.prompting.prompts import Template
from models.targets.classes import Classes, ClassNames, counted
from models.targets.target import Target


class Targeted(Downstream[Feature]):
    """A downstream whose rows have one target each."""

    classes: ClassNames | None = Field(
        default=None, description="Labels a row may have; left out, those of the training rows."
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
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

    @field_validator("label_words", mode="before")
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
        for name in self.label_words:
            if self.classes is not None and name not in self.classes:
                raise ValueError(
                    f"label_words: no such class '{name}'{did_you_mean(name, list(self.classes))}"
                )
        return self

    def template(self) -> str:
        """The prompt."""
        return self.prompt or " ".join(f"{{{name}}}" for name in (*self.inputs, prompts.LABEL))

    def goal(self) -> Target:
        """The target, once all that a recipe may leave open is settled."""
        assert self.classes is not None, "classes are open: call settle(train) first"
        return Classes(self.classes)

    def goal_type(self) -> type[Target]:
        """The kind of target."""
        return Classes

    @property
    def headline(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.goal_type().headline

    @property
    def balance(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Classes.column if self.goal_type() is Classes else None

    def settle(self, train: pl.DataFrame) -> Self:
        if self.classes is not None or self.goal_type() is not Classes:
            return self
        return self.model_copy(update={"classes": tuple(sorted(train[Classes.column].unique()))})

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
        for feature, label in zip(features, self.goal().labels(rows[self.goal_type().column]), strict=True):
            feature.label = label
        return features

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
        if self.goal_type() is not Classes:
            return super().modes(decoder)
        pairs = set() if decoder else {"contrastive"}
        return super().modes(decoder) | {"prompt_tuning", *IN_CONTEXT} | pairs

    def ask(self, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
        """By label words where the model predicts words and not every class was shown; else by similarity to what was
        shown."""
        features = [Feature(row=row, input_ids=[]) for row in range(asked.rows.height)]
        seen = set(asked.demonstrations[Classes.column])
        speaks = asked.decoder or asked.model.get_output_embeddings() is not None
        if speaks and (asked.decoder or not seen.issuperset(self.classes or ())):
            return features, list(self._by_words(asked))
        return features, list(self._by_similarity(asked))

    def _by_words(self, asked: Asked) -> np.ndarray:
        from models.targets import label_words

        template, names = self.template(), self.classes or ()
        words = {name: self.label_words.get(name, (name,)) for name in names}
        shown = [
            prompts.cue(template, row).with_word(words.get(row["label"], (row["label"],))[0])
            for row in asked.demonstrations.iter_rows(named=True)
        ]
        cues = [prompts.cue(template, row) for row in asked.rows.iter_rows(named=True)]
        return label_words.scores(asked, cues, prompts.cue(template, {}), shown, list(words.values()))

    def _by_similarity(self, asked: Asked) -> np.ndarray:
        """The words of a class that was not shown serve as its example."""
        from models.prompting import prototypes
        from models.targets.text_vectors import text_vectors

        names = self.classes or ()
        shown = asked.demonstrations
        missing = [name for name in names if name not in set(shown[Classes.column])]
        texts = [self.label_words.get(name, (name,)) for name in missing]
        vectors = text_vectors(asked, self.encode(asked.tokenizer, asked.rows, False))
        examples = [text_vectors(asked, self.encode(asked.tokenizer, shown, False))] if shown.height else []
        if missing:
            ids = asked.tokenizer([" ".join(words) for words in texts])["input_ids"]
            examples.append(
                text_vectors(asked, [Feature(row=row, input_ids=item) for row, item in enumerate(ids)])
            )
        labels = [*shown[Classes.column], *missing]
        numbers = Classes(names).numbers(labels).tolist()
        return prototypes.logits(vectors, np.concatenate(examples), numbers, len(names))

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return self.goal().statistics(beside(predictions, rows)[self.goal_type().column], predictions)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return self.goal().metrics(totals)

    def by_label(self, totals: np.ndarray) -> dict[str, np.ndarray]:
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
