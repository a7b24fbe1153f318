"""Plain text that a new project brings along: which files it is in, how they are read, and how much there is."""

import math
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from flows.commands.looking import MOST
from models.data.records import Record
from models.errors import DataError, RecipeError
from models.guessing.lengths import tokens
from models.guessing.table import Table
from models.tokens.tokenizer import LEAST, TokenizerConfig
from models.tokens.tokenizer_training import train
from tasks.reading.source import matches
from tasks.sources.files import Files

_LARGE = (16_000, 8000, 6000, 4000, 3000, 2000, 1500, 1000)
_VOCABULARIES = (*_LARGE, 800, 600, 400, 300, 200, 100, 80, 60, 50, 40, 30, 20, LEAST)
_SPARE = 1.25
"""Times the tokens of a vocabulary that a text has to allow: duplicates and leaks that are removed may have some."""
_WRAPPED = (40, 100)
"""Characters of a line of a text that was broken to fit a page."""
_ENDS = (".", "!", "?", "…", '"', "”", ":", "다", "요", "。")


@dataclass(frozen=True)
class Texts:
    """Files of plain text, by how they are read."""

    sources: Sequence[tuple[Mapping[str, Any], Sequence[str]]]
    """Settings of `files`, and the paths or patterns that are read so."""
    texts: Sequence[str]
    """What they say, as far as it was looked at."""
    files: int
    """How many there are."""

    @property
    def tokens(self) -> int:
        """About how many tokens they have, all of them."""
        return sum(map(tokens, self.texts))


def vocabulary(texts: Sequence[str]) -> int:
    """How many tokens a tokenizer can learn of texts for sure: of two in three, since some are held out or removed."""
    apart = list(dict.fromkeys(texts))
    kept = [text for number, text in enumerate(apart) if number % 3 or number < 3]
    amount = sum(map(tokens, apart))
    most = next((size for size, few in ((2000, 1e5), (4000, 1e6), (8000, 1e7)) if amount < few), 16_000)
    for size in (size for size in _VOCABULARIES if size <= most):
        with suppress(DataError):
            train(TokenizerConfig(vocabulary=math.ceil(_SPARE * size)), lambda: [kept])
            return size
    return _VOCABULARIES[-1]


def texts(patterns: Sequence[str]) -> Texts:
    """What is in the files that paths and patterns name.

    Raises:
        RecipeError: there is no such file, or one has no text.
    """
    groups: list[tuple[Mapping[str, Any], list[str]]] = []
    said: list[str] = []
    files = 0
    for pattern in patterns:
        found = {str(path): _settings(path) for path in matches(pattern, "--text")}
        files += len(found)
        alike = all(settings == next(iter(found.values())) for settings in found.values())
        for name, settings in {pattern: next(iter(found.values()))}.items() if alike else found.items():
            group = next((paths for known, paths in groups if known == settings), None)
            if group is None:
                groups.append((settings, group := []))
            group.append(name)
        for name, settings in found.items():
            said += _texts(Path(name), settings)
    return Texts(groups, said, files)


def _settings(path: Path) -> Mapping[str, Any]:
    """Settings of `files` by which this one is read as texts."""
    source = Files.recognises(path) if path.is_file() else None
    if source is None:
        raise RecipeError(
            f"{path}: no file of text, as far as can be seen; --text takes files, such as 'docs/*.txt'"
        )
    settings = source.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    settings = {"kind": "files"} | {
        name: value for name, value in settings.items() if name not in ("kind", "paths")
    }
    rows = [item.fields for item in islice(source.read(), 1000) if isinstance(item, Record)]
    table = Table.of(rows)
    if table["text"] is None:
        named = max(table.texts, key=lambda column: column.length, default=None)
        if named is None:
            known = ", ".join(column.name for column in table.columns)
            raise RecipeError(f"{path}: none of its columns ({known}) holds text")
        return settings | {"columns": {"text": named.name}}
    if settings.get("format", path.suffix[1:]) == "txt" and _is_wrapped([str(row["text"]) for row in rows]):
        return settings | {"by_line": False}
    return settings


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Whether sentences go on in the next line."""
    if len(lines) < 5 or not _WRAPPED[0] <= statistics.median(map(len, lines)) <= _WRAPPED[1]:
        return False
    longest = max(map(len, lines))
    return longest <= 1.5 * _WRAPPED[1] and sum(line.rstrip().endswith(_ENDS) for line in lines) < 0.5 * len(
        lines
    )


def _texts(path: Path, settings: Mapping[str, Any]) -> list[str]:
    read = Files.model_validate({**settings, "paths": [str(path)]}).read()
    return [str(item.fields.get("text") or "") for item in islice(read, MOST) if isinstance(item, Record)]
