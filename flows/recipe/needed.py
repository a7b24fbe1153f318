"""What a recipe needs that lies elsewhere: files of sources, models that are brought along, and at which commits."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flows.recipe.entry import DownstreamPart
from flows.recipe.parts import CorpusPart, UpstreamPart
from models import hub, pretrained
from models.backbone import compatibility
from models.errors import NetworkError, RecipeError


def check_files(corpus: CorpusPart | None, entries: Iterable[DownstreamPart]) -> None:
    """
    Raises:
        RecipeError: a file of the corpus or of an entry is missing, empty, unreadable or not of its format.
    """
    read = [("corpus.sources", corpus.sources)] if corpus else []
    read += [(f"downstreams.{entry.name}.data", entry.data) for entry in entries]
    for field, sources in read:
        for source in sources:
            with _said_of(field):
                try:
                    source.check()
                except NetworkError as error:  # nothing runs yet
                    raise RecipeError(str(error)) from error


def check_brought(part: UpstreamPart, entries: Iterable[DownstreamPart]) -> None:
    """
    Args:
        part: a pretraining, with a model that is brought along or without.
        entries: the downstreams that start from it.

    Raises:
        RecipeError: the model cannot be used with its tokenizer, or for an entry.
    """
    source = part.model.pretrained
    if source is None:
        return
    field = f"upstreams.{part.name}.{'pretrained' if part.pretrained else 'model.pretrained'}"
    with _said_of(field):
        compatibility.check(source, part.tokenizer.pretrained)
        if part.objective is not None:
            compatibility.check_head(source, part.objective.model_class, part.objective.kind)
    for entry in entries:
        with _said_of(f"downstreams.{entry.name}.upstream"):
            what = entry.downstream
            compatibility.check_head(source, what.model_class, what.kind)


def pins(
    corpus: CorpusPart | None, upstreams: Iterable[UpstreamPart], entries: Iterable[DownstreamPart]
) -> list[hub.Pin]:
    """At which commits the data sets and models of the hub are read, each once."""
    sources = [*(corpus.sources if corpus else ()), *(item for entry in entries for item in entry.data)]
    brought = [place for part in upstreams for place in (part.model.pretrained, part.tokenizer.pretrained)]
    models = [
        hub.pinned("model", *hub.parted(place)) for place in brought if place and pretrained.is_of_hub(place)
    ]
    return list(dict.fromkeys([*(pin for source in sources for pin in source.pins()), *models]))


@contextmanager
def _said_of(field: str) -> Iterator[None]:
    """What is found wrong with a setting names it."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(f"{field}: {error}") from error
