"""Which row is for training, validation or test; and rows that stand in more than one part."""

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.data.comparison import normalised, text_columns
from models.errors import DataError

PARTS = ("train", "validation", "test")
DRAWN = 0.1
"""Share of rows drawn for validation, and for test where a data set has no parts of its own."""

DUPLICATES = {"id_a": pl.String, "part_a": pl.String, "id_b": pl.String, "part_b": pl.String}
_SEPARATOR = "\x1f"


def apart(rows: pl.DataFrame, pool: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Examples, and the rows that belong to every part, which the column `pool` tells."""
    return (rows, rows.clear()) if pool is None else (rows.filter(~pl.col(pool)), rows.filter(pool))


def assign(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Rows with `part` filled in: published parts are kept, missing ones drawn.

    Without a test part the validation part is the test. A missing validation part is a tenth of train. Without parts
    at all, or with a single one, rows are drawn 80/10/10. Rows of one `group` stay together.

    Raises:
        DataError: there is nothing to train on.
    """
    if rows.is_empty():
        raise DataError("no row is an example; check which rows the source gives")
    rows = rows.with_columns(part=pl.when(pl.col("part") == "").then(pl.lit("train")).otherwise("part"))
    parts = set(rows["part"].unique())
    if len(parts) == 1:
        return _draw(rows, seed, {"test": DRAWN, "validation": DRAWN})
    if "train" not in parts:
        raise DataError(
            f"rows have the parts {', '.join(sorted(parts))}: name the training file as part 'train'"
        )
    if "test" not in parts:
        rows = rows.with_columns(part=pl.col("part").replace("validation", "test"))
        parts = {"train", "test"}
    return rows if "validation" in parts else _draw(rows, seed, {"validation": DRAWN})


def told(parts: Collection[str]) -> str:
    """In words, how `assign` parts rows that come with these parts, "" where a row has none."""
    own = {part or "train" for part in parts}
    if len(own) == 1:
        return "drawn"
    if "test" not in own:
        return "as published; validation is the test, and validation drawn from train"
    return "as published" if "validation" in own else "as published; validation drawn from train"


def held_out(hashes: np.ndarray, seed: int, share: float) -> np.ndarray:
    """Which texts of a corpus are held out, by the 64 bits that stand for each: equal texts stay together."""
    return draws(hashes, seed) < share


def draws(hashes: np.ndarray, seed: int) -> np.ndarray:
    """A number in [0, 1) for each of 64-bit hashes, by a seed (the finalizer of SplitMix64)."""
    start = int.from_bytes(blake2b(f"{seed}".encode(), digest_size=8).digest(), "big")
    mixed = hashes.astype(np.uint64) ^ np.uint64(start)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / np.float64(2**53)


def _draw(rows: pl.DataFrame, seed: int, shares: dict[str, float]) -> pl.DataFrame:
    """Moves seeded shares of the training rows into other parts, by group where there is one, whatever the order."""
    keys = rows.select(pl.when(pl.col("group") == "").then("id").otherwise("group")).to_series()
    draws = _fractions(keys, seed)
    part, edge = pl.lit("train"), 0.0
    for name, share in shares.items():
        part = pl.when((draws >= edge) & (draws < edge + share)).then(pl.lit(name)).otherwise(part)
        edge += share
    is_train = pl.col("part") == "train" if len(shares) == 1 else pl.lit(True)
    return rows.with_columns(part=pl.when(is_train).then(part).otherwise("part"))


def _fractions(keys: pl.Series, seed: int) -> pl.Series:
    """A number in [0, 1) for each key, from a hash of seed and key: the same in every library version."""
    start = blake2b(f"{seed}:".encode(), digest_size=8)

    def fraction(key: str) -> float:
        digest = start.copy()
        digest.update(key.encode())
        return int.from_bytes(digest.digest()[:6], "big") / 2**48

    return pl.Series([fraction(key) for key in keys], dtype=pl.Float64)


def duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs of rows in different parts with the same text in all text columns, the training row first.

    Every row that has such a twin is named at least once; twins are paired with the first of each other part, not all
    with all.
    """
    names = text_columns(rows)
    if not names:
        return pl.DataFrame(schema=DUPLICATES)
    key = pl.concat_str([normalised(name) for name in names], separator=_SEPARATOR)
    keyed = rows.select("id", "part", key=key).filter(pl.len().over("key") > 1)
    pairs = [pl.DataFrame(schema=DUPLICATES)]
    for index, part_a in enumerate(PARTS):
        for part_b in PARTS[index + 1 :]:
            a, b = (keyed.filter(pl.col("part") == part) for part in (part_a, part_b))
            for left, right in ((a, _first(b)), (_first(a), b)):
                joined = left.join(right, on="key", how="inner", suffix="_b", maintain_order="left_right")
                pairs.append(joined.select(id_a="id", part_a="part", id_b="id_b", part_b="part_b"))
    return pl.concat(pairs).unique(maintain_order=True)


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.unique("key", keep="first", maintain_order=True)


def named(rows: pl.DataFrame, path: str) -> pl.DataFrame:
    """`row`, `part`, `label`: a line for each label of each row, which may be items of a list, or stand in its objects
    (`a.b`)."""
    column, _, field = path.partition(".")
    labels = rows.select("part", label=column).with_row_index("row")
    if labels.schema["label"].base_type() is pl.List:
        labels = labels.explode("label")
    if field:
        labels = labels.with_columns(pl.col("label").struct.field(field).alias("label"))
    return labels.drop_nulls("label")


def repeating(rows: pl.DataFrame, repeats: pl.DataFrame) -> pl.DataFrame:
    """Rows to take out, each once, with the row it repeats; rows of the test part never are.

    Args:
        rows: with `part`.
        repeats: `id` of such a row, the `reason`, and `kept_id`, the row that is repeated.
    """
    first = repeats.unique("id", keep="first", maintain_order=True)
    places = rows.filter(pl.col("part") != "test").select("id", "file", "line")
    return places.join(first, on="id", how="inner", maintain_order="left")


def without(rows: pl.DataFrame, removed: pl.DataFrame) -> pl.DataFrame:
    """Rows that were not removed, in their order."""
    return rows.join(removed, on="id", how="anti", maintain_order="left")


def sizes(rows: pl.DataFrame) -> dict[str, int]:
    """Rows of each part there is, in the order of the parts."""
    return {name: count for name in PARTS if (count := int((rows["part"] == name).sum()))}


def write(rows: pl.DataFrame, parts: Sequence[str], removed: pl.DataFrame, folder: Path) -> None:
    """Writes a file for each part, and removed.parquet."""
    for name in parts:
        rows.filter(pl.col("part") == name).write_parquet(folder / f"{name}.parquet", compression="zstd")
    removed.write_parquet(folder / "removed.parquet", compression="zstd")


def counted(before: Mapping[str, Any], rows: pl.DataFrame, removed: pl.DataFrame) -> dict[str, Any]:
    """The counts of the step before, with what is kept and removed now and the size of each part."""
    reasons = dict(removed["reason"].value_counts().sort("reason").iter_rows())
    return {
        **before,
        "kept": rows.height,
        "removed": before["removed"] | reasons,
        "parts": sizes(rows),
    }
