"""Downstreams: the pretrained model carried over to each, beside its two controls, and scored on test rows."""

from pathlib import Path
from typing import Any

from prefect import flow

from flows.corpus import corpus_ref
from flows.parts import DownstreamPart
from flows.pretraining import model_refs
from flows.recipe import Recipe
from models.modes import CONTROLS
from tasks import refs
from tasks.adapt import AdaptConfig, adapt
from tasks.ingest import IngestConfig, ingest
from tasks.predict import PredictConfig, predict
from tasks.promote import PromoteConfig, promote
from tasks.refs import About
from tasks.run import flow_run
from tasks.score import ScoreConfig, score
from tasks.split import SplitConfig, split
from tasks.validate import ValidateConfig, validate


def rows_ref(recipe: Recipe, entry: DownstreamPart, corpus: refs.Split | None) -> refs.Split:
    """The labelled rows of an entry in their parts, its test rows looked for in the corpus."""
    about = About(downstream=entry.name, kind=entry.downstream.kind)
    read = ingest(IngestConfig(sources=entry.data, columns="all"), about=about)
    checked = validate(
        ValidateConfig(rows=entry.downstream, quarantine=entry.quarantine), about=about, rows=read
    )
    how = SplitConfig(
        seed=recipe.seed,
        leaks=recipe.leaks,
        texts=entry.downstream.texts,
        pool=entry.downstream.pool,
    )
    return split(how, about=about, rows=checked, corpus=corpus)


def score_refs(
    recipe: Recipe, entry: DownstreamPart, corpus: refs.Split | None, words: refs.Tokenizer, model: refs.Model
) -> list[refs.Scores]:
    """Test scores of an entry: every mode at every number of labels."""
    rows = rows_ref(recipe, entry, corpus)
    seed = recipe.seed if entry.seed is None else entry.seed
    found = []
    fitting = entry.downstream.modes(recipe.upstream_of(entry).decoder)
    for mode, labels in entry.cells():
        if mode not in fitting:
            continue
        way = entry.way(mode)
        how = AdaptConfig(
            downstream=entry.downstream,
            mode=mode,
            labels=labels,
            validation_rows=entry.validation_rows,
            seed=seed,
            way=way,
            model=recipe.upstream_of(entry).model,
        )
        about = About(
            upstream=recipe.upstream_of(entry).name,
            downstream=entry.name,
            kind=entry.downstream.kind,
            mode=mode,
            labels=how.labels,
            seed=seed,
        )
        made = adapt(
            how,
            about=about,
            rows=rows,
            tokenizer=words if mode == "scratch" else None,
            model=None if mode in CONTROLS else model,
        )
        predictions = predict(
            PredictConfig(downstream=entry.downstream, way=way), about=about, rows=rows, adapted=made
        )
        scoring = ScoreConfig(downstream=entry.downstream, seed=recipe.seed)
        found.append(score(scoring, about=about, rows=rows, predictions=predictions))
    return found


def promote_refs(recipe: Recipe, entry: DownstreamPart, scores: list[refs.Scores]) -> list[refs.Promotion]:
    """The registry of an entry's transferred models; none where it has controls only."""
    made = [item.one("predictions").one("adapted") for item in scores if item.about.mode not in CONTROLS]
    adapted = tuple(item for item in made if isinstance(item, refs.Adapted))
    if not adapted:
        return []
    about = About(downstream=entry.name, kind=entry.downstream.kind, upstream=recipe.upstream_of(entry).name)
    how = PromoteConfig(name=f"{recipe.name}-{entry.name}", seed=recipe.seed)
    return [promote(how, about=about, adapted=adapted)]


@flow(name="downstream", flow_run_name="downstream · {recipe.stem}")
def downstream(recipe: Path, overrides: dict[str, Any] = {}, only: list[str] = []) -> None:
    """Carries the pretrained models over to the recipe's downstreams and scores them; makes what they need.

    Args:
        recipe: Path of the recipe, such as recipes/demo.yaml.
        overrides: Settings to change for this run, by their dotted path: {"downstreams.classification.labels": [1000]}.
        only: Names of the entries to run, such as classification; empty for all.
    """
    loaded = Recipe.load(recipe, overrides)
    with flow_run(loaded.name, device=loaded.device, threads=loaded.threads, text=loaded.text()) as run:
        corpus = corpus_ref(loaded)
        targets: list[refs.Ref] = []
        for entry in loaded.entries(only):
            made = model_refs(loaded, loaded.upstream_of(entry), corpus)
            scores = score_refs(loaded, entry, corpus, *made)
            targets += [*scores, *promote_refs(loaded, entry, scores)]
        run.execute(targets)
