"""Names that tell apart: files of the same name in several folders, and ids that only one file or kind knows.

Paths are no part of a name: the same files in another place make the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable
from typing import Any

from models.late import pl

_PLACE, _MADE, _NAME = "_place", "_made", "_name"
AMBIGUOUS = "ambiguous: several files have it, and this one does not"
"""What can be wrong with a reference, as a quarantine says it."""


class Names:
    """Gives each thing a name of its own: the second `a.csv` is `a.csv#2`."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)

    def own(self, name: str) -> str:
        """`name`, or what comes nearest to it and is not given yet."""
        made, number = name, 1
        while made in self._taken:
            number += 1
            made = f"{name}#{number}"
        self._taken.add(made)
        return made


def qualified(rows: pl.DataFrame, kind: str | None = None) -> pl.DataFrame:
    """Rows with ids that tell them apart; two rows of one place with the same id keep the same.

    An id stands for a row of its file, part and kind: where several have it, as when each counts from 0, it becomes
    `part/file:id`, and `part/kind/file:id` for a row where the boolean column `kind` is true. A row without an id gets
    `file:line`, which another row may have been given.
    """
    kinds = pl.lit("") if kind is None else pl.when(kind).then(pl.lit(f"{kind}/")).otherwise(pl.lit(""))
    parts = pl.when(pl.col("part") == "").then(pl.lit("")).otherwise(pl.col("part") + "/")
    placed = rows.with_columns(
        pl.concat_str([parts, kinds, "file"]).alias(_PLACE),
        pl.col("id").is_null().alias(_MADE),
        id=pl.coalesce("id", pl.concat_str(["file", pl.lit(":"), "line"])),
    )
    several = pl.struct(_PLACE, _MADE).n_unique().over("id") > 1
    named = placed.with_columns(
        pl.when(several).then(pl.concat_str([_PLACE, pl.lit(":"), "id"])).otherwise("id").alias(_NAME)
    )
    return named.with_columns(id=_told_apart(named)).drop(_PLACE, _MADE, _NAME)


def _told_apart(named: pl.DataFrame) -> pl.Series:
    """The names, of which none is of two places or two ids: a given id can look like one that is made here."""
    each = named.select(_PLACE, _MADE, "id", _NAME).unique(maintain_order=True)
    if not each[_NAME].is_duplicated().any():
        return named[_NAME]
    names = Names()
    own = [names.own(name) for name in each[_NAME]]
    return named.join(
        each.with_columns(_own=pl.Series(own, dtype=pl.String)),
        on=[_PLACE, _MADE, "id"],
        maintain_order="left",
    )["_own"]


def followed(
    rows: pl.DataFrame, given: pl.Series, kind: str, reference: str
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Rows whose references lead to the ids that `qualified` gave; and which are ambiguous, with what they name.

    A reference means the row of the same file if one there has this id, else the only one of this id.

    Args:
        rows: with ids that tell them apart.
        given: the ids before.
        kind: the boolean column that is true for rows that are named by others.
        reference: the dotted path of the ids by which examples name them, in a list of objects.
    """
    column, _, field = reference.partition(".")
    pool = rows.with_columns(_given=given).filter(pl.col(kind))
    if pool["_given"].equals(pool["id"]):
        return rows, []
    places = _Places(pool.select("part", "file", "_given", "id"))
    changed: list[Any] = []
    ambiguous: list[tuple[int, str]] = []
    for row, (part, file, value) in enumerate(rows.select("part", "file", column).iter_rows()):
        made = value
        for at, item in enumerate(value or ()):
            old = item and item[field]
            if not old:
                continue
            found = places.find(part, file, old)
            if len(found) > 1:
                ambiguous.append((row, old))
            elif found:
                made = [*made[:at], {**item, field: min(found)}, *made[at + 1 :]]
        changed.append(made)
    return rows.with_columns(pl.Series(column, changed, dtype=rows.schema[column])), ambiguous


class _Places:
    """The names of an id: in a part of a file, in a file, and anywhere."""

    def __init__(self, pool: pl.DataFrame) -> None:
        self._names: defaultdict[Hashable, set[str]] = defaultdict(set)
        for part, file, given, name in pool.iter_rows():
            for place in ((part, file, given), (file, given), given):
                self._names[place].add(name)

    def find(self, part: str, file: str, given: str) -> set[str]:
        """The names that an id can mean where it is said, from the nearest place that has it."""
        for place in ((part, file, given), (file, given), given):
            if place in self._names:
                return self._names[place]
        return set()
