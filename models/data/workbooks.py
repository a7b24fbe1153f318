"""Workbooks of Excel, of which one sheet is read: its rows with their numbers, below the one that names the columns."""

import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from models.config import did_you_mean
from models.data.comparison import composed
from models.data.packed import Broken, opened
from models.data.records import as_text
from models.data.values import Unreadable
from models.errors import RecipeError

_ZIP = b"PK\x03\x04"
_BOOK = "xl/workbook.xml"
"""What every workbook has inside."""


def is_workbook(path: Path) -> bool:
    """Whether a file is one, whatever it is called."""
    try:
        with opened(path) as file:
            if file.read(len(_ZIP)) != _ZIP:
                return False
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                return _BOOK in archive.namelist()
    except (Broken, zipfile.BadZipFile):
        return False


def sheet_rows(
    path: Path, sheet: str | None, header: Sequence[str] = ()
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows of a sheet that have anything in them. Numbers stay numbers, and dates are texts as ISO writes them.

    Of merged cells the first has the value. A formula has the value that was last saved with it. What stands in a
    column without a name is left out.

    Raises:
        RecipeError: see `column_names`.
    """
    names = [composed(name) for name in header]
    for number, cells in _rows(path, sheet):
        if not any(cell is not None for cell in cells):
            continue
        if not names:
            names = _names(cells)
            continue
        padded = [*cells, *[None] * (len(names) - len(cells))]
        yield number, {name: cell for name, cell in zip(names, padded, strict=False) if name}


def column_names(path: Path, sheet: str | None) -> list[str]:
    """The names in the first row of a sheet that has anything in it; none where it is empty.

    Raises:
        RecipeError: the file is no workbook, has no such sheet, or has several and none is named.
    """
    for _, cells in _rows(path, sheet):
        if any(cell is not None for cell in cells):
            return _names(cells)
    return []


def sheets(path: Path) -> list[str]:
    """The names of the sheets that are shown.

    Raises:
        RecipeError: the file is no workbook.
    """
    with _book(path) as book:
        return [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]


def _names(cells: Sequence[Any]) -> list[str]:
    texts = ["" if cell is None else as_text(cell) for cell in cells]
    return [composed(text.strip()) for text in texts]


def _rows(path: Path, name: str | None) -> Iterator[tuple[int, list[Any]]]:
    with _book(path) as book:
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        named = [sheet for sheet in book.worksheets if composed(sheet.title) == name]
        if name is not None and not named:
            known = [sheet.title for sheet in book.worksheets]
            raise RecipeError(f"{path}: no sheet '{name}'{did_you_mean(name, known)}")
        if name is None and len(shown) != 1:
            known = ", ".join(sheet.title for sheet in shown) or "none that is shown"
            raise RecipeError(f"{path} has several sheets ({known}): set sheet: to the one with the rows")
        sheet = (named or shown)[0]
        sheet.reset_dimensions()  # some programs write them wrong
        for number, row in enumerate(sheet.iter_rows(), start=1):
            yield number, [_value(cell) for cell in row]


def _value(cell: Any) -> Any:
    """What a cell holds, in the form of JSON."""
    value = cell.value
    if cell.data_type == "e":
        return Unreadable(f"{value} in a cell")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return value


@contextmanager
def _book(path: Path) -> Iterator[Any]:
    """An open workbook, read row by row."""
    from openpyxl import load_workbook  # it takes half a second
    from openpyxl.utils.exceptions import InvalidFileException

    file = opened(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it leaves out: colours, checks of entries
            book = load_workbook(file, read_only=True, data_only=True)
            yield book
            book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, Broken, EOFError, SyntaxError) as error:
        raise RecipeError(
            f"{path} cannot be read as a workbook of Excel ({type(error).__name__}: {error}): save it anew"
        ) from error
    finally:
        file.close()
