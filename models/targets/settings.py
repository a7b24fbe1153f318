"""What a recipe may say of targets, and what it leaves open until training rows are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, field_validator, model_validator

from models.config import did_you_mean
from models.data.comparison import ClassName, as_label
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature
from models.prompting import prompts
from models.prompting.prompts import Template
from models.targets.classes import Classes, ClassNames
from models.targets.labels import Labels
from models.targets.scale import Scale
from models.targets.target import Target

TARGETS: Mapping[str, type[Target]] = {target.column: target for target in (Classes, Labels, Scale)}


class TargetSettings(Downstream[Feature]):
    """The settings of a downstream whose rows have one target each."""

    own_lower_is_better: ClassVar[frozenset[str]] = frozenset({"mae", "rmse"})

    target: Literal["label", "labels", "score"] = Field(
        default="label",
        description="What rows hold, which is the name of the column: a label, one of a few classes; labels, any "
        "number of a few; or a score, a number.",
    )
    classes: ClassNames | None = Field(
        default=None, description="Labels a row may have; left out, those of the training rows."
    )
    label_separator: str = Field(
        default=";",
        min_length=1,
        description="With target labels, what stands between those of a row where they are written as one text.",
    )
    scale: tuple[float, float] | None = Field(
        default=None,
        description="Scores as models see them: minus the first number, by the second. Left out, mean and spread of "
        "the training rows.",
    )
    pooling: Literal["mean", "cls"] = Field(
        default="mean",
        description="What the head sees: the mean over all tokens, or the first (bert always the first).",
    )
    long: Literal["cut", "windows"] = Field(
        default="cut",
        description="What is done with a text of more than max_length tokens: cut reads its beginning; windows reads "
        "all of it in inputs that overlap, and joins what the head gives of each. Of two texts the longer one is "
        "meant.",
    )
    stride: int = Field(
        default=32,
        ge=0,
        description="Tokens that neighbouring windows of a long text share, at most half of the smallest window.",
    )
    max_windows: int = Field(
        default=16, ge=2, description="Windows that are read of a text at most; the rest is cut off."
    )
    window_pooling: Literal["mean", "max"] = Field(
        default="mean",
        description="What becomes of the windows of a text: the mean, or the highest, of what the head gives of each.",
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
    calibrate: bool = Field(
        default=True,
        description="Fit a temperature on validation rows, so that probabilities are as often right as they say; no "
        "prediction changes.",
    )
    temperature: PositiveFloat | None = Field(
        default=None,
        description="What logits are divided by before they become probabilities; left out, it is fitted.",
    )
    threshold: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="With target labels, the probability from which on a label is said; left out, the one best on "
        "validation rows.",
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
    def _settings_fit(self) -> Self:
        unknown = sorted(prompts.fields(self.template()) - set(self.inputs))
        if unknown:
            raise ValueError(
                f"prompt: rows have no field '{unknown[0]}'{did_you_mean(unknown[0], [*self.inputs, prompts.LABEL])}"
            )
        if self.balance != "none" and self.target != "label":
            raise ValueError(f"balance: {self.balance} is for classes, and the target is {self.target}")
        if self.class_weights and self.balance == "none":
            raise ValueError("class_weights: balance is none: set it to weights or sampling")
        for setting in ("label_words", "class_weights"):
            for name in getattr(self, setting):
                if self.classes is not None and name not in self.classes:
                    raise ValueError(
                        f"{setting}: no such class '{name}'{did_you_mean(name, list(self.classes))}"
                    )
        return self

    def template(self) -> str:
        """The prompt."""
        return self.prompt or " ".join(f"{{{name}}}" for name in (*self.inputs, prompts.LABEL))

    def goal(self) -> Target:
        """The target, once all that a recipe may leave open is settled."""
        if self.target == "score":
            assert self.scale is not None, "the scale is open: call settle(train) first"
            return Scale(*self.scale)
        assert self.classes is not None, "classes are open: call settle(train) first"
        temperature = self.temperature or 1.0
        if self.target == "labels":
            return Labels(self.classes, temperature, 0.5 if self.threshold is None else self.threshold)
        weighted = self.balance == "weights" and self.class_weights
        return Classes(self.classes, tuple(self.weights(self.classes)) if weighted else (), temperature)

    def weights(self, labels: Iterable[str]) -> list[float]:
        """What rows of these labels count, where classes are balanced."""
        return [self.class_weights.get(label, 1.0) for label in labels]

    @property
    def own_headline(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Where classes are to count alike, so they do in the metric that choices go by."""
        return TARGETS[self.target].headline if self.balance == "none" else "macro_f1"

    @property
    def drawn_by(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return Classes.column if self.target == "label" else None

    @property
    def kinds(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return None if self.target == "score" else self.target
