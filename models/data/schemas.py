"""Row schemas checked by pandera: which rows are kept, and why the others are not.

pandera takes seconds to import, so that only checking does: a recipe is read without it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from models.data import names
from models.data.checks import LABEL, LABELS, not_blank
from models.data.comparison import as_label, as_labels
from models.data.records import PROVENANCE, Rejected, as_json
from models.data.shards import batches
from models.data.tables import QUARANTINE
from models.data.values import SHOWN, Misfit, column
from models.errors import DataError

if TYPE_CHECKING:
    from pandera.polars import DataFrameSchema

_ROW, _COLUMN, _REASON, _VALUE = "_row", "_column", "_reason", "_value"
NOT_UNIQUE = "not unique"
"""Why a row is set aside whose `id` another one has."""
_OUTSIDE = "not in the set"
_NAMED = 10
"""Values of a set that a message names."""
_FAILURES = {_ROW: pl.UInt32, _COLUMN: pl.String, _REASON: pl.String, _VALUE: pl.String}


def corpus() -> DataFrameSchema:
    """`id`, `source`, `text`: what a tokenizer and an upstream learn from."""
    import pandera.polars as pa

    return pa.DataFrameSchema(
        {
            "id": pa.Column(pl.String, not_blank()),
            "source": pa.Column(pl.String),
            "text": pa.Column(pl.String, not_blank()),
        },
        name="corpus",
    )


def check(
    frame: pl.DataFrame, schema: DataFrameSchema, pool: str | None = None, refers: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Checks every row against `schema`, and that no two rows of a file have the same `id`.

    Args:
        frame: rows with the provenance columns `file`, `line`, `part`, `group`; labelled ones as JSON in `fields`.
        schema: of the canonical columns; values that stay what they are take its types first (a number as text, say).
        pool: the boolean column of rows that other rows name, whose ids are theirs alone.
        refers: the dotted path by which they are named.

    Returns:
        The rows that pass, with the schema's columns and where they came from, and the quarantine: a line for
        each row that does not, with the first reason.

    Raises:
        DataError: a column is missing.
    """
    wanted = {name: column.dtype.type for name, column in schema.columns.items() if column.dtype is not None}
    optional = {name for name, column in schema.columns.items() if not column.required}
    labels = {name: read for name, column in schema.columns.items() if (read := _as_labels(column.metadata))}
    rows, misfits = unpacked(frame, wanted, optional, labels)
    rows = names.qualified(rows, pool)
    if pool is not None and refers is not None:
        rows, ambiguous = names.followed(rows, frame["id"], pool, refers)
        misfits += [(row, refers, Misfit(names.AMBIGUOUS, value)) for row, value in ambiguous]
    repeated = _failed((~rows["id"].is_first_distinct()).arg_true(), "id", NOT_UNIQUE)
    failures = pl.concat([_misfits(misfits), _failures(rows, schema), repeated])
    where, bad = _quarantined(frame, failures)
    return rows.filter(where), bad


def check_corpus(path: Path) -> Iterator[tuple[pl.DataFrame, pl.Series, pl.DataFrame]]:
    """Checks the rows of a shard of a corpus, some at a time: their columns, and that no two of a file have one `id`.

    Returns:
        The rows that pass, which of those that were looked at these are, and the quarantine of the others.
    """
    schema, at = corpus(), 0
    own = pl.read_parquet(path, columns=["file", "id"])
    twice = ~own.select(pl.struct("file", "id").is_first_distinct()).to_series()
    for rows in batches(path, (*schema.columns, *PROVENANCE)):
        repeated = _failed(twice.slice(at, rows.height).arg_true(), "id", NOT_UNIQUE)
        where, bad = _quarantined(rows, pl.concat([_failures(rows, schema), repeated]))
        yield rows.filter(where), where, bad
        at += rows.height


def not_unique(rows: pl.DataFrame) -> pl.DataFrame:
    """The quarantine of rows of a corpus whose `id` another one of their file has."""
    return _quarantined(rows, _failed(pl.int_range(rows.height, eager=True), "id", NOT_UNIQUE))[1]


def _quarantined(frame: pl.DataFrame, failures: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
    """Which rows have no failure, and the quarantine of those that have, each with its first."""
    first = failures.unique(_ROW, keep="first", maintain_order=True).sort(_ROW)
    numbered = frame.with_row_index(_ROW)
    bad = numbered.join(first, on=_ROW, how="inner", maintain_order="left")
    rejected = [_rejected(row).row() for row in bad.iter_rows(named=True)]
    return ~numbered[_ROW].is_in(first[_ROW].implode()), pl.DataFrame(rejected, schema=QUARANTINE)


def unpacked(
    frame: pl.DataFrame,
    wanted: Mapping[str, pl.DataType],
    optional: Collection[str] = (),
    labels: Mapping[str, Callable[[Any], Any]] = {},
) -> tuple[pl.DataFrame, list[tuple[int, str, Misfit]]]:
    """Rows with the columns `wanted` in their types, and no id where the file has none; and by row and column, values
    that cannot have them.

    Raises:
        DataError: no row has a column that is wanted and not optional.
    """
    if "fields" not in frame.columns:
        return frame, []
    values = [json.loads(fields) for fields in frame["fields"]]
    there = list(dict.fromkeys(name for row in values for name in row))
    own = pl.Series([row.get("id") is not None for row in values], dtype=pl.Boolean)
    rows, misfits = frame.drop("fields").with_columns(id=pl.when(own).then("id")), []
    for name, kind in wanted.items():
        if name == "id":
            continue
        if name not in there and values:
            if name in optional:
                continue
            raise DataError(f"{_files(frame)}: no column '{name}'; {_instead(name, values, there)}")
        given, read = [row.get(name) for row in values], labels.get(name)
        made, unfit = column(given if read is None else map(read, given), kind)
        rows = rows.with_columns(made.alias(name))
        misfits += [(row, name, misfit) for row, misfit in unfit.items()]
    return rows.select(
        "id", *(name for name in wanted if name in rows.columns and name != "id"), *PROVENANCE
    ), misfits


def _as_labels(metadata: Mapping[str, Any] | None) -> Callable[[Any], Any] | None:
    """How values of a column with this metadata become labels; None where they are none."""
    known = metadata or {}
    if LABELS in known:
        return lambda value: as_labels(value, known[LABELS])
    return (lambda value: as_label(value, known[LABEL])) if LABEL in known else None


def _instead(name: str, values: Sequence[Mapping[str, Any]], there: Collection[str]) -> str:
    """What there is in place of a column, and what to do."""
    inside = next((found for row in values[:100] if (found := _inside(row, name))), "")
    known = ", ".join(there) or "no columns at all"
    if "[]" in inside:
        return (
            f"there are {known}, and it stands in lists inside them, at {inside}. Write a row for each item "
            "(the source 'korquad' reads files of the form of SQuAD)"
        )
    if inside:
        return (
            f"there are {known}, and it stands inside them. Set columns: {{{name}: {inside}}} in the source"
        )
    return (
        f"there are {known}. Say in the source's 'columns' which one it is; or, where a CSV or TSV file begins with a "
        "row, in its 'header' what its columns are called"
    )


def _inside(value: Any, name: str) -> str:
    """The dotted path to a field of this name inside a value, `[]` where it leads through a list; "" for none."""
    if isinstance(value, list):
        found = next((found for item in value[:10] if (found := _inside(item, name))), "")
        return found and f"[].{found}"
    if not isinstance(value, Mapping):
        return ""
    if name in value:
        return name
    for key, item in value.items():
        if found := _inside(item, name):
            return f"{key}{found}" if found.startswith("[]") else f"{key}.{found}"
    return ""


def _rejected(row: dict[str, Any]) -> Rejected:
    own = {
        name: value
        for name, value in row.items()
        if name not in {*PROVENANCE, _ROW, _COLUMN, _REASON, _VALUE}
    }
    raw = row.get("fields") or as_json(own)
    return Rejected(
        row["file"], row["line"], row[_COLUMN], row[_REASON], raw, str(row["id"]), value=row[_VALUE]
    )


def reasons(quarantine: pl.DataFrame) -> dict[str, int]:
    """How many rows a quarantine holds for each reason, most first."""
    reasons = Counter(
        f"{field}: {reason}" if field else reason
        for field, reason in quarantine.select("field", "reason").iter_rows()
    )
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def outside(quarantine: pl.DataFrame, schema: DataFrameSchema) -> str:
    """Of columns that hold one of a set, what the set is and what bad rows hold instead, the commonest first; empty
    where there are none."""
    told = []
    for name, asked in schema.columns.items():
        named = [item.statistics["allowed_values"] for item in asked.checks if item.name == "isin"]
        bad = quarantine.filter(field=name, reason=_OUTSIDE)["value"].value_counts()
        if named and bad.height:
            found = bad.sort("count", "value", descending=[True, False])["value"].to_list()
            told.append(f"{name} is to be one of {_few(named[0])}, and bad rows have {_few(found)}")
    return "; ".join(told)


def _few(values: Sequence[str]) -> str:
    more = f" and {len(values) - _NAMED:,} more" if len(values) > _NAMED else ""
    return ", ".join(f"'{value}'" for value in values[:_NAMED]) + more


def _misfits(found: list[tuple[int, str, Misfit]]) -> pl.DataFrame:
    """Values that cannot have their column's type, as failures."""
    rows = [
        (row, f"{name}.{misfit.place}" if misfit.place else name, misfit.reason, misfit.value)
        for row, name, misfit in found
    ]
    return pl.DataFrame(rows, schema=_FAILURES, orient="row")


def _failures(rows: pl.DataFrame, schema: DataFrameSchema) -> pl.DataFrame:
    """Every failed check of every row.

    The rows come from pandera's failure cases: its own `drop_invalid_rows` can let bad ones pass.
    """
    from pandera.errors import SchemaErrors

    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
    else:
        return pl.DataFrame(schema=_FAILURES)
    whole = cases.filter(pl.col("index").is_null())
    if whole.height:
        case = whole.row(0, named=True)
        raise DataError(
            f"{_files(rows)}: column '{case['column']}' fails {case['check']} as a whole: {case['failure_case']}"
        )
    return cases.select(
        pl.col("index").cast(pl.UInt32).alias(_ROW),
        pl.col("column").fill_null("").cast(pl.String).alias(_COLUMN),
        pl.col("check").map_elements(_reason, return_dtype=pl.String).alias(_REASON),
        pl.col("failure_case").cast(pl.String).fill_null("").str.slice(0, SHOWN).alias(_VALUE),
    )


def _failed(rows: pl.Series, name: str, reason: str) -> pl.DataFrame:
    indices = pl.DataFrame({_ROW: rows}, schema={_ROW: pl.UInt32})
    return indices.with_columns(
        pl.lit(name).alias(_COLUMN), pl.lit(reason).alias(_REASON), pl.lit("").alias(_VALUE)
    )


def _reason(check: str) -> str:
    """A check's name in words."""
    if check == "not_nullable":
        return "missing"
    return _OUTSIDE if check.startswith("isin(") else check


def _files(frame: pl.DataFrame) -> str:
    names = frame["file"].unique().sort().to_list()
    return names[0] if len(names) == 1 else f"{len(names)} files, first {names[0]}" if names else "no rows"
