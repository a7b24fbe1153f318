"""One page on the whole run: what was read, how pretraining went, and what the transfer bought."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from models.adapted.files import SETTLED
from models.config import Config
from models.interfaces.downstream import Downstream
from models.modes import CONTROLS
from models.reporting import collect
from models.reporting.costs import Cost
from models.reporting.data import Data, Entry, Kept, Pretraining, Score
from models.reporting.gain import collect as gain
from models.reporting.gain.grid import Grid
from models.reporting.gain.scored import Scored
from models.reporting.language.language import Code
from models.reporting.report import ReportData
from models.reporting.resampling import Resampling
from models.reporting.seeds import gains, over_seeds
from tasks.costs import cost
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job
from tasks.running.work import PEAK_MEMORY
from tasks.score import ScoreConfig
from tasks.storage import artifacts, kept
from tasks.storage.artifacts import Made


class ReportConfig(Config):
    """What the report is called and how much it shows."""

    title: str = Field(default="", description="Heading of the page; the recipe's name by default.")
    language: Code = Field(default="en", description="What the page is written in: English or Korean.")
    worst: int = Field(
        default=20, ge=0, description="Wrong predictions shown for each downstream, the surest first."
    )
    examples: int = Field(
        default=20, ge=0, description="Quarantined rows, and leaked test rows, shown for each data set."
    )
    names: tuple[str, ...] = Field(
        default=(), description="Filled in by the flow: the entry each score belongs to."
    )
    grid: tuple[str, ...] = Field(
        default=(), description="Filled in by the flow: the entry each cell of the gain grid belongs to."
    )
    search: bool = Field(
        default=True, description="Whether settings were searched for in each cell of the grid."
    )
    inapplicable: Mapping[str, tuple[str, ...]] = Field(
        default={},
        description="Filled in by the flow: modes an entry was asked for that mean nothing for it.",
    )
    grid_inapplicable: Mapping[str, tuple[str, ...]] = Field(
        default={}, description="Filled in by the flow: the same of the gain grid."
    )
    upstreams: tuple[str, ...] = Field(
        default=(), description="Filled in by the flow: the name of each pretrained model."
    )


def report_on(
    config: ReportConfig,
    scores: tuple[refs.Scores, ...],
    pretrained: tuple[refs.Model, ...],
    corpus: refs.Corpus | None,
    inapplicable: Mapping[str, tuple[str, ...]] = {},
    grid_inapplicable: Mapping[str, tuple[str, ...]] = {},
) -> refs.Report:
    """The ref of the report on `scores`. Names are on the page, so the key of this step takes them in.

    Args:
        inapplicable: by entry, the modes it was asked for that mean nothing for it; only of those that are scored.
        grid_inapplicable: the same of the gain grid.
    """
    cells = tuple(item for item in scores if item.about.grid)
    scores = tuple(item for item in scores if not item.about.grid)
    names, grid = (tuple(item.about.downstream for item in items) for items in (scores, cells))
    filled = {
        "names": names,
        "grid": grid,
        "upstreams": tuple(item.about.upstream for item in pretrained),
        "inapplicable": {name: modes for name, modes in inapplicable.items() if name in names and modes},
        "grid_inapplicable": {
            name: modes for name, modes in grid_inapplicable.items() if name in grid and modes
        },
    }
    how = config.model_copy(update=filled)
    return report(how, scores=scores, cells=cells, pretrained=pretrained, corpus=corpus)


@step(refs.Report)
def report(
    job: Job,
    config: ReportConfig,
    scores: tuple[refs.Scores, ...],
    cells: tuple[refs.Scores, ...],
    pretrained: tuple[refs.Model, ...],
    corpus: refs.Corpus | None,
) -> None:
    """Writes the page with its figures, and the same numbers as JSON and CSV."""
    from models.reporting import page  # draws, which takes long to import, and recipes load this module

    made = artifacts.at_hand(refs.ordered([*scores, *cells, *pretrained, *([corpus] if corpus else [])]))
    upstreams = dict(zip((item.key for item in pretrained), config.upstreams, strict=True))
    entries, grids = _by_name(config.names, scores), _by_name(config.grid, cells)
    data = ReportData(
        title=config.title or "Headwater",
        language=config.language,
        corpus=_data(job, "corpus", corpus, corpus, config) if corpus is not None else None,
        pretraining=tuple(_pretraining(job, upstreams[item.key], item) for item in pretrained),
        entries=tuple(_entry(job, config, name, items, upstreams) for name, items in entries.items()),
        grids=tuple(_grid(job, config, name, items, upstreams, made) for name, items in grids.items()),
        costs=_costs(entries, config.upstreams, pretrained, made),
        kept=_kept([*scores, *cells, *pretrained, *((corpus,) if corpus is not None else ())]),
    )
    page.write(data, job.out)


def _costs(
    entries: Mapping[str, list[refs.Scores]],
    upstreams: Sequence[str],
    pretrained: Sequence[refs.Model],
    made: Mapping[str, Made],
) -> tuple[Cost, ...]:
    """What each upstream and each entry took: its pretraining, or all models that were adapted and asked."""
    parts: dict[str, list[refs.Ref]] = {
        name: [model] for name, model in zip(upstreams, pretrained, strict=True)
    }
    for name, items in entries.items():
        parts[name] = [ref for item in items for ref in (item.predictions, item.predictions.adapted)]
    return tuple(found for name, steps in parts.items() if (found := cost(name, steps, made)))


def _kept(items: list[refs.Ref]) -> tuple[Kept, ...]:
    """What of all that these are made from was kept; it bears on no key, and what is made from it is made anew."""
    steps = {ref.key: ref.title for ref in refs.ordered(items)}
    found = {steps[item.key]: item for item in kept.decisions(steps)}
    return tuple(
        Kept(step=title, run_id=item.run_id, reason=item.reason) for title, item in sorted(found.items())
    )


def _by_name(names: Sequence[str], items: Sequence[refs.Scores]) -> dict[str, list[refs.Scores]]:
    found: dict[str, list[refs.Scores]] = {}
    for name, item in zip(names, items, strict=True):
        found.setdefault(name, []).append(item)
    return found


def _entry(
    job: Job, config: ReportConfig, name: str, items: list[refs.Scores], upstreams: dict[str, str]
) -> Entry:
    """All scores of one entry of the recipe; they are of the same test rows."""
    how, rows = _scoring(items[0]), items[0].rows
    downstream = _settled(job, items[0])
    scores: dict[Path, Score] = {}
    for item in items:
        folder, predictions, adapted = (job.files(ref) for ref in _steps(item))
        scores[folder] = collect.score(folder, predictions, adapted, downstream, config.worst)
    resampling = Resampling(downstream, how.resamples, how.seed)
    merged = over_seeds(scores, resampling)
    metrics = dict.fromkeys(metric for score in scores.values() for metric in score.metrics)
    return Entry(
        name=name,
        downstream=downstream.kind,
        upstream=_upstream(items, upstreams),
        metrics=tuple(sorted(metrics, key=lambda metric: metric != downstream.headline)),
        lower_is_better=downstream.lower_is_better,
        data=_data(job, name, rows, items[0].leaks, config).model_copy(
            update={"labels": collect.labels(job.files(rows), downstream.kinds or downstream.drawn_by)}
        ),
        scores=tuple(score for score, _ in merged),
        gains=gains(merged, resampling),
        facts=_facts(items),
        inapplicable=config.inapplicable.get(name, ()),
    )


def _grid(
    job: Job,
    config: ReportConfig,
    name: str,
    items: list[refs.Scores],
    upstreams: dict[str, str],
    made: Mapping[str, Made],
) -> Grid:
    """All cells of one entry of the recipe, with what each took."""
    how = _scoring(items[0])
    names = {
        "name": name,
        "upstream": _upstream(items, upstreams),
        "search": config.search,
        "inapplicable": config.grid_inapplicable.get(name, ()),
    }
    cells = [_cell(job, item, made) for item in items]
    return gain.grid(names, _settled(job, items[0]), cells, how.resamples, how.seed)


def _cell(job: Job, item: refs.Scores, made: Mapping[str, Made]) -> Scored:
    folder, predictions, adapted = (job.files(ref) for ref in _steps(item))
    predicting, adapting = (made.get(ref.key) for ref in (item.predictions, item.predictions.adapted))
    seconds = sum(step.seconds for step in (predicting, adapting) if step)
    memory = adapting.metrics.get(PEAK_MEMORY) if adapting else None
    return Scored(folder, predictions, adapted, seconds, memory)


def _steps(item: refs.Scores) -> tuple[refs.Scores, refs.Predictions, refs.Adapted]:
    """The steps that a model's scores come from: score, predict, adapt."""
    return item, item.predictions, item.predictions.adapted


def _data(
    job: Job,
    name: str,
    parts: refs.Split | refs.Corpus,
    leaks: refs.Leaks | refs.Corpus | None,
    config: ReportConfig,
) -> Data:
    """What was read; a corpus names itself the test rows that were taken out of it."""
    found = None if leaks is None else job.files(leaks)
    corpus = isinstance(parts, refs.Corpus)
    texts = [job.files(ref) for ref in parts.shards] if corpus else []
    checked = job.files(parts) if corpus else job.files(parts.rows)
    return collect.data(name, checked, job.files(parts), found, config.examples, texts)


def _scoring(item: refs.Scores) -> ScoreConfig:
    assert isinstance(item.config, ScoreConfig), f"{item.name} was not made by `score`"
    return item.config


def _settled(job: Job, item: refs.Scores) -> Downstream:
    """The downstream with what its recipe left open, as it was scored."""
    settled = job.files(item) / SETTLED
    return type(_scoring(item).downstream).model_validate_json(settled.read_text(encoding="utf-8"))


def _upstream(items: list[refs.Scores], upstreams: dict[str, str]) -> str:
    """Name of the pretrained model that was carried over; "" where only controls were run."""
    models = (item.predictions.adapted.model for item in items)
    return next((upstreams.get(model.key, "") for model in models if model is not None), "")


def _facts(items: list[refs.Scores]) -> dict[str, str]:
    """Settings of the first transfer, without those that are a column of the table of models."""
    first = next((item for item in items if item.about.mode not in CONTROLS), items[0])
    settings = collect.settings(first.predictions.adapted.config)
    return {name: value for name, value in settings.items() if name not in ("mode", "labels", "seed")}


def _pretraining(job: Job, name: str, model: refs.Model) -> Pretraining:
    """The curve, and every setting from the text to the model."""
    steps = (*model.parents(), model)
    facts = {
        f"{item.step} · {key}": value
        for item in steps
        for key, value in collect.settings(item.config).items()
    }
    return Pretraining(
        name=name,
        history=collect.history(job.files(model) / "history.parquet"),
        facts=facts,
        unspaced=max((_unspaced(job, item) for item in steps if isinstance(item, refs.Tokenizer)), default=0),
    )


def _unspaced(job: Job, tokenizer: refs.Tokenizer) -> float:
    """The share of held-out letters in words so long that there may be no spaces between words."""
    measured = json.loads((job.files(tokenizer) / "metrics.json").read_text(encoding="utf-8"))
    return measured.get("unspaced_rate", 0.0)
