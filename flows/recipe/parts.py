"""The parts of a recipe: the corpus, the pretrainings, the downstreams and the report."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, StringConstraints, model_validator

from models import pretrained
from models.backbone.config import DECODERS, ModelConfig
from models.config import Config
from models.data.cleaning import CleanConfig
from models.interfaces.downstream import DownstreamField
from models.interfaces.objective import ObjectiveField
from models.interfaces.transfer import Transfer
from models.modes import IN_CONTEXT, Mode
from models.pretrained import Pretrained
from models.pretraining.pretrain import TrainConfig
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import TokenizerConfig
from models.transfer.finetune import Finetune
from models.transfer.in_context import InContext
from models.transfer.linear_probe import LinearProbe
from models.transfer.lora import Lora
from models.transfer.prompt_tuning import PromptTuning
from tasks.reading.source import SourceField

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9가-힣][A-Za-z0-9가-힣_.-]*$", max_length=60)]
"""A name that fits into run names, file names and `--only`."""


class CorpusPart(Config):
    """The text that models are pretrained on."""

    sources: tuple[SourceField, ...] = Field(min_length=1, description="Where the text comes from.")
    clean: CleanConfig = Field(default=CleanConfig(), description="What is done to each text.")
    quarantine: float = Field(
        default=0.02, ge=0, le=1, description="Share of rows that may be broken; with more the run stops."
    )
    holdout: float = Field(
        default=0.01, gt=0, lt=0.5, description="Share of the texts that pretraining is evaluated on."
    )
    leaks: Literal["report", "remove"] = Field(
        default="report",
        description="Test rows found in the corpus: name them, or remove them from it as well.",
    )


class UpstreamPart(Config):
    """One pretraining, or a pretrained model that is brought along."""

    name: Name = Field(
        description="What runs, models and --only call it; its objective's kind, or 'pretrained', by default."
    )
    pretrained: Pretrained | None = Field(
        default=None,
        description="Folder, hub id or models:/ URI of a model to take as it is, instead of pretraining one.",
    )
    objective: ObjectiveField | None = Field(
        default=None, description="What the model learns from plain text."
    )
    tokenizer: TokenizerConfig = Field(default=TokenizerConfig(), description="How text is cut into tokens.")
    encode: EncodeConfig = Field(default=EncodeConfig(), description="How tokens are packed into sequences.")
    model: ModelConfig = Field(
        default=ModelConfig(), description="The model's architecture, or a model to go on from."
    )
    train: TrainConfig | None = Field(default=None, description="How long and how fast it learns.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: Any) -> Any:
        """A pretrained model brings its architecture and, where none is named, its tokenizer."""
        if not isinstance(value, Mapping) or value.get("pretrained") is None:
            return _named_after(value, "objective")
        brought = {"pretrained": value["pretrained"]}
        return {"name": "pretrained", "tokenizer": brought, "model": brought, **value}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.pretrained is not None:
            set_too = self.other_than_default("objective", "encode", "train")
            set_too += ["model"] if self.model.pretrained != self.pretrained else []
            if set_too:
                raise ValueError(
                    f"pretrained is taken as it is: leave out {', '.join(set_too)}; to pretrain further, set "
                    "model.pretrained"
                )
            return self
        for name in ("objective", "train"):
            if getattr(self, name) is None:
                raise ValueError(f"'{name}' is missing; or name a model to take as it is as 'pretrained'")
        if self.model.pretrained is None and (self.model.preset in DECODERS) != self.decoder:
            fitting = sorted(DECODERS) if self.decoder else ["bert", "modernbert"]
            kind = self.objective.kind if self.objective else ""
            raise ValueError(
                f"model.preset: {self.model.preset} is not for {kind}; use {' or '.join(fitting)}"
            )
        return self

    @property
    def decoder(self) -> bool:
        """Whether its model reads from left to right and can go on with a text."""
        if self.objective is not None:
            return self.objective.decoder
        return self.pretrained is not None and pretrained.is_decoder(self.pretrained)


class DownstreamPart(Config):
    """One data set that the pretrained model is carried over to."""

    name: Name = Field(description="What runs, models and --only call it; its downstream by default.")
    downstream: DownstreamField = Field(description="The NLP task.")
    data: tuple[SourceField, ...] = Field(min_length=1, description="Where the labelled rows come from.")
    quarantine: float = Field(
        default=0.02, ge=0, le=1, description="Share of rows that may be broken; with more the run stops."
    )
    upstream: str | None = Field(
        default=None, description="The pretraining it starts from; the first one that fits by default."
    )
    labels: tuple[Annotated[int, Field(ge=2)] | Literal["all"], ...] = Field(
        default=("all",),
        min_length=1,
        description="Numbers of training rows to compare, such as [1000, 10000, all].",
    )
    modes: tuple[Mode, ...] = Field(
        default=("finetune", "scratch", "baseline"),
        min_length=1,
        description="Ways of transfer and the controls beside them.",
    )
    finetune: Finetune = Field(default=Finetune(), description="How all weights are trained.")
    lora: Lora = Field(default=Lora(), description="How corrections of low rank are trained.")
    linear_probe: LinearProbe = Field(
        default=LinearProbe(), description="How the last layer alone is trained."
    )
    prompt_tuning: PromptTuning = Field(
        default=PromptTuning(), description="How vectors before each text are trained."
    )
    in_context: InContext = Field(
        default=InContext(),
        description="How the model is asked without learning: zero_shot, one_shot, few_shot.",
    )
    validation_rows: int | None = Field(
        default=None, ge=1, description="Validation rows at most, where looking at them takes long."
    )
    seed: int | None = Field(
        default=None, description="Draws training rows and their order; the recipe's by default."
    )

    _default_name = model_validator(mode="before")(lambda value: _named_after(value, "downstream"))

    @model_validator(mode="before")
    @classmethod
    def _equal_care(cls, value: Any) -> Any:
        """Ways that train take over from `finetune` how long and how often, where they do not say so themselves."""
        if not isinstance(value, Mapping) or not isinstance(value.get("finetune"), Mapping):
            return value
        shared = {
            name: setting
            for name, setting in value["finetune"].items()
            if name not in ("kind", "learning_rates", "train_embeddings")
        }
        own = {name: value.get(name, {}) for name in ("lora", "linear_probe", "prompt_tuning")}
        return {
            **value,
            **{name: {**shared, **given} for name, given in own.items() if isinstance(given, Mapping)},
        }

    def way(self, mode: Mode) -> Transfer | None:
        """How the model is carried over in a mode; the baseline has no way."""
        if mode == "baseline":
            return None
        name = "in_context" if mode in IN_CONTEXT else "finetune" if mode == "scratch" else mode
        return getattr(self, name)

    def cells(
        self, modes: Sequence[Mode], sizes: Sequence[int | Literal["all"]], seeds: Sequence[int]
    ) -> Iterator["Wanted"]:
        """Every mode at every number of labels and seed; modes that only ask the model have their own numbers.

        Where nothing is shown nothing is drawn, so one seed is enough.
        """
        asked = {"zero_shot": 0, "one_shot": 1, "few_shot": self.in_context.shots}
        for mode in modes:
            if mode in asked:
                for seed in seeds[:1] if asked[mode] == 0 else seeds:
                    yield Wanted(mode, asked[mode], seed, self.way(mode))
        for labels, mode, seed in itertools.product(sizes, modes, seeds):
            if mode not in asked:
                yield Wanted(mode, None if labels == "all" else labels, seed, self.way(mode))


class Wanted(NamedTuple):
    """One model to be made and scored; `labels` None is all."""

    mode: Mode
    labels: int | None
    seed: int
    way: Transfer | None


class ReportPart(Config):
    """The page at the end."""

    title: str = Field(default="", description="Its heading; the recipe's name by default.")


def _named_after(value: Any, key: str) -> Any:
    """Settings of a part with its name filled in from the kind of what stands at `key`."""
    if not isinstance(value, Mapping) or "name" in value:
        return value
    about = value.get(key)
    kind = about.get("kind") if isinstance(about, Mapping) else about
    return {"name": kind, **value} if isinstance(kind, str) else value
