"""Readers of plain file formats: each streams a file's rows with their line numbers and loses none.

Every reader yields `(line, fields)`, or `Rejected` for a row that cannot be read. Lines count from 1 and
include the header; in Parquet and JSON arrays the row number stands for the line.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.data.lines import UTF8, text_lines, undecodable, whole_text
from models.data.packed import Broken, opened
from models.data.records import Rejected
from models.data.values import Unreadable
from models.errors import DataError, RecipeError

if TYPE_CHECKING:  # it takes long to import, and recipes load this module
    import pyarrow as pa

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The JSON escape of half a character pair; alone it is no character and cannot be stored."""

LOOKED_AT = 64 * 1024 * 1024
"""Bytes of a file whose first line is no object of which it is asked what they are together."""

Item = tuple[int, Mapping[str, Any]] | Rejected


class _Repeated(dict):
    """A JSON object in which a key stands twice, of which JSON's own reading keeps the last value in silence."""

    key: str


def read_text(path: Path, by_line: bool, encoding: str = UTF8) -> Iterator[Item]:
    """Plain text: each line that is not blank is a `text`, or the whole file is one."""
    if by_line:
        for number, line in text_lines(path, encoding):
            text = line.rstrip("\r\n")
            if text.strip():
                yield undecodable(path, number, text, encoding) or (number, {"text": text})
    else:
        text = whole_text(path, encoding)
        yield undecodable(path, 1, text, encoding) or (1, {"text": text})


def read_json_lines(path: Path, encoding: str = UTF8) -> Iterator[Item]:
    """One JSON object a line; blank lines are no rows."""
    objects = _Objects()
    decoder = json.JSONDecoder(object_pairs_hook=objects)  # `json.loads` would make one a line
    for number, line in text_lines(path, encoding):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        if (bad := undecodable(path, number, text, encoding)) is not None:
            yield bad
            continue
        try:
            row = decoder.decode(text)
        except (ValueError, RecursionError):
            yield Rejected(path.name, number, "", "not JSON", text)
        else:
            yield _object(path, number, row, text, objects.repeated)


def check_json_lines(path: Path, encoding: str = UTF8) -> None:
    """Finds JSON that is written over several lines, each of which would be a bad row.

    Raises:
        RecipeError: with what to do.
    """
    first = next((line.strip() for _, line in text_lines(path, encoding) if line.strip()), "")
    if not first.startswith(("[", "{")) or isinstance(_parsed(first), dict):
        return
    with opened(path) as file:
        whole = _parsed(file.read(LOOKED_AT).decode(encoding, "replace"))
    if isinstance(whole, list):
        raise RecipeError(
            f"{path} is one JSON array and has not an object a line: set format: json in its source"
        )
    if isinstance(whole, dict) and (where := _arrays(whole)):
        raise RecipeError(
            f"{path} is one JSON object and has not one a line: set format: json and data: {where[0]}"
        )
    if whole is not None or first in ("[", "{"):
        raise RecipeError(
            f"{path}, line 1: JSON over several lines, of which each must be an object of its own: write one a line "
            f"(jq -c . {path.name}), or where all of it is one array, set format: json"
        )


def _parsed(text: str) -> Any:
    """What JSON says; None where it is none."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _arrays(value: Any, place: str = "") -> list[str]:
    """The dotted paths that lead to arrays of objects."""
    found = []
    for name, item in value.items():
        here = f"{place}.{name}" if place else name
        if isinstance(item, dict):
            found += _arrays(item, here)
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            found.append(here)
    return found


def read_json(path: Path, where: str, encoding: str = UTF8) -> Iterator[Item]:
    """A JSON array of objects, or the one that the dotted path `where` leads to (`data`).

    Raises:
        DataError: the file is not JSON, or there is no array at `where`.
    """
    text = whole_text(path, encoding)
    if (bad := undecodable(path, 1, text, encoding)) is not None:
        at = len(text[: bad.raw.find("\\x")].encode()) if "\\x" in bad.raw else 0
        raise DataError(f"{path.name}: {bad.reason} at byte {at}; save the file as UTF-8")
    try:
        value = json.loads(text, object_pairs_hook=(objects := _Objects()))
    except json.JSONDecodeError as error:
        remedy = "set format: jsonl, or mend the file" if error.msg == "Extra data" else "mend the file"
        raise DataError(f"{path.name}, line {error.lineno}: not JSON ({error.msg}); {remedy}") from error
    rows = value
    for name in filter(None, where.split(".")):
        rows = rows.get(name) if isinstance(rows, dict) else None
    if not isinstance(rows, list):
        place = f"at '{where}'" if where else "at the top"
        known = _arrays(value) if isinstance(value, dict) else []
        remedy = (
            f"set data: {' or '.join(known)}" if known else "name the path to the array of rows in `data`"
        )
        raise DataError(f"{path.name}: there is no array {place}; {remedy}")
    suspicious = _SURROGATE.search(text) is not None
    for number, row in enumerate(rows, start=1):
        yield _object(path, number, row, json.dumps(row) if suspicious else "", objects.repeated)


def _object(path: Path, number: int, row: Any, source: str, repeats: bool) -> Item:
    """A parsed row, if it is an object of valid Unicode without a key that stands twice.

    `source` is its text, where that is at hand; only escapes in it can hide half a character. `repeats` says
    whether a key may stand twice.
    """
    if not isinstance(row, dict):
        return Rejected(path.name, number, "", "not a JSON object", source or json.dumps(row))
    if repeats and (repeated := _repeated(row)) is not None:
        return Rejected(path.name, number, repeated, "named twice", source or json.dumps(row))
    if source and _SURROGATE.search(source):
        made = json.dumps(row, ensure_ascii=False)
        if any("\ud800" <= letter <= "\udfff" for letter in made):
            return Rejected(path.name, number, "", "not valid Unicode", source)
    return number, row


class _Objects:
    """Makes objects of JSON's pairs; `repeated` says whether in any of them a key stands twice."""

    repeated = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        self.repeated = True
        names = [name for name, _ in pairs]
        made = _Repeated(value)
        made.key = next(name for name in names if names.count(name) > 1)
        return made


def _repeated(value: Any) -> str | None:
    """The key that stands twice in an object, or in one inside it."""
    if isinstance(value, _Repeated):
        return value.key
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((key for item in inside if (key := _repeated(item)) is not None), None)


def read_parquet(path: Path) -> Iterator[Item]:
    """Rows of a Parquet file, a batch at a time.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(opened(path)) as file:
            for batch in file.iter_batches(batch_size=2_000):
                for row in _table_rows(batch):
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, Broken) as error:
        raise DataError(f"{path.name}, row {number + 1}: the Parquet file is broken ({error})") from error


def _table_rows(batch: "pa.RecordBatch") -> list[dict[str, Any]]:
    """Rows of a batch; a value that Python cannot have, such as a date in the year 12000, spoils no other."""
    try:
        return batch.to_pylist()
    except (ValueError, OverflowError, KeyError):
        columns = [[_cell(value) for value in column] for column in batch.columns]
        names = batch.schema.names
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _cell(value: "pa.Scalar") -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError, KeyError) as error:
        return Unreadable(str(error))
