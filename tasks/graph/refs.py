"""Refs: small frozen objects that name artifacts. Steps exchange refs, never data.

A ref is made by calling a step; nothing runs then. It carries the step, the key and the refs it was made
from, so the whole graph of a run, with every key, is known before the first step starts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from models.config import Config
from models.data.counts import so_many_labels

R = TypeVar("R", bound="Ref")


@dataclass(frozen=True)
class About:
    """What a ref is about, for run names and tags. Not part of its identity."""

    upstream: str = ""
    downstream: str = ""
    mode: str = ""
    labels: int | None = None
    seed: int | None = None
    kind: str = ""
    """The downstream's kind, where `downstream` is the name of the recipe's entry."""
    grid: bool = False
    """Whether it is a cell of the gain grid."""
    several: bool = False
    """Whether it has siblings that differ from it in the seed alone."""
    shard: str = ""
    """The file, or the piece of one, that it is of; empty where the corpus is one shard."""

    @property
    def entry(self) -> str:
        """What it is for: an entry of the recipe, or what all of them share."""
        return self.downstream or self.upstream or "corpus"

    def tags(self) -> dict[str, str]:
        """The MLflow tags that users and scripts rely on; empty ones are left out."""
        values = {
            "headwater.upstream": self.upstream,
            "headwater.downstream": self.kind or self.downstream,
            "headwater.name": self.downstream or self.upstream,
            "headwater.mode": self.mode,
            "headwater.labels": "" if self.labels is None else str(self.labels),
            "headwater.all_labels": "true" if self.mode and self.labels is None else "",
            "headwater.seed": "" if self.seed is None else str(self.seed),
            "headwater.grid": "true" if self.grid else "",
            "headwater.shard": self.shard,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, eq=False)
class Ref:
    """Names the artifact that `step` makes from `config` and `inputs`."""

    step: str
    module: str
    key: str
    config: Config
    inputs: "Mapping[str, Ref | tuple[Ref, ...] | None]"
    about: About = field(default_factory=About)
    made_of: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the key is the digest of, as it was when the ref was made."""

    @property
    def name(self) -> str:
        """`step`, `step/downstream` or `step/downstream/mode`: the name of its run."""
        return "/".join(part for part in (self.step, self.about.downstream, self.about.mode) if part)

    @property
    def title(self) -> str:
        """The name with what tells it from its siblings, for tables and messages."""
        return self._titled(self.about.shard)

    @property
    def title_of_shards(self) -> str:
        """What it has in common with what is made of the corpus's other shards; empty where it is made of none."""
        return self._titled("") if self.about.shard else ""

    def _titled(self, shard: str) -> str:
        upstream = self.about.upstream if not self.about.downstream else ""
        labels = "" if self.about.labels is None else so_many_labels(self.about.labels)
        seed = f"seed {self.about.seed}" if self.about.several else ""
        detail = ", ".join(part for part in (upstream, shard, labels, seed) if part)
        return f"{self.name} ({detail})" if detail else self.name

    def parents(self) -> "Iterator[Ref]":
        """The refs this one is made from, in the order they were given."""
        for value in self.inputs.values():
            if isinstance(value, Ref):
                yield value
            elif value is not None:
                yield from value

    def _given(self, name: str, kind: type[R]) -> R:
        """The ref given as input `name`."""
        value = self.inputs[name]
        assert isinstance(value, kind), f"{self.name}: input '{name}' is not one {kind.__name__}"
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


def at_once(ref: Ref) -> Literal["shared"] | None:
    """How a step is run that reads rows: beside others in a training process where it is of one shard among many."""
    return "shared" if ref.about.shard else None


def ordered(targets: "list[Ref]") -> list[Ref]:
    """All refs that `targets` need, themselves too, each once and after what it is made from."""
    needed: dict[str, Ref] = {}

    def visit(ref: Ref) -> None:
        if ref.key not in needed:
            for parent in ref.parents():
                visit(parent)
            needed[ref.key] = ref

    for target in targets:
        visit(target)
    return list(needed.values())


class Ingested(Ref):
    """Rows read from sources, with file and line, and what could not be read."""


class Validated(Ref):
    """Rows that pass their schema, and the quarantine."""


class RowsToFind(Ref):
    """Test rows that the corpus must not hold."""


class Corpus(Ref):
    """Which rows of its shards are learnt from, and which are held out; their texts stay in the shards."""

    @property
    def shards(self) -> tuple[Validated, ...]:
        """The rows it is made of, in order."""
        given = self.inputs["shards"]
        assert isinstance(given, tuple), f"{self.name}: input 'shards' is not several"
        return tuple(ref for ref in given if isinstance(ref, Validated))


class Split(Ref):
    """Labelled rows by part (train, validation, test), and duplicates across parts."""

    @property
    def rows(self) -> Validated:
        """The rows before they were parted."""
        return self._given("rows", Validated)


class Leaks(Ref):
    """Held-out rows that stand in the corpus, with the documents they stand in."""


class Tokenizer(Ref):
    """A `tokenizer.json` that plain `transformers` loads."""


class Sequences(Ref):
    """The tokens of a shard in Arrow that plain `datasets` reads."""


class Model(Ref):
    """A pretrained model that plain `transformers` loads."""


class Adapted(Ref):
    """A model carried over to a downstream, or a control."""

    @property
    def rows(self) -> Split:
        """The labelled rows it has learnt from, and was chosen by."""
        return self._given("rows", Split)

    @property
    def model(self) -> Model | None:
        """The pretrained model that was carried over; a control has none."""
        return None if self.inputs.get("model") is None else self._given("model", Model)


class Predictions(Ref):
    """Predictions for the test rows, row by row with ids."""

    @property
    def rows(self) -> Split:
        """The rows whose test part was asked."""
        return self._given("rows", Split)

    @property
    def adapted(self) -> Adapted:
        """The model that made them."""
        return self._given("adapted", Adapted)


class Scores(Ref):
    """Test metrics with intervals, and the statistics they come from."""

    @property
    def rows(self) -> Split:
        """The rows whose test part is scored."""
        return self._given("rows", Split)

    @property
    def predictions(self) -> Predictions:
        """What is scored."""
        return self._given("predictions", Predictions)

    @property
    def leaks(self) -> Leaks | None:
        """Which of the rows stand in the corpus; None where there is no corpus."""
        return None if self.inputs["leaks"] is None else self._given("leaks", Leaks)


class Promotion(Ref):
    """Which versions of a registered model there are, and which of them is the champion."""

    @property
    def adapted(self) -> tuple[Adapted, ...]:
        """The models that are registered."""
        return tuple(ref for ref in self.parents() if isinstance(ref, Adapted))


class Report(Ref):
    """The HTML page, its figures and its tables."""
