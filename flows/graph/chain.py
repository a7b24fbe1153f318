"""Transfer learning, the whole chain: corpus, pretraining, downstreams, scores and one report."""

from collections.abc import Sequence

from flows.graph.corpus import corpus_ref
from flows.graph.downstream import grid_refs, promote_refs, score_refs
from flows.graph.pretraining import model_refs, register_ref
from flows.recipe.entry import DownstreamPart
from flows.recipe.recipe import Recipe
from models.modes import Mode
from tasks.graph import refs
from tasks.graph.refs import Ref, ordered
from tasks.report import ReportConfig, report_on


def chain(recipe: Recipe, only: Sequence[str]) -> list[Ref]:
    """What a run makes, the report aside: everything, or what `only` names; what these need comes by itself.

    Entries on the same rows share artifacts, their controls say: such a ref stands here for each entry.
    """
    corpus = corpus_ref(recipe)
    made = {part.name: model_refs(recipe, part, corpus) for part in recipe.upstreams}
    entries = recipe.entries(only)
    ends: list[Ref] = []
    for entry in entries:
        models = made[recipe.upstream_of(entry).name]
        scores = score_refs(recipe, entry, corpus, models)
        ends += [*scores, *promote_refs(recipe, entry, scores), *grid_refs(recipe, entry, corpus, models)]
    learnt = [model for _, model in made.values()]
    registered = [register_ref(recipe, part, made[part.name][1]) for part in recipe.upstreams]
    every = [*learnt, *registered, *ends]
    if not only or "report" in only:
        return every
    steps = [ref for ref in ordered(every) if ref not in ends]
    return [
        ref for ref in (*steps, *ends) if {ref.step, ref.about.downstream or ref.about.upstream} & {*only}
    ]


def report_refs(recipe: Recipe, only: Sequence[str], made: Sequence[Ref]) -> list[refs.Report]:
    """The report on what is `made` and was needed for it; none where only steps or pretrainings were asked for."""
    scores = tuple(ref for ref in made if isinstance(ref, refs.Scores))
    models = tuple(ref for ref in ordered(list(made)) if isinstance(ref, refs.Model))
    asked = not only or {"report", *(entry.name for entry in recipe.downstreams)} & set(only)
    if not asked or not (scores or models):
        return []
    how = ReportConfig(
        title=recipe.report.title or recipe.name,
        language=recipe.report.language,
        search=recipe.gain is None or recipe.gain.search,
    )
    left_out = {entry.name: _inapplicable(recipe, entry, entry.modes) for entry in recipe.downstreams}
    grid = recipe.gain.modes if recipe.gain else ()
    of_grid = {entry.name: _inapplicable(recipe, entry, grid) for entry in recipe.downstreams}
    return [report_on(how, scores, models, corpus_ref(recipe), left_out, of_grid)]


def _inapplicable(recipe: Recipe, entry: DownstreamPart, modes: Sequence[Mode]) -> tuple[str, ...]:
    """Of modes that are asked for, those that mean nothing for an entry's downstream or its model."""
    return tuple(mode for mode in modes if mode not in recipe.fitting(entry))
