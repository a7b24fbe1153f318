"""What a recipe is, in words: the description of its experiment in MLflow."""

from collections.abc import Iterator
from html import escape

from flows.recipe.entry import DownstreamPart
from flows.recipe.parts import UpstreamPart
from flows.recipe.recipe import Recipe


def described(recipe: Recipe) -> str:
    """The corpus, the pretrainings and the entries of a recipe, as Markdown."""
    return "\n".join(_lines(recipe)) + "\n"


def _lines(recipe: Recipe) -> Iterator[str]:
    yield f"**{escape(recipe.report.title or recipe.name)}**: transfer learning, from text to tested models."
    yield ""
    if recipe.corpus is not None:
        sources = ", ".join(dict.fromkeys(source.kind for source in recipe.corpus.sources))
        yield f"- corpus, from {sources}: test rows in it are {_leaks(recipe.corpus.leaks)}"
    for part in recipe.upstreams:
        yield f"- upstream **{part.name}**: {_upstream(part)}"
    for entry in recipe.downstreams:
        yield f"- entry **{entry.name}**: {_entry(entry)}, from {recipe.upstream_of(entry).name}"
    if recipe.gain is not None:
        covered = [entry.name for entry in recipe.downstreams if recipe.gain.covers(entry.name)]
        yield f"- gain grid over numbers of labels and seeds: {', '.join(covered)}"
    yield ""
    yield "Each run of the recipe is one run here, with its entries and steps below it."


def _leaks(how: str) -> str:
    return "taken out" if how == "remove" else "named in the report"


def _upstream(part: UpstreamPart) -> str:
    if part.objective is None:
        return "a pretrained model that is brought along"
    return f"pretraining by {part.objective.kind}, {part.tokenizer.vocabulary:,} tokens in the vocabulary"


def _entry(entry: DownstreamPart) -> str:
    labels = ", ".join("all" if item == "all" else f"{item:,}" for item in entry.labels)
    return f"{entry.downstream.kind} by {', '.join(entry.modes)}, with {labels} labelled rows"
