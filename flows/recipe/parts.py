"""The parts of a recipe but its downstreams: the corpus, the pretrainings and the report."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, model_validator

from models import pretrained
from models.backbone.config import DECODERS, ModelConfig
from models.config import PLUMBING, Config, did_you_mean
from models.data.cleaning import CleanConfig
from models.interfaces.objective import ObjectiveField
from models.pretrained import Pretrained
from models.pretraining.pretrain import TrainConfig
from models.reporting.language.language import Code
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import TokenizerConfig
from tasks.reading.source import SourceField

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9가-힣][A-Za-z0-9가-힣_.-]*$", max_length=60)]
"""A name that fits into run names, file names and `--only`."""


_DEVICES = re.compile(r"auto|cpu|cuda(:\d{1,3})?|mps")


def _device(name: str) -> str:
    if not _DEVICES.fullmatch(name):
        raise ValueError(
            f"unknown value '{name}'{did_you_mean(name, ['auto', 'cpu', 'cuda', 'cuda:1', 'mps'])}"
        )
    return name


Device = Annotated[
    str,
    AfterValidator(_device),
    WithJsonSchema({"type": "string", "pattern": f"^({_DEVICES.pattern})$"}),
]
"""What torch calls a place to compute in, or `auto`."""


class ResourcesPart(Config):
    """What one step asks for on a cluster."""

    cpus: int | None = Field(
        default=None, ge=1, description="Processors, and as many threads; equal bits take equal threads."
    )
    gpus: float | None = Field(
        default=None, ge=0, description="GPUs; less than one is a share of one, with whoever has the rest."
    )
    memory_gb: float | None = Field(
        default=None, gt=0, description="Memory in gigabytes that a node must have left for it."
    )


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
    shard_megabytes: int = Field(
        default=256,
        ge=1,
        description="Size above which a text or JSON-lines file that is not packed is read in pieces, each by itself.",
        json_schema_extra=PLUMBING,
    )
    leaks: Literal["report", "remove"] = Field(
        default="report",
        description="Test rows found in the corpus: name them, or take the texts in which they stand out of it.",
    )


class UpstreamPart(Config):
    """One pretraining, or a pretrained model that is brought along."""

    filled_in: ClassVar[frozenset[str]] = frozenset({"name"})

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
            return named_after(value, "objective")
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
        reads = self.objective.reads_weights if self.objective else ""
        if reads and self.train and self.train.sharding == "full":
            raise ValueError(
                f"train.sharding: full leaves no process with whole weights, which objective.{reads} asks for: leave "
                f"{reads} out, or set sharding: optimizer"
            )
        return self

    @property
    def decoder(self) -> bool:
        """Whether its model reads from left to right and can continue a text."""
        if self.objective is not None:
            return self.objective.decoder
        return self.pretrained is not None and pretrained.is_decoder(self.pretrained)

    def located(self) -> Self:
        """This with registered models as the folders they lie in: keys take in what an alias names now."""
        found = {name: getattr(self, name) for name in ("model", "tokenizer")}
        found = {
            name: part.model_copy(update={"pretrained": _place(part.pretrained)})
            for name, part in found.items()
        }
        return self.model_copy(update={"pretrained": _place(self.pretrained), **found})


class ReportPart(Config):
    """The page at the end."""

    title: str = Field(default="", description="Its heading; the recipe's name by default.")
    language: Code = Field(default="en", description="What it is written in: en, English, or ko, Korean.")


def named_after(value: Any, key: str) -> Any:
    """Settings of a part with its name filled in from the kind of what stands at `key`."""
    if not isinstance(value, Mapping) or "name" in value:
        return value
    about = value.get(key)
    kind = about.get("kind") if isinstance(about, Mapping) else about
    return {"name": kind.rpartition(".")[2], **value} if isinstance(kind, str) else value


def _place(source: str | None) -> str | None:
    """A registered model as the folder it lies in, which for one that was adapted holds it as `model`."""
    if source is None or not source.startswith("models:/"):
        return source
    from tasks.storage import model_folders  # it imports MLflow, which takes seconds

    folder = model_folders.resolve(source)
    return str(folder / "model" if (folder / "model").is_dir() else folder)
