"""Pairs of alike texts, found exactly: what near duplicates are judged by, without any of their code.

A pair of sets with a similarity of t shares one of the rarest n - ceil(t n) + 1 elements of each (Chaudhuri et al.
2006, Bayardo et al. 2007), so that only texts which share one of these are compared.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from rensa import RMinHash, RMinHashDeduplicator  # pyright: ignore[reportAttributeAccessIssue] - compiled

from models.data.comparison import normal_form

SHINGLE = 5
_AT_ONCE = 10_000


def compared(shards: Sequence[Path], corpus: Path, minimum: int) -> tuple[list[str], dict[int, int]]:
    """The texts, in their normal form and in order, that near duplicates are looked for among: those of some length,
    each once; and by its number which of them was taken out, and the earlier one that it is like."""
    removed = pl.read_parquet(corpus / "removed.parquet")
    rows = [
        pl.read_parquet(shard / "rows.parquet", columns=["id", "file", "line", "text"]) for shard in shards
    ]
    copies = {*removed.filter(reason="exact_duplicate").select("file", "line").iter_rows()}
    texts: list[str] = []
    numbers: dict[tuple[str, int], int] = {}
    names: dict[tuple[str, str], int] = {}
    for id, file, line, text in pl.concat(rows).iter_rows():
        form = normal_form(text)
        if len(form) >= minimum and (file, line) not in copies:
            numbers[file, line] = names[file, id] = len(texts)
            texts.append(form)
    near = removed.filter(reason="near_duplicate").select("file", "line", "kept_file", "kept_id")
    gone: dict[int, int] = {}
    for file, line, kept_file, kept_id in near.iter_rows():
        kept = names.get((kept_file, kept_id), names.get((kept_file, kept_id.removeprefix(f"{kept_file}:"))))
        if kept is not None and (file, line) in numbers:  # a copy inside one file went before
            gone[numbers[file, line]] = kept
    return texts, gone


def pairs(texts: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """All pairs of texts that are at least so similar."""
    size = pl.len().over("text")
    least = pl.min_horizontal(size, size - (threshold * size - 1e-9).ceil().cast(pl.Int64) + 1)
    rarest = (
        pl.concat([_shingled(texts, start) for start in range(0, len(texts), _AT_ONCE)])
        .with_columns(often=pl.len().over("shingle"))
        .sort("text", "often", "shingle")
        .filter(pl.int_range(pl.len()).over("text") < least)
        .filter(pl.col("often") > 1)
        .select("text", "shingle")
    )
    met = rarest.join(rarest, on="shingle").filter(pl.col("text") < pl.col("text_right"))
    likely = met.select("text", "text_right").unique().sort("text", "text_right").iter_rows()
    return [(one, other) for one, other in likely if similarity(texts[one], texts[other]) >= threshold]


def similarity(one: str, other: str) -> float:
    """Jaccard's, of the shingles of two texts."""
    first, second = _shingles(one), _shingles(other)
    return len(first & second) / len(first | second)


def by_rensa(texts: Sequence[str], threshold: float) -> Mapping[int, int]:
    """What goes by MinHash alone, of 64 values in 8 bands: texts that are estimated to be alike, and the first kept one
    that each is like."""
    kept, gone = RMinHashDeduplicator(threshold, 64, True, 8, 1), {}
    for number, text in enumerate(texts):
        sketch = RMinHash.from_token_sets([[*_shingles(text)]], 64, 1)[0]
        if like := kept.get_duplicates(sketch):
            gone[number] = min(map(int, like))
        else:
            kept.add(str(number), sketch)
    return gone


def _shingles(text: str) -> set[str]:
    return {text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)}


def _shingled(texts: Sequence[str], start: int) -> pl.DataFrame:
    """The shingles of some texts as numbers, each once a text."""
    some = texts[start : start + _AT_ONCE]
    sizes = np.array([len(text) for text in some])
    codes = np.frombuffer("".join(some).encode("utf-32-le"), "<u4").astype(np.uint64)
    mixed = np.zeros(max(0, len(codes) - SHINGLE + 1), np.uint64)
    for at in range(SHINGLE):
        mixed = (mixed + codes[at : at + len(mixed)]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(31)
    text = np.repeat(np.arange(start, start + len(some)), sizes)
    inside = np.concatenate([np.arange(size) < size - SHINGLE + 1 for size in sizes])[: len(mixed)]
    rows = {"text": text[: len(mixed)][inside], "shingle": mixed[inside]}
    return pl.DataFrame(rows).unique()
