"""What an adapted model can be asked by: the fields it reads, or the columns that these were made of in its rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.adapted.files import COLUMNS
from models.data import columns
from models.data.columns import Made


class Asked:
    """The fields of a request.

    Args:
        inputs: what the downstream reads.
        made: by field, what sources with columns of other names make it of; where they differ, one after the other.
    """

    def __init__(self, inputs: Sequence[str], made: Mapping[str, Sequence[Made]]) -> None:
        self.inputs, self._made = tuple(inputs), made

    @classmethod
    def of(cls, folder: Path, inputs: Sequence[str]) -> "Asked":
        """Those of the adapted model in a folder."""
        path = folder / COLUMNS
        if not path.is_file():
            return cls(inputs, {})
        read = json.loads(path.read_text(encoding="utf-8"))
        return cls(inputs, {name: [_made(item) for item in several] for name, several in read.items()})

    @property
    def by_columns(self) -> bool:
        """Whether there are columns beside the fields."""
        return bool(self._made)

    def value(self, request: Mapping[str, Any], name: str) -> Any:
        """What a request says in field `name`: by its columns where it has all of them, else by itself, else by those
        columns that it has."""
        several = self._made.get(name, ())
        whole = [made for made in several if all(_has(request, part) for part in columns.names(made))]
        for made in whole:
            if (found := _text(request, made)) is not None:
                return found
        if isinstance(request.get(name), str):
            return request[name]
        return next((found for made in several if (found := _text(request, made)) is not None), None)

    def lacking(self, request: Mapping[str, Any]) -> str | None:
        """Why a request cannot be answered; None where it has all its texts."""
        for name in self.inputs:
            text = self.value(request, name)
            instead = "".join(f" or {_listed(made)}" for made in self._made.get(name, ()))
            if not isinstance(text, str) or not text.strip():
                return f"no text in field '{name}'{instead}"
            if any("\ud800" <= letter <= "\udfff" for letter in text):
                return f"half a character in field '{name}'{instead}"
        return None

    def example(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """A request that says these texts, by columns where there are some."""
        request: dict[str, Any] = {}
        for name in self.inputs:
            several = self._made.get(name)
            request |= columns.example(several[0], texts[name]) if several else {name: texts[name]}
        return request

    def names(self) -> list[str]:
        """All that a request may have at its top, the fields last; of a path what it begins with as well."""
        made = [name for several in self._made.values() for item in several for name in columns.names(item)]
        return list(
            dict.fromkeys([*(part for name in made for part in (name, name.split(".")[0])), *self.inputs])
        )


def _made(item: str | Sequence[str]) -> Made:
    return item if isinstance(item, str) else tuple(item)


def _has(request: Mapping[str, Any], name: str) -> bool:
    return name in request or columns.value(request, name) is not None


def _text(request: Mapping[str, Any], made: Made) -> Any:
    """What is made of a request as of a row: numbers are texts; nothing where it is empty."""
    return columns.value(request, (made,) if isinstance(made, str) else made)


def _listed(made: Made) -> str:
    return ", ".join(f"'{name}'" for name in columns.names(made))
