"""A recipe: the typed whole of one run. Each part's settings live beside the code they are for."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from flows.recipe import documents, needed, yaml_text
from flows.recipe.complaints import complaints
from flows.recipe.entry import DownstreamPart
from flows.recipe.gain import GainPart
from flows.recipe.parts import CorpusPart, Device, Name, ReportPart, ResourcesPart, UpstreamPart
from models import hub, outside
from models.adapted.rule import Rule
from models.config import PLUMBING, Config, did_you_mean, leaves
from models.errors import RecipeError
from models.modes import fitting
from models.paths import Places
from models.seeds import Seed
from tasks.environment import LOCAL, Machine, Resources, as_written
from tasks.graph.step import step_names
from tasks.reading import remote

STEPS = step_names()
"""What `--only` may name beside the entries of a recipe."""


class Recipe(Config):
    """One whole run."""

    name: Name = Field(description="Names the MLflow experiment and the registered models.")
    seed: Seed = Field(default=1, description="Where every random choice starts from.")
    device: Device = Field(
        default="auto",
        description="Where numbers are computed: auto, which takes a GPU if there is one, cpu, cuda, cuda:1 for the "
        "second of several GPUs, or mps.",
        json_schema_extra=PLUMBING,
    )
    threads: int = Field(
        default=0, ge=0, description="Threads for numeric work; 0 for one a core.", json_schema_extra=PLUMBING
    )
    jobs: int = Field(
        default=2,
        ge=1,
        description="How many models are adapted or asked at once, sharing the threads: small models gain little from "
        "several. A pretraining has all threads to itself, unless pretrainings says otherwise.",
        json_schema_extra=PLUMBING,
    )
    pretrainings: int = Field(
        default=1,
        ge=1,
        description="How many pretrainings at once, jobs at most, sharing the threads: small models gain little from "
        "several. A pretraining on several processes has all to itself.",
        json_schema_extra=PLUMBING,
    )
    processes: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="How many processes share each step of a pretraining, and the threads; 0 for one a GPU, and one "
        "where there is none. The model is the same within rounding.",
        json_schema_extra=PLUMBING,
    )
    engine: str = Field(
        default=LOCAL,
        description="What runs the steps: local, this machine; ray://HOST:PORT, a Ray cluster; or ray, the cluster "
        "that this machine is a node of.",
        json_schema_extra=PLUMBING,
    )
    resources: dict[str, ResourcesPart] = Field(
        default={},
        description="What steps ask for on a cluster, by the step's name, such as pretrain; by default what they are "
        "says it.",
        json_schema_extra=PLUMBING,
    )
    corpus: CorpusPart | None = Field(
        default=None,
        description="The text that models are pretrained on, and that is searched for test rows; not needed where all "
        "models are brought along.",
    )
    upstreams: tuple[UpstreamPart, ...] = Field(min_length=1, description="The pretrainings.")
    downstreams: tuple[DownstreamPart, ...] = Field(default=(), description="What they are carried over to.")
    gain: GainPart | None = Field(
        default=None, description="What the transfer bought, over numbers of labels and seeds."
    )
    promote: Rule = Field(
        default=Rule(), description="When a new model becomes the champion of its entry, or manual."
    )
    report: ReportPart = Field(default=ReportPart(), description="The page at the end.")
    _found: tuple[str, ...] = PrivateAttr(default=())

    @property
    def machine(self) -> Machine:
        """Where numbers are computed."""
        asked = {
            name: Resources(part.cpus, part.gpus, part.memory_gb) for name, part in self.resources.items()
        }
        return Machine(
            self.device, self.threads, self.jobs, self.processes, self.engine, asked, self.pretrainings
        )

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
            if entry.downstream.decoder and not self.upstream_of(entry).decoder:
                raise ValueError(
                    f"{entry.name}: {entry.downstream.kind} needs a model that reads from left to right: "
                    "name an upstream with objective clm"
                )
        return self

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        if not re.fullmatch(r"local|ray|ray://[^/\s@]+:\d+", value):
            raise ValueError(
                f"'{value}' is no engine: take ray://HOST:PORT, a Ray cluster; ray, the cluster that this machine is a "
                "node of; or local, this machine"
            )
        return value

    @model_validator(mode="after")
    def _resources(self) -> Self:
        for name in self.resources:
            if name not in STEPS:
                raise ValueError(f"resources: no step is named '{name}'{did_you_mean(name, list(STEPS))}")
        if self.pretrainings > 1 and self.processes > 1:
            raise ValueError(
                f"pretrainings: {self.pretrainings} at once, each on {self.processes} processes, would share GPUs: "
                "set pretrainings or processes to 1"
            )
        return self

    @model_validator(mode="after")
    def _grid(self) -> Self:
        known = [entry.name for entry in self.downstreams]
        for name in () if self.gain is None else self.gain.entries:
            if name not in known:
                raise ValueError(f"gain.entries: no downstream is named '{name}'{did_you_mean(name, known)}")
        return self

    @model_validator(mode="after")
    def _corpus_for_pretraining(self) -> Self:
        learning = [part.name for part in self.upstreams if part.pretrained is None]
        if self.corpus is None and learning:
            raise ValueError(
                f"'corpus' is missing, the text that {learning[0]} is pretrained on; or name a model to take as it is: "
                f"upstreams.{learning[0]}.pretrained"
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
        remote.forget()
        hub.forget()
        document = documents.load(Path(path), overrides or {})
        for folder in (document.path.parent, Path.cwd()):
            outside.look_in(folder)
        places = Places(document.path.parent)
        recipe = cls._of(document, places)._with_registered()
        recipe._check_lengths(document)
        recipe._found = (*document.found, *places.lines())
        for line in recipe.found:
            logging.getLogger("headwater").info("%s", line)
        return recipe

    @property
    def found(self) -> tuple[str, ...]:
        """Where it and its files were found, as far as that is worth saying: a line each."""
        return self._found

    @classmethod
    def _of(cls, document: documents.Document, places: Places) -> "Recipe":
        """Where a text is needed, such as a class's name, `010` is that text as `"010"` is."""
        try:
            return cls.model_validate(document.value, context=places)
        except ValidationError as error:
            found = error.errors(include_url=False)
            if document.take_as_written(item["loc"] for item in found if item["type"] == "string_type"):
                return cls._of(document, places)
            raise RecipeError("\n".join(complaints(error, document, cls.model_json_schema))) from error

    def text(self) -> str:
        """This recipe as YAML, every default spelled out, and variables named as it names them."""
        return yaml_text.dump(as_written(self.model_dump(mode="json")))

    def settings(self) -> dict[str, str]:
        """Every setting, defaults too, by its dotted path as `--set` takes it; lists as JSON."""
        found = dict(leaves(by_name(as_written(self.model_dump(mode="json", exclude={"name"})))))
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in found.items()
        }

    def upstream_of(self, entry: DownstreamPart) -> UpstreamPart:
        """The pretraining that a downstream starts from: the one it names, else the first of the kind it wants."""
        named = [part for part in self.upstreams if part.name == entry.upstream]
        if len(self.upstreams) == 1:
            return self.upstreams[0]
        fitting = [part for part in self.upstreams if part.decoder == entry.downstream.decoder]
        return (named or fitting or list(self.upstreams))[0]

    def fitting(self, entry: DownstreamPart) -> frozenset[str]:
        """The modes that mean something for a downstream and the model it starts from."""
        every = fitting(entry.downstream, self.upstream_of(entry).decoder)
        return frozenset(mode for mode in every if not entry.lacks(mode))

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

    def check(self, only: Iterable[str] = (), *, labelled: bool = True) -> None:
        """Finds what is wrong with files and models before anything runs.

        Args:
            only: the entries whose files matter; all where it is empty or names a step.
            labelled: whether entries' files matter; with `leaks: remove` they always do.

        Raises:
            RecipeError: a file that is needed is missing, empty, unreadable or not of its format, or a pretrained model
                cannot be used with its tokenizer.
        """
        removing = self.corpus is not None and self.corpus.leaks == "remove"
        entries = self.entries(only) if labelled or removing else []
        needed.check_files(self.corpus, entries)
        for part in self.upstreams:
            needed.check_brought(part, [entry for entry in entries if self.upstream_of(entry) == part])

    def pins(self) -> list[hub.Pin]:
        """At which commits the data sets and models of the hub are read, each once."""
        return needed.pins(self.corpus, self.upstreams, self.downstreams)

    def _with_registered(self) -> Self:
        """This recipe with registered models as the folders they lie in."""
        return self.model_copy(update={"upstreams": tuple(part.located() for part in self.upstreams)})

    def _check_lengths(self, document: documents.Document) -> None:
        for index, part in enumerate(self.upstreams):
            place = document.where(("upstreams", index, "encode", "sequence_length"))
            if part.pretrained is None:
                part.model.check_length(part.encode.sequence_length, place)
        for index, entry in enumerate(self.downstreams):
            place = document.where(("downstreams", index, "downstream", "max_length"))
            self.upstream_of(entry).model.check_length(entry.downstream.max_length, place)


def by_name(value: Any) -> Any:
    """Entries in a mapping by their name, where they are in a list."""
    if isinstance(value, dict):
        return {key: by_name(item) for key, item in value.items()}
    if isinstance(value, list) and value and all(isinstance(item, dict) and "name" in item for item in value):
        return {item["name"]: by_name(item) for item in value}
    return value
