"""What texts are compared by: one normal form for baselines, metrics, duplicates and leaks.

Stored texts stay as they were; a place in the form of a text is led back to the text by `Aligned`.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any
from unicodedata import category, normalize

from pydantic import AfterValidator

from models.data.records import PROVENANCE, as_text
from models.late import pl

_WHOLE = re.compile(r"-?[0-9]+\.0+")
_UNSEEN = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphen, zero-width space, word joiner and byte-order mark."""
NOT_TEXT = frozenset({"id", "label", "source", *PROVENANCE})


def text_columns(rows: pl.DataFrame) -> list[str]:
    """Columns that hold a row's text."""
    return [name for name, kind in rows.schema.items() if kind == pl.String and name not in NOT_TEXT]


def comparable(rows: pl.DataFrame, texts: Collection[str]) -> pl.DataFrame:
    """What rows are compared by, those of `texts` that they have, and where they come from."""
    return rows.select("id", *PROVENANCE, *(name for name in texts if name in rows.columns))


def normal_form(text: str) -> str:
    """A text as it is compared: NFKC, without case, white space folded."""
    return " ".join(folded(text).split())


def normalised(name: str) -> pl.Expr:
    """A column's texts in their `normal_form`."""
    return pl.col(name).map_elements(normal_form, return_dtype=pl.String)


def folded(text: str) -> str:
    """NFKC, without case; a letter without its case may have to be composed again."""
    return text.casefold() if text.isascii() else normalize("NFKC", normalize("NFKC", text).casefold())


def composed(text: str) -> str:
    """NFC: Hangul in syllables, as most files have it."""
    return normalize("NFC", text)


def as_label(value: Any, field: str = "") -> Any:
    """A label as classes are told apart: composed (NFC), without what cannot be seen, white space around it and folded
    inside, a whole number without a fraction; None for what is no label, nothing or NaN. What is no single value stays
    as it is.

    Args:
        field: the one that is a label, where the value is a list of objects.

    >>> [as_label(value) for value in ("good ", 1.0, "1.0", "", "NaN")]
    ['good', '1', '1', None, None]
    """
    if isinstance(value, Mapping):
        return {**value, field: as_label(value[field])} if field in value else value
    if isinstance(value, list):
        return [as_label(item, field) for item in value] if field else value
    if not isinstance(value, str | int | float) or (isinstance(value, float) and math.isinf(value)):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(_UNSEEN.sub("", composed(as_text(value))).split())
    if _WHOLE.fullmatch(text):
        text = text.partition(".")[0]
    return None if text.lower() in ("", "nan") else text


def as_labels(value: Any, separator: str) -> Any:
    """Several labels as they are told apart, from a list or from one text; what is neither stays as it is.

    >>> as_labels("sad; angry ;", ";")
    ['sad', 'angry']
    """
    if isinstance(value, str | int | float) and not isinstance(value, bool) and value == value:
        pieces = [as_label(piece) for piece in as_text(value).split(separator)]
        return [piece for piece in pieces if piece is not None]
    return [as_label(item) for item in value] if isinstance(value, list) else value


def as_group(value: Any) -> str:
    """A group as rows are kept together by it, told apart as labels are; "" for none."""
    label = as_label(value)
    return "" if label is None else composed(as_text(label))


def _class_name(name: str) -> str:
    label = as_label(name)
    if label is None:
        raise ValueError(f"'{name}' is no label: rows with it count as without one")
    return label


ClassName = Annotated[str, AfterValidator(_class_name)]
"""A class as a recipe names it, in the form that labels of rows have."""


class Aligned:
    """A form of a text, and where each of its characters stands in the text.

    Args:
        text: as it is stored.
        form: `composed` or `folded`.
    """

    def __init__(self, text: str, form: Callable[[str], str]) -> None:
        self.text = form(text)
        if self.text == text:
            self._starts = self._ends = range(len(text) + 1)
            return
        edges = [at for at, letter in enumerate(text) if not at or _begins(letter)] + [len(text)]
        pieces, starts, ends = [], [], []
        for start, end in pairwise(edges):
            piece = form(text[start:end])
            same = len(piece) == end - start
            pieces.append(piece)
            starts += range(start, end) if same else [start] * len(piece)
            ends += range(start + 1, end + 1) if same else [end] * len(piece)
        self.text = "".join(pieces)
        self._starts, self._ends = [*starts, len(text)], [0, *ends]

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The place in the text (half-open) of one in the form."""
        return self._starts[start], self._ends[end]

    def forth(self, start: int, end: int) -> tuple[int, int]:
        """The place in the form of one in the text that is not empty; characters that became one are taken whole."""
        first = max(0, bisect_right(self._starts, start, hi=len(self.text)) - 1)
        while first and self._starts[first - 1] == self._starts[first]:
            first -= 1
        return first, bisect_left(self._ends, end)


@lru_cache(maxsize=1 << 16)
def _begins(letter: str) -> bool:
    """Whether a character is never composed with the one before it: it is no mark, and no vowel or coda of Hangul."""
    first = normalize("NFKD", letter)[:1]
    return not first or not (category(first).startswith("M") or "\u1160" <= first <= "\u11ff")
