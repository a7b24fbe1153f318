"""A recipe: the typed whole of one run. Each part's settings live beside the code they are for."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from flows import documents
from flows.complaints import complaints
from models.backbone import DECODERS, ModelConfig
from models.config import PLUMBING, Config, did_you_mean
from models.downstream import DownstreamField
from models.errors import RecipeError
from models.packing import EncodeConfig
from models.pretraining import TrainConfig
from models.text.cleaning import CleanConfig
from models.tokenization import TokenizerConfig
from models.transfer.finetune import FinetuneConfig
from models.upstream import ObjectiveField
from tasks.sources import SourceField

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9가-힣][A-Za-z0-9가-힣_.-]*$", max_length=60)]
"""A name that fits into run names, file names and `--only`."""
STEPS = (
    "ingest",
    "validate",
    "split",
    "tokenizer",
    "encode",
    "pretrain",
    "adapt",
    "predict",
    "score",
    "promote",
    "report",
)
"""What `--only` may name beside the entries of a recipe."""
Mode = Literal["finetune", "scratch", "baseline"]


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
    """One pretraining."""

    name: Name = Field(description="What runs, models and --only call it; its objective's kind by default.")
    objective: ObjectiveField = Field(description="What the model learns from plain text.")
    tokenizer: TokenizerConfig = Field(default=TokenizerConfig(), description="How text is cut into tokens.")
    encode: EncodeConfig = Field(default=EncodeConfig(), description="How tokens are packed into sequences.")
    model: ModelConfig = Field(
        default=ModelConfig(), description="The model's architecture, or a model to go on from."
    )
    train: TrainConfig = Field(description="How long and how fast it learns.")

    _default_name = model_validator(mode="before")(lambda value: _named_after(value, "objective"))

    @model_validator(mode="after")
    def _reads_as_it_learns(self) -> Self:
        if self.model.pretrained is None and (self.model.preset in DECODERS) != self.objective.decoder:
            fitting = sorted(DECODERS) if self.objective.decoder else ["bert", "modernbert"]
            raise ValueError(
                f"model.preset: {self.model.preset} is not for {self.objective.kind}; use {' or '.join(fitting)}"
            )
        return self


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
    finetune: FinetuneConfig = Field(default=FinetuneConfig(), description="How all weights are trained.")
    seed: int | None = Field(
        default=None, description="Draws training rows and their order; the recipe's by default."
    )

    _default_name = model_validator(mode="before")(lambda value: _named_after(value, "downstream"))


class ReportPart(Config):
    """The page at the end."""

    title: str = Field(default="", description="Its heading; the recipe's name by default.")


class Recipe(Config):
    """One whole run."""

    name: Name = Field(description="Names the MLflow experiment and the registered models.")
    seed: int = Field(default=1, description="Where every random choice starts from.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Where numbers are computed; auto takes a GPU if there is one.",
        json_schema_extra=PLUMBING,
    )
    threads: int = Field(
        default=0, ge=0, description="Threads for numeric work; 0 for one a core.", json_schema_extra=PLUMBING
    )
    corpus: CorpusPart = Field(description="The text that models are pretrained on.")
    upstreams: tuple[UpstreamPart, ...] = Field(min_length=1, description="The pretrainings.")
    downstreams: tuple[DownstreamPart, ...] = Field(default=(), description="What they are carried over to.")
    report: ReportPart = Field(default=ReportPart(), description="The page at the end.")

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [part.name for part in (*self.upstreams, *self.downstreams)]
        for name in names:
            if name in STEPS:
                raise ValueError(
                    f"an entry cannot be named '{name}', which is a step: give it another 'name'"
                )
            if names.count(name) > 1:
                raise ValueError(f"two entries are named '{name}': give one of them another 'name'")
        known = [part.name for part in self.upstreams]
        for entry in self.downstreams:
            if entry.upstream is not None and entry.upstream not in known:
                raise ValueError(
                    f"{entry.name}: unknown upstream '{entry.upstream}'{did_you_mean(entry.upstream, known)}"
                )
            if entry.downstream.decoder and not self.upstream_of(entry).objective.decoder:
                raise ValueError(
                    f"{entry.name}: {entry.downstream.kind} needs a model that reads from left to right: "
                    "name an upstream with objective clm"
                )
        return self

    @classmethod
    def load(cls, path: Path | str, overrides: Mapping[str, Any] | None = None) -> "Recipe":
        """Read and check a recipe.

        Args:
            path: the YAML file.
            overrides: values by dotted path, such as `{"downstreams.classification.finetune.epochs": 2}`.

        Raises:
            RecipeError: one line for each thing that is wrong, with its file, line and field.
        """
        document = documents.load(Path(path), overrides or {})
        try:
            recipe = cls.model_validate(document.value)
        except ValidationError as error:
            raise RecipeError("\n".join(complaints(error, document))) from error
        recipe = recipe._with_registered()
        recipe._check_lengths(document)
        return recipe

    def text(self) -> str:
        """This recipe as YAML, every default spelled out."""
        return yaml.safe_dump(self.model_dump(mode="json"), allow_unicode=True, sort_keys=False)

    def upstream_of(self, entry: DownstreamPart) -> UpstreamPart:
        """The pretraining that a downstream starts from: the one it names, else the first of the kind it wants."""
        named = [part for part in self.upstreams if part.name == entry.upstream]
        fitting = [part for part in self.upstreams if part.objective.decoder == entry.downstream.decoder]
        return (named or fitting or list(self.upstreams))[0]

    def entries(self, only: Iterable[str]) -> list[DownstreamPart]:
        """The downstreams that `only` names; all where it is empty or names a step.

        Raises:
            RecipeError: it names what is neither an entry nor a step.
        """
        wanted = set(only)
        named = [part.name for part in (*self.upstreams, *self.downstreams)]
        for name in sorted(wanted - {*named, *STEPS}):
            raise RecipeError(f"--only {name}: no such entry or step{did_you_mean(name, [*named, *STEPS])}")
        return [entry for entry in self.downstreams if not wanted or wanted & {entry.name, *STEPS}]

    def check(self, only: Iterable[str]) -> None:
        """Finds what is wrong with the files before anything runs.

        Raises:
            RecipeError: a file that is needed is missing, empty, unreadable or not of its format.
        """
        for source in (
            *self.corpus.sources,
            *(source for entry in self.entries(only) for source in entry.data),
        ):
            source.check()

    def _with_registered(self) -> Self:
        """This recipe with registered models as the folders they lie in: keys take in what an alias names now."""
        parts = tuple(
            part.model_copy(update={"model": _local(part.model), "tokenizer": _local(part.tokenizer)})
            for part in self.upstreams
        )
        return self.model_copy(update={"upstreams": parts})

    def _check_lengths(self, document: documents.Document) -> None:
        for index, part in enumerate(self.upstreams):
            place = document.where(("upstreams", index, "encode", "sequence_length"))
            part.model.check_length(part.encode.sequence_length, place)
        for index, entry in enumerate(self.downstreams):
            place = document.where(("downstreams", index, "downstream", "max_length"))
            self.upstream_of(entry).model.check_length(entry.downstream.max_length, place)


def _local(part: ModelConfig | TokenizerConfig) -> ModelConfig | TokenizerConfig:
    if part.pretrained is None or not part.pretrained.startswith("models:/"):
        return part
    from tasks import store  # it imports MLflow, which takes seconds

    return part.model_copy(update={"pretrained": str(store.resolve(part.pretrained))})


def _named_after(value: Any, key: str) -> Any:
    """Settings of a part with its name filled in from the kind of what stands at `key`."""
    if not isinstance(value, Mapping) or "name" in value:
        return value
    about = value.get(key)
    kind = about.get("kind") if isinstance(about, Mapping) else about
    return {"name": kind, **value} if isinstance(kind, str) else value
