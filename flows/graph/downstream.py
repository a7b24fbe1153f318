"""Downstreams: the pretrained model carried over to each, beside its two controls, and scored on test rows."""

from collections.abc import Iterable

from flows.recipe.entry import DownstreamPart, Wanted
from flows.recipe.recipe import Recipe
from models.modes import CONTROLS
from tasks.adapt import AdaptConfig, adapt
from tasks.graph import refs
from tasks.graph.refs import About
from tasks.ingest import IngestConfig, ingest
from tasks.leaks import LeaksConfig, leaks
from tasks.predict import PredictConfig, predict
from tasks.promote import PromoteConfig, promote
from tasks.score import ScoreConfig, score
from tasks.split import SplitConfig, split
from tasks.validate import ValidateConfig, validate


def rows_ref(recipe: Recipe, entry: DownstreamPart) -> refs.Split:
    """The labelled rows of an entry in their parts."""
    about = About(downstream=entry.name, kind=entry.downstream.kind)
    read = ingest(IngestConfig(sources=entry.data, columns="all"), about=about)
    checked = validate(
        ValidateConfig(rows=entry.downstream, quarantine=entry.quarantine), about=about, rows=read
    )
    how = SplitConfig(
        seed=recipe.seed,
        duplicates=entry.duplicates,
        texts=entry.downstream.texts,
        labels=entry.downstream.kinds or entry.downstream.drawn_by,
        pool=entry.downstream.pool,
    )
    return split(how, about=about, rows=checked)


def leaks_ref(
    recipe: Recipe, entry: DownstreamPart, rows: refs.Split, corpus: refs.Corpus | None
) -> refs.Leaks | None:
    """The held-out rows of an entry that stand in the corpus, if there is one."""
    if recipe.corpus is None or corpus is None:
        return None
    how = LeaksConfig(texts=entry.downstream.texts, cleaned=recipe.corpus.clean)
    return leaks(
        how, about=About(downstream=entry.name, kind=entry.downstream.kind), rows=rows, corpus=corpus
    )


Models = tuple[refs.Tokenizer, refs.Model]
"""The tokenizer, and what was pretrained."""


def score_refs(
    recipe: Recipe, entry: DownstreamPart, corpus: refs.Corpus | None, made: Models
) -> list[refs.Scores]:
    """Test scores of an entry: every mode at every number of labels."""
    cells = entry.cells(entry.modes, entry.labels, _seeds(recipe, entry))
    return _scored(recipe, entry, corpus, made, cells, grid=False)


def grid_refs(
    recipe: Recipe, entry: DownstreamPart, corpus: refs.Corpus | None, made: Models
) -> list[refs.Scores]:
    """Test scores of the cells of the gain grid; none where the recipe has none for this entry."""
    gain = recipe.gain
    if gain is None or not gain.covers(entry.name):
        return []
    cells = entry.cells(gain.modes, gain.labels(), gain.seeds)
    if not gain.search:
        cells = (cell._replace(way=cell.way and cell.way.without_search()) for cell in cells)
    return _scored(recipe, entry, corpus, made, cells, grid=True)


def _seeds(recipe: Recipe, entry: DownstreamPart) -> tuple[int, ...]:
    """What the labelled rows of an entry are drawn by, outside the gain grid."""
    return entry.seeds or (recipe.seed if entry.seed is None else entry.seed,)


def _scored(
    recipe: Recipe,
    entry: DownstreamPart,
    corpus: refs.Corpus | None,
    made: Models,
    cells: Iterable[Wanted],
    grid: bool,
) -> list[refs.Scores]:
    """Adapt, predict and score for each cell whose mode means something here."""
    upstream, (tokenizer_ref, model) = recipe.upstream_of(entry), made
    rows, fitting = rows_ref(recipe, entry), recipe.fitting(entry)
    leaked = leaks_ref(recipe, entry, rows, corpus)
    several = grid or len(_seeds(recipe, entry)) > 1
    scores = []
    for mode, labels, seed, way in cells:
        if mode not in fitting:
            continue
        about = About(upstream.name, entry.name, mode, labels, seed, entry.downstream.kind, grid, several)
        how = AdaptConfig(
            downstream=entry.chosen,
            mode=mode,
            labels=labels,
            validation_rows=entry.validation_rows,
            seed=seed,
            way=way,
            model=upstream.model,
            columns=entry.columns(),
        )
        adapted = adapt(
            how,
            about=about,
            rows=rows,
            tokenizer=tokenizer_ref if mode == "scratch" else None,
            model=None if mode in CONTROLS else model,
        )
        predictions = predict(
            PredictConfig(downstream=entry.downstream, way=way), about=about, rows=rows, adapted=adapted
        )
        scoring = ScoreConfig(downstream=entry.scored, seed=recipe.seed)
        scores.append(score(scoring, about=about, rows=rows, predictions=predictions, leaks=leaked))
    return scores


def promote_refs(recipe: Recipe, entry: DownstreamPart, scores: list[refs.Scores]) -> list[refs.Promotion]:
    """The registry of an entry's transferred models; none where it has controls only."""
    transferred = tuple(item for item in scores if item.about.mode not in CONTROLS)
    if not transferred:
        return []
    adapted = tuple(item.predictions.adapted for item in transferred)
    about = About(downstream=entry.name, kind=entry.downstream.kind, upstream=recipe.upstream_of(entry).name)
    how = PromoteConfig(
        recipe=recipe.name,
        entry=entry.name,
        rule=recipe.promote if entry.promote is None else entry.promote,
        validation_rows=entry.validation_rows,
        seed=_seeds(recipe, entry)[0],
    )
    rows, leaked = scores[0].rows, scores[0].leaks
    return [promote(how, about=about, rows=rows, adapted=adapted, scores=transferred, leaks=leaked)]
