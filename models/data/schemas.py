"""Row schemas checked by pandera: which rows are kept, and why the others are not.

pandera takes seconds to import, so that only checking does: a recipe is read without it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from models.data.records import PROVENANCE, QUARANTINE, Rejected
from models.errors import DataError

if TYPE_CHECKING:
    from pandera.polars import Check, DataFrameSchema

_ROW, _COLUMN, _REASON = "_row", "_column", "_reason"
_FAILURES = {_ROW: pl.UInt32, _COLUMN: pl.String, _REASON: pl.String}


def not_blank() -> Check:
    """Text with at least one character that is not white space."""
    import pandera.polars as pa

    return pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).str.contains(r"\S")), error="empty")


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


def check(frame: pl.DataFrame, schema: DataFrameSchema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Checks every row against `schema`, and that no two rows have the same `id`.

    Args:
        frame: rows with the provenance columns `file`, `line`, `part`, `group`.
        schema: of the canonical columns; plain values are converted to its types first (a number to text, say).

    Returns:
        The rows that pass, with the schema's columns and where they came from, and the quarantine: a line for
        each row that does not, with the first reason.

    Raises:
        DataError: a column is missing, or has a type no row of it can have.
    """
    missing = [name for name in schema.columns if schema.columns[name].required and name not in frame.columns]
    if missing:
        raise DataError(
            f"{_files(frame)}: no column '{missing[0]}'; there are {', '.join(_own(frame))}. "
            "Say in the source's 'columns' which one it is"
        )
    names = [name for name in schema.columns if name in frame.columns]
    rows = frame.select(*names, *(name for name in PROVENANCE if name not in names))
    rows, unfit = _convert(rows, schema)
    rows = qualified(rows)
    repeated = _failed((~rows["id"].is_first_distinct()).arg_true(), "id", "not unique")
    failures = pl.concat([unfit, _failures(rows, schema), repeated])
    first = failures.unique(_ROW, keep="first", maintain_order=True).sort(_ROW)
    kept = rows.with_row_index(_ROW).join(first, on=_ROW, how="anti", maintain_order="left").drop(_ROW)
    bad = frame.with_row_index(_ROW).join(first, on=_ROW, how="inner", maintain_order="left")
    return kept, pl.DataFrame(
        [_rejected(row, names).row() for row in bad.iter_rows(named=True)], schema=QUARANTINE
    )


def qualified(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `part/file:id` for an id that stands in several files, each of which counts from 0, say."""
    place = pl.concat_str([pl.col("part"), pl.lit("/"), pl.col("file")]).str.strip_chars_start("/")
    several = pl.struct("part", "file").n_unique().over("id") > 1
    return rows.with_columns(
        id=pl.when(several).then(pl.concat_str([place, pl.lit(":"), "id"])).otherwise("id")
    )


def _rejected(row: dict[str, Any], names: list[str]) -> Rejected:
    raw = json.dumps({name: row[name] for name in names}, ensure_ascii=False, default=str)
    return Rejected(row["file"], row["line"], row[_COLUMN], row[_REASON], raw, str(row["id"]))


def reasons(quarantine: pl.DataFrame) -> dict[str, int]:
    """How many rows a quarantine holds for each reason, most first."""
    reasons = Counter(
        f"{field}: {reason}" if field else reason
        for field, reason in quarantine.select("field", "reason").iter_rows()
    )
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def _convert(rows: pl.DataFrame, schema: DataFrameSchema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows in the schema's types, and the values that cannot have them.

    A TSV file holds numbers as text and a JSON file labels as numbers: neither is wrong.
    """
    failures = [pl.DataFrame(schema=_FAILURES)]
    for name, column in schema.columns.items():
        wanted = column.dtype.type if column.dtype is not None else None
        if wanted is None or name not in rows.columns or rows.schema[name] == wanted:
            continue
        try:
            cast = rows[name].cast(wanted, strict=False)
        except pl.exceptions.PolarsError as error:
            raise DataError(
                f"{_files(rows)}: column '{name}' is {rows.schema[name]}, not {wanted}"
            ) from error
        failures.append(
            _failed((cast.is_null() & rows[name].is_not_null()).arg_true(), name, f"not {wanted}")
        )
        rows = rows.with_columns(cast)
    return rows, pl.concat(failures)


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
    )


def _failed(rows: pl.Series, column: str, reason: str) -> pl.DataFrame:
    indices = pl.DataFrame({_ROW: rows}, schema={_ROW: pl.UInt32})
    return indices.with_columns(pl.lit(column).alias(_COLUMN), pl.lit(reason).alias(_REASON))


def _reason(check: str) -> str:
    """A check's name in words."""
    if check == "not_nullable":
        return "missing"
    return "not in the set" if check.startswith("isin(") else check


def _own(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in PROVENANCE]


def _files(frame: pl.DataFrame) -> str:
    names = frame["file"].unique().sort().to_list()
    return names[0] if len(names) == 1 else f"{len(names)} files, first {names[0]}" if names else "no rows"
