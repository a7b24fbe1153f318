"""What a file's beginning says of how it is to be parsed: format, encoding, delimiter, sheet."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from models.data import workbooks
from models.data.encodings import likely_encoding
from models.data.lines import UTF8, text_lines
from models.data.packed import Broken
from models.data.parsing import DELIMITERS, format_of, likely_delimiter
from models.errors import HeadwaterError

_LINES = 20


def parsing(path: Path) -> dict[str, Any] | None:
    """The settings of the source `files` that this file needs beside its path; None where it is no file of rows."""
    try:
        return _parsing(path)
    except (HeadwaterError, OSError, Broken):
        return None


def _parsing(path: Path) -> dict[str, Any] | None:
    form = format_of(path.name)
    if workbooks.is_workbook(path):
        shown = workbooks.sheets(path)
        filled = next((name for name in shown if workbooks.column_names(path, name)), None)
        found = {} if form == "xlsx" else {"format": "xlsx"}
        return found | ({"sheet": filled} if len(shown) > 1 else {})
    if form in ("parquet", "xlsx"):
        return {}
    encoding = likely_encoding(path)
    found = {} if encoding == UTF8 else {"encoding": encoding}
    lines = [line for _, line in islice(text_lines(path, encoding), _LINES)]
    if not any(line.strip() for line in lines):
        return None
    if form is None or (form == "txt" and likely_delimiter(lines) == "\t"):
        form = _form(lines)
        found["format"] = form
    if form in DELIMITERS:
        usual = DELIMITERS[form]
        delimiter = likely_delimiter(lines, usual)
        found |= {"delimiter": delimiter} if delimiter not in (None, usual) else {}
    return found


def _form(lines: list[str]) -> str:
    """The format of text in a file whose name does not say it."""
    first = next(line.strip() for line in lines if line.strip())
    if first.startswith("{") and _is_json(first):
        return "jsonl"
    if first.startswith(("[", "{")):
        return "json"
    delimiter = likely_delimiter(lines)
    return "txt" if delimiter is None else "tsv" if delimiter == "\t" else "csv"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
