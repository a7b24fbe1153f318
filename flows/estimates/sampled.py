"""A sample of a recipe's own data, small enough to be read in a moment, and how much there is of it in all."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from flows.estimates.rates import Rows
from flows.estimates.rules import text_bytes
from flows.estimates.watched import Stage, Watched
from models.config import Config
from models.data.records import Record
from models.data.splits import PARTS
from models.errors import DataError
from models.tokens import packing
from models.tokens.documents import Documents, read
from models.tokens.packing import EncodeConfig
from tasks.graph import refs
from tasks.graph.refs import Ref, ordered
from tasks.graph.step import step_of
from tasks.reading.source import Source

if TYPE_CHECKING:  # transformers takes seconds to import
    from transformers import PreTrainedTokenizerBase

READING = 3.0
"""Seconds that counting the rows of an entry may take; what is left is reckoned by the size of the files."""
AMONG = 50_000
"""Rows of a file among which those of a sample are looked for."""
CHARACTERS = 1_500_000
"""Of the corpus, for a tokenizer that stands in."""


class Cut:
    """A source of which only the first rows of each part of each file are read."""

    def __init__(self, source: Source, rows: int) -> None:
        self._source, self._rows = source, rows

    def by_file(self) -> Iterator[tuple[Path | None, Iterable[Any]]]:
        for path, rows in self._source.by_file():
            yield path, _first(rows, self._rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def _first(items: Iterable[Any], rows: int) -> Iterator[Any]:
    """So many of each published part, as far as they stand among the first."""
    seen = Counter[str]()
    for item in islice(items, AMONG):
        part = _part(item)
        seen[part] += 1
        if seen[part] <= rows:
            yield item


def _part(item: Any) -> str:
    return (item.part if isinstance(item, Record) else "") or "train"


def labelled(stage: Stage, ref: refs.Split, rows: int) -> tuple[Rows, Path]:
    """How many rows an entry has, and a folder with some of each part, as `split` leaves them."""
    place = stage.folder / "samples" / ref.key
    if ref.key in stage.there:
        whole = stage.there[ref.key]
        if not place.exists():
            place.mkdir(parents=True)
            for part in PARTS:
                pl.read_parquet(whole / f"{part}.parquet").head(rows).write_parquet(place / f"{part}.parquet")
            if (whole / "pool.parquet").exists():
                (place / "pool.parquet").symlink_to(whole / "pool.parquet")
        return sizes(whole), place
    read, counted = _counted(sources_of([ref]), rows)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        known: dict[str, Path] = {}
        for step in ordered([ref]):
            job = Watched(stage, f"rows/{step.key}", known)
            step_of(step).fn(job, cut(step.config, rows), **step.inputs)
            known[step.key] = job.out
        place.symlink_to(known[ref.key])
    some = sizes(place)
    return Rows(*(_scaled(part, getattr(some, part), read, counted) for part in PARTS)), place


def cut(config: Config, rows: int) -> Config:
    """The same configuration with sources of which only the first rows are read."""
    update: dict[str, Any] = {}
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Source):
            update[name] = Cut(value, rows)
        elif isinstance(value, tuple) and value and isinstance(value[0], Source):
            update[name] = tuple(Cut(item, rows) for item in value)
    return config.model_copy(update=update)


def sources_of(found: Sequence[Ref]) -> list[Source]:
    """All sources that refs are made from, themselves too."""
    sources: list[Source] = []
    for ref in ordered(list(found)):
        for name in type(ref.config).model_fields:
            value = getattr(ref.config, name)
            items = value if isinstance(value, tuple) else (value,)
            sources += [item for item in items if isinstance(item, Source)]
    return sources


def sizes(folder: Path) -> Rows:
    """How many rows the parts in a folder of `split` have."""
    counts = (pl.scan_parquet(folder / f"{part}.parquet").select(pl.len()).collect().item() for part in PARTS)
    return Rows(*counts)


def texts(ref: Ref) -> list[str]:
    """Texts of the corpus that `ref` is made from: of each file as much of it as it has of the corpus."""
    read = chain.from_iterable(source.by_file() for source in sources_of([ref]))
    files = {
        path or number: (path, rows) for number, (path, rows) in enumerate(read)
    }  # a piece names all of its file
    whole = sum(text_bytes(path) for path, _ in files.values()) or len(files)
    found: list[str] = []
    for path, rows in files.values():
        room = CHARACTERS * (text_bytes(path) or 1) / whole
        for row in rows:
            if isinstance(row, Record) and isinstance(text := row.fields.get("text"), str):
                found.append(text)
                room -= len(text)
            if room < 0:
                break
    return found


def encoded(
    stage: Stage, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, config: EncodeConfig
) -> Documents:
    """Documents of texts, cut and joined as a pretraining reads them.

    Raises:
        DataError: no text has a token.
    """
    path = Path(tempfile.mkdtemp(dir=stage.folder), "documents.arrow")
    packing.write([[*texts]], tokenizer, config.cutting(), path)
    found = read([(path, np.arange(len(texts)))])
    if not len(found):
        raise DataError("the corpus's sample holds no text")
    return found.joined(config.sequence_length) if config.across_documents else found


def _scaled(part: str, some: int, read: Counter[str], counted: Counter[str]) -> int:
    """Rows of a part in all, by those of it in the sample and by the published part they come from."""
    of = part if counted[part] else "validation" if part == "test" and counted["validation"] else "train"
    return round(some * counted[of] / max(1, read[of]))


def _counted(sources: Sequence[Source], rows: int) -> tuple[Counter[str], Counter[str]]:
    """By published part, the rows that a sample of so many of each file has, and all there are."""
    read, counted, until = Counter[str](), Counter[str](), time.monotonic() + READING
    for source in sources:
        for path, items in source.by_file():
            own, characters, whole = Counter[str](), 0, True
            for number, item in enumerate(items):
                part = _part(item)
                own[part] += 1
                read[part] += own[part] <= rows and number < AMONG
                characters += len(str(item))
                if time.monotonic() > until and number >= rows:
                    whole = False
                    break
            scale = 1.0 if whole else max(1.0, 1.5 * text_bytes(path) / max(1, characters))
            counted.update({part: round(count * scale) for part, count in own.items()})
    return read, counted
