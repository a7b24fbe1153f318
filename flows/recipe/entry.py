"""An entry of a recipe: a data set that a pretrained model is carried over to, and every way in which it is."""

import inspect
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, ValidationInfo, create_model, field_validator, model_validator

from flows.recipe.parts import Name, named_after
from models.adapted.rule import Rule
from models.config import Config, did_you_mean
from models.interfaces.downstream import Downstream, DownstreamField
from models.interfaces.metric import Measured, Metric, MetricField
from models.interfaces.transfer import OwnTransferField, Transfer
from models.modes import Mode, bring, default, is_brought, modes, ways
from models.seeds import Seed
from tasks.reading.source import Made, SourceField


class _DownstreamPart(Config):
    """One data set that the pretrained model is carried over to, and a section for each way to do so."""

    filled_in: ClassVar[frozenset[str]] = frozenset({"name"})

    name: Name = Field(description="What runs, models and --only call it; its downstream by default.")
    downstream: DownstreamField = Field(description="The NLP task.")
    data: tuple[SourceField, ...] = Field(min_length=1, description="Where the labelled rows come from.")
    quarantine: float = Field(
        default=0.02, ge=0, le=1, description="Share of rows that may be broken; with more the run stops."
    )
    duplicates: Literal["report", "remove"] = Field(
        default="report",
        description="Rows of train and validation with the text of a test row: report has scores with and without "
        "the test rows they repeat; remove takes them out.",
    )
    upstream: str | None = Field(
        default=None, description="The pretraining it starts from; the first one that fits by default."
    )
    labels: tuple[Annotated[int, Field(ge=2)] | Literal["all"], ...] = Field(
        default=("all",),
        min_length=1,
        description="Numbers of training rows to compare, such as [1000, 10000, all].",
    )
    ways: tuple[OwnTransferField, ...] = Field(
        default=(),
        description="Ways of transfer of your own, by the paths of their modules: 'modes' may name theirs too.",
    )
    modes: tuple[Mode, ...] = Field(
        default=("finetune", "scratch", "baseline"),
        min_length=1,
        description="Ways of transfer and the controls beside them.",
    )
    metrics: tuple[MetricField, ...] = Field(
        default=(),
        description="Metrics of your own, by the paths of their classes, beside those of the downstream.",
    )
    headline: str | None = Field(
        default=None,
        description="The metric by which settings, checkpoints and champions are chosen, and which tables show first; "
        "the downstream's own by default.",
    )
    validation_rows: int | None = Field(
        default=None, ge=1, description="Validation rows at most, where looking at them takes long."
    )
    promote: Rule | None = Field(
        default=None,
        description="When one of its models becomes the champion; as the recipe says by default.",
    )
    seed: Seed | None = Field(
        default=None, description="Draws training rows and their order; the recipe's by default."
    )
    seeds: tuple[Seed, ...] | None = Field(
        default=None,
        min_length=1,
        description="Instead of seed: every model is made once for each of them, and scores are their means, with "
        "intervals over seeds and test rows.",
    )

    _default_name = model_validator(mode="before")(lambda value: named_after(value, "downstream"))

    @field_validator("headline")
    @classmethod
    def _known_metric(cls, headline: str | None, info: ValidationInfo) -> str | None:
        downstream, own = info.data.get("downstream"), info.data.get("metrics")
        if headline is None or downstream is None or own is None:
            return headline
        known = [*downstream.metric_names(), *(metric.name for metric in own)]
        if headline not in known:
            if headline.partition("/")[0] in known:
                told = f"'{headline}' is no metric to choose by, as none of a single label is"
                raise ValueError(f"{told}: known are {', '.join(sorted(known))}")
            raise ValueError(f"unknown metric '{headline}'{did_you_mean(headline, known)}")
        return headline

    @field_validator("metrics")
    @classmethod
    def _called_apart(cls, own: tuple[Metric, ...], info: ValidationInfo) -> tuple[Metric, ...]:
        downstream = info.data.get("downstream")
        names = [metric.name for metric in own]
        taken = [*(downstream.metric_names() if own and downstream is not None else ()), *names]
        for name in names:
            if taken.count(name) > 1:
                raise ValueError(f"two metrics are called '{name}': give yours another name")
        return own

    @field_validator("ways")
    @classmethod
    def _brought(cls, given: tuple[Transfer, ...]) -> tuple[Transfer, ...]:
        for way in given:
            bring(way)
        return given

    @model_validator(mode="after")
    def _equal_care(self) -> Self:
        """Ways take over from others what they share with them, how long they train say, where they do not say it."""
        for mode in self.modes:
            if self.lacks(mode):
                raise ValueError(f"mode {mode}: name its way in 'ways', as {modes()[mode]}")
        changed: dict[str, Any] = {kind: self._with_shared(getattr(self, kind)) for kind in ways()}
        changed["ways"] = tuple(map(self._with_shared, self.ways))
        return self.model_copy(update=changed)

    def _with_shared(self, section: Transfer) -> Transfer:
        for leader, taken in section.takes_over.items():
            given: Transfer = getattr(self, leader)
            names = taken & given.model_fields_set - section.model_fields_set
            section = section.model_copy(update={name: given.handed_on(name, taken) for name in names})
        return section

    @model_validator(mode="after")
    def _each_seed_once(self) -> Self:
        if self.seeds is not None and self.seed is not None:
            raise ValueError("give either seed or seeds")
        if self.seeds is not None and len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: one stands there twice")
        return self

    def columns(self) -> dict[str, tuple[Made, ...]]:
        """By field that a request has, what the sources make it of where it is called otherwise in their files."""
        found: dict[str, tuple[Made, ...]] = {}
        for name in self.downstream.inputs:
            made = (source.asked_by().get(name) for source in self.data)
            named = tuple(dict.fromkeys(item for item in made if item not in (None, name)))
            found |= {name: named} if named else {}
        return found

    def way(self, mode: Mode) -> Transfer | None:
        """How the model is carried over in a mode; the baseline has no way, nor has a mode of others' ways."""
        kind = modes()[mode]
        own = self._own(mode)
        return own if own is not None or kind is None else getattr(self, kind, None)

    @property
    def scored(self) -> Downstream:
        """The downstream with all that its answers are measured by."""
        measured = Measured(headline=self.headline, metrics=self.metrics)
        return self.downstream.model_copy(update={"measured": measured})

    @property
    def chosen(self) -> Downstream:
        """The downstream with what its models are chosen by."""
        downstream = self.scored
        return downstream.model_copy(update={"measured": downstream.measured.to_choose_by()})

    def lacks(self, mode: Mode) -> bool:
        """Whether a mode is that of a way which this entry does not bring along."""
        return is_brought(mode) and self._own(mode) is None

    def _own(self, mode: Mode) -> Transfer | None:
        return next((way for way in self.ways if mode in way.modes), None)

    def cells(
        self, modes: Sequence[Mode], sizes: Sequence[int | Literal["all"]], seeds: Sequence[int]
    ) -> Iterator["Wanted"]:
        """Every mode at every number of labels and seed; modes that only ask the model have their own numbers.

        Where nothing is shown nothing is drawn, so one seed is enough.
        """
        way_of = {mode: self.way(mode) for mode in modes}
        shown = {mode: way.shows(mode) for mode, way in way_of.items() if way is not None}
        for mode, way in way_of.items():
            if (rows := shown.get(mode)) is not None:
                for seed in seeds[:1] if rows == 0 else seeds:
                    yield Wanted(mode, rows, seed, way)
        for labels, (mode, way), seed in itertools.product(sizes, way_of.items(), seeds):
            if shown.get(mode) is None:
                yield Wanted(mode, None if labels == "all" else labels, seed, way)


def _sections() -> dict[str, Any]:
    """The field of each way, by its kind: its settings, which all have a default."""
    return {
        kind: (
            way,
            Field(default=default(kind), description=str(inspect.getdoc(way)).splitlines()[0]),
        )
        for kind, way in ways().items()
    }


if TYPE_CHECKING:
    DownstreamPart = _DownstreamPart
else:
    DownstreamPart = create_model(
        "DownstreamPart",
        __base__=_DownstreamPart,
        __module__=__name__,
        __doc__=_DownstreamPart.__doc__,
        **_sections(),
    )


class Wanted(NamedTuple):
    """One model to be made and scored; `labels` None is all."""

    mode: Mode
    labels: int | None
    seed: int
    way: Transfer | None
