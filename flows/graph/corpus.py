"""The corpus: read, cleaned and checked shard by shard, and put together with a share of it held out."""

from dataclasses import dataclass, replace
from itertools import chain

from flows.recipe.recipe import Recipe
from models.data.names import Names
from tasks.graph import refs
from tasks.graph.refs import About
from tasks.hold_out import HoldOutConfig, hold_out
from tasks.ingest import IngestConfig, ingest
from tasks.reading import shards as reading
from tasks.reading.shards import MEGABYTE
from tasks.remove_leaks import RemoveLeaksConfig, remove_leaks
from tasks.rows_to_find import Labelled, RowsToFindConfig, rows_to_find
from tasks.validate import ValidateConfig, validate


@dataclass(frozen=True)
class Shard:
    """A part of the corpus that is read by itself."""

    ref: refs.Validated
    source: int
    """Which of the recipe's sources it is of."""
    size: int
    """Bytes on the disk; 0 where they are not known before it is read."""
    packed: bool
    """Whether there are more of them when it is unpacked."""
    goes_on: bool
    """Whether it is of the same file as the one before."""


def corpus_ref(recipe: Recipe) -> refs.Corpus | None:
    """The corpus in its parts, if there is one."""
    part = recipe.corpus
    if part is None:
        return None
    found = shards(recipe)
    how = HoldOutConfig(
        seed=recipe.seed,
        holdout=part.holdout,
        cleaned=part.clean,
        goes_on=tuple(number for number, shard in enumerate(found) if shard.goes_on),
        quarantine=part.quarantine,
    )
    return hold_out(how, shards=tuple(shard.ref for shard in found))


def shards(recipe: Recipe) -> tuple[Shard, ...]:
    """The corpus's shards, by name: the same files make the same corpus in whatever order a recipe names them."""
    if recipe.corpus is None:
        return ()
    size = recipe.corpus.shard_megabytes * MEGABYTE
    files: list[list[tuple[reading.Shard, int, refs.Ingested]]] = []
    for number, source in enumerate(recipe.corpus.sources):
        for shard in source.shards(size):
            if not _goes_on(shard):
                files.append([])
            how = IngestConfig(sources=(shard.source,), piece=shard.piece, clean=recipe.corpus.clean)
            files[-1].append((shard, number, ingest(how)))
    files.sort(key=lambda file: (file[0][0].order, [rows.key for _, _, rows in file]))
    found = [*chain.from_iterable(files)]
    tests, names = _tests(recipe), Names()
    made = []
    for shard, number, rows in found:
        about = About(shard=names.own(shard.name) if len(found) > 1 else "")
        ref = validate(ValidateConfig(quarantine=None), about=about, rows=replace(rows, about=about))
        if tests is not None:
            ref = remove_leaks(
                RemoveLeaksConfig(cleaned=recipe.corpus.clean), about=about, rows=ref, tests=tests
            )
        made.append(Shard(ref, number, shard.size, shard.packed, _goes_on(shard)))
    return tuple(made)


def _goes_on(shard: reading.Shard) -> bool:
    return shard.piece is not None and shard.piece.start > 0


def _tests(recipe: Recipe) -> refs.RowsToFind | None:
    """With `leaks: remove`, the test rows of every downstream of the recipe, whichever of them is run."""
    if recipe.corpus is None or recipe.corpus.leaks != "remove" or not recipe.downstreams:
        return None
    tests = tuple(
        Labelled(
            sources=entry.data,
            seed=recipe.seed,
            texts=entry.downstream.texts,
            pool=entry.downstream.pool,
        )
        for entry in recipe.downstreams
    )
    return rows_to_find(RowsToFindConfig(tests=tests))
