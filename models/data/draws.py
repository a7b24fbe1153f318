"""Seeded draws of labelled rows.

Draws are nested (a smaller draw is part of a larger one) and do not depend on the order of the rows: every row gets
its place from a hash of the seed and its id.
"""

import hashlib

import polars as pl


def draw(rows: pl.DataFrame, count: int | None, seed: int, by: str | None = None) -> pl.DataFrame:
    """`count` of `rows` (all if there are fewer, or with None), in drawn order.

    With `by`, the name of a column, every value of it appears equally often, as far as there are rows of it:
    a value that runs out leaves its share to the others.
    """
    keys = [_hash(seed, row_id) for row_id in rows["id"]]
    ranked = rows.with_columns(pl.Series("_draw", keys, dtype=pl.String)).sort("_draw")
    if by is not None:
        # Taking the first of every value, then the second of every value, … is balanced at each length.
        ranked = (
            ranked.with_columns(_round=pl.int_range(pl.len()).over(by)).sort("_round", "_draw").drop("_round")
        )
    return ranked.drop("_draw").head(rows.height if count is None else count)


def _hash(seed: int, row_id: str) -> str:
    return hashlib.blake2b(f"{seed}:{row_id}".encode(), digest_size=16).hexdigest()
