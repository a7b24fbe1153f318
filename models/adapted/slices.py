"""What of labelled rows a mean may hide: a class, short and long texts, a file."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from models.data.splits import named

PARTS = 3
"""How many parts rows are cut into by their length."""


def labels(rows: pl.DataFrame, path: str | None, least: int) -> list[str]:
    """What at least so many rows are labelled with.

    Args:
        path: dotted path of the labels, where those are a few names.
    """
    if path is None:
        return []
    counts = named(rows, path).unique(["row", "label"])["label"].value_counts()
    return sorted(counts.filter(pl.col("count") >= least)["label"].to_list())


def slices(rows: pl.DataFrame, texts: Sequence[str], least: int) -> dict[str, np.ndarray]:
    """Which rows are in each slice (rows,), by its name; those of fewer than `least` rows, or of all, are left out.

    Args:
        texts: columns whose letters are counted.
    """
    found = dict([*_by_length(rows, texts), *_by_file(rows)])
    return {name: mask for name, mask in found.items() if least <= mask.sum() < rows.height}


Slice = tuple[str, np.ndarray]


def _by_length(rows: pl.DataFrame, texts: Sequence[str]) -> Iterator[Slice]:
    columns = [pl.col(name).str.len_chars() for name in texts if name in rows.columns]
    if not columns or rows.is_empty():
        return
    letters = rows.select(pl.sum_horizontal(columns)).to_series().to_numpy()
    edges = [int(edge) for edge in np.quantile(letters, np.arange(1, PARTS) / PARTS, method="lower")]
    bounds = [-1, *edges, int(letters.max())]
    for low, high in itertools.pairwise(bounds):
        if high > low:
            yield f"length is {low + 1} to {high}", (letters > low) & (letters <= high)


def _by_file(rows: pl.DataFrame) -> Iterator[Slice]:
    for file in rows["file"].unique().sort():
        yield f"file is {file}", (rows["file"] == file).to_numpy()
