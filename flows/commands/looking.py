"""What `headwater init` finds in files: the source that reads them, what they are for, and what is in them."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from models.data import columns
from models.data.comparison import normal_form
from models.data.records import Record
from models.errors import RecipeError
from models.guessing.guess import Guess, best
from models.guessing.lengths import longest, tokens
from models.guessing.table import Column, Table
from models.interfaces.downstream import Downstream
from models.kinds import find, kinds
from tasks.reading.source import Source

MOST = 50_000
"""Rows that are looked at."""
_PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "eval"),
}
_WORD = re.compile(r"(?<![a-z])(train(?:ing)?|valid(?:ation)?|val|dev|test|eval)(?![a-z])")


@dataclass(frozen=True)
class Labelled:
    """Rows of a data set, and what they are for."""

    source: Source
    parts: Mapping[str, Sequence[Path]]
    """Its files by part; "" where none is published."""
    guess: Guess
    rows: Sequence[Mapping[str, Any]]
    """Canonical columns of those that can be read."""
    rejected: Counter[str] = field(default_factory=Counter)
    """How many rows cannot be read, or lack what they need, by what is wrong."""

    @property
    def read(self) -> int:
        """Rows, good and bad."""
        return len(self.rows) + self.rejected.total()

    @property
    def downstream(self) -> type[Downstream]:
        """The NLP task that the rows are for."""
        found: Any = find("models.downstream", self.guess.kind, Downstream)
        return found

    @property
    def looked_at(self) -> Path:
        """The file that the rows are from: the first to train on."""
        return (self.parts.get("train") or self.parts[""])[0]

    @property
    def mostly_wrong(self) -> str | None:
        """What is wrong with most of the bad rows, where more than a tenth of all is bad."""
        bad = self.rejected.total()
        return self.rejected.most_common(1)[0][0] if bad > 0.1 * self.read else None

    @cached_property
    def texts(self) -> list[str]:
        """What a model reads of each row."""
        return [" ".join(str(row.get(name) or "") for name in self.guess.reads) for row in self.rows]

    @cached_property
    def classes(self) -> Counter[str]:
        """How often each class stands there, the most frequent first."""
        target = self.guess.target
        if target not in ("label", "labels"):
            return Counter()
        gold = [row.get(target) for row in self.rows]
        if target == "label":
            return Counter(str(label).strip() for label in gold)
        sign = self.guess.settings.get("label_separator")
        each = [label.split(sign) if sign and isinstance(label, str) else label or () for label in gold]
        return Counter(str(label).strip() for labels in each for label in labels if str(label).strip())

    @property
    def unbalanced(self) -> bool:
        """Whether one class stands there far more often than another."""
        one = self.guess.target == "label"  # several labels of a row are learnt each by itself
        return one and bool(self.classes) and max(self.classes.values()) > 5 * min(self.classes.values())

    @property
    def repeated(self) -> int:
        """Rows whose text stands in one before."""
        return len(self.texts) - len({normal_form(text) for text in self.texts})

    @property
    def repeats(self) -> bool:
        """Whether so many rows have the text of another that most texts stand in several parts."""
        return self.repeated > 0.3 * len(self.texts)

    @property
    def tokens_in_all(self) -> int:
        """About how many tokens all texts have."""
        return sum(map(tokens, self.texts))

    @property
    def lengths(self) -> Mapping[str, int]:
        """Settings by which its texts are read, nearly all of them whole: `max_length` and what goes with it."""
        length = min(256, max(32, math.ceil(longest(self.texts) * 1.15 / 32) * 32))
        return self.guess.lengths(self.rows, length)


def labelled(given: Sequence[Path]) -> Labelled:
    """What is in labelled files, published parts beside them included.

    Raises:
        RecipeError: no source reads a file, or nobody knows what its rows are for.
    """
    parts = in_parts(given)
    path = (parts.get("train") or parts.get("") or given)[0]
    source = recognised(path)
    if source is None:
        raise RecipeError(
            f"{path}: neither a table nor one of {', '.join(kinds('tasks.sources'))}, as far as can be seen"
        )
    source, read, rejected = _with_header(source, *_looked_at(source))
    guess = best(Table.of(read))
    if guess is None:
        names = ", ".join(dict.fromkeys(name for row in read[:100] for name in row)) or "none"
        raise RecipeError(
            f"{path}: what its rows are for cannot be told from its columns ({names}): needed are a text and a class, "
            "two texts, or a prompt and a target, named so; rename them, or write the recipe by hand"
        )
    rows = []
    for row in read:
        needed = _needed(guess, read)
        made = {name: columns.value(row, guess.made_of(name)) for name in (*needed, *guess.gold)}
        lacking = next((name for name in needed if _is_empty(made[name])), None)
        if lacking is None:
            rows.append({**row, **made})
        else:
            rejected[f"{lacking}: missing"] += 1
    if not rows:
        raise RecipeError(
            f"{path}: none of its {len(read):,} rows has all of {', '.join(_needed(guess, read))}"
        )
    return Labelled(source, parts, guess, rows, rejected)


def recognised(path: Path) -> Source | None:
    """The source that knows a file, or a folder, for its own: one of a published format before plain files."""
    known = [find("tasks.sources", kind, Source) for kind in kinds("tasks.sources")]
    found = [
        made for kind in known if issubclass(kind, Source) and (made := kind.recognises(path)) is not None
    ]
    return min(found, key=lambda source: source.kind == "files", default=None)


def in_parts(given: Sequence[Path]) -> dict[str, list[Path]]:
    """Files by the part that their names say; beside a training file alone its own others are looked for."""
    found: dict[str, list[Path]] = {}
    for path in given:
        found.setdefault(_part(path), []).append(path)
    if set(found) == {"train"} and len(given) == 1:
        for part in ("validation", "test"):
            beside = next((other for other in _beside(given[0], part) if other.exists()), None)
            if beside is not None:
                found[part] = [beside]
    return found if "train" in found else {"": list(given)}


def _part(path: Path) -> str:
    word = _WORD.search(path.name.lower())
    return next((part for part, words in _PARTS.items() if word and word[1] in words), "")


def _beside(path: Path, part: str) -> Iterator[Path]:
    """The names that the file of another part would have."""
    word = _WORD.search(path.name.lower())
    assert word is not None, "it is named as the training file"
    for other in _PARTS[part]:
        yield path.with_name(path.name[: word.start()] + other + path.name[word.end() :])


def _looked_at(source: Source) -> tuple[list[Mapping[str, Any]], Counter[str]]:
    """The first rows of a source, and how many cannot be read."""
    rows, rejected = [], Counter()
    for item in islice(source.read(), MOST):
        if isinstance(item, Record):
            rows.append(item.fields)
        else:
            rejected[item.category] += 1
    return rows, rejected


def _with_header(
    source: Source, rows: list[Mapping[str, Any]], rejected: Counter[str]
) -> tuple[Source, list[Mapping[str, Any]], Counter[str]]:
    """The same, where the first line of a table is a row already with names for its columns."""
    if not rows or "header" not in type(source).model_fields or not _is_row(Table.of(rows)):
        return source, rows, rejected
    plain = tuple(f"column_{number}" for number in range(1, 1 + len(rows[0])))
    named = source.model_copy(update={"header": plain})
    guess = best(Table.of(_looked_at(named)[0]))
    canonical = {made: name for name, made in guess.columns.items() if isinstance(made, str)} if guess else {}
    named = source.model_copy(update={"header": tuple(canonical.get(name, name) for name in plain)})
    return named, *_looked_at(named)


def _is_row(table: Table) -> bool:
    """Whether the names of columns are what stands in them: numbers, long texts, one of the classes."""

    def is_value(column: Column) -> bool:
        name = column.name
        alone = Column("", [name])
        return alone.is_number or name.count(" ") >= 4 or (column.is_class and name in column.counts)

    return not any(isinstance(value, list | dict) for value in _first(table)) and any(
        map(is_value, table.columns)
    )


def _first(table: Table) -> list[Any]:
    return [column.values[0] for column in table.columns]


def _needed(guess: Guess, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Canonical columns that every row has to have; answers of a question may be none, and labels of a text."""
    return [*guess.reads, *(name for name in guess.gold if name != "labels")]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
