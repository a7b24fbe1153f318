"""How texts become model inputs: whole, cut off, or where they are too long in several windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.interfaces.features import Feature
from models.tokens.windows import overlapping


@dataclass(kw_only=True)
class Reading(Feature):
    """The input, or the first of the inputs, of a row."""

    more: list[Feature] = field(default_factory=list)
    """Its further windows."""
    tokens: int = 0
    """Of the whole row."""
    lost: int = 0
    """Tokens of the row that are in no input."""

    @property
    def windows(self) -> list[Feature]:
        """All inputs."""
        return [self, *self.more]

    @property
    def length(self) -> int:
        return sum(len(window.input_ids) for window in self.windows)


@dataclass(frozen=True)
class Reader:
    """Reads rows of one text or of two."""

    tokenizer: Any
    """A fast one of `transformers`."""
    max_length: int
    """Tokens of an input."""
    windows: int
    """Of a row at most; with one it is cut off."""
    stride: int
    """Tokens that neighbouring windows share."""

    def __call__(self, texts: Sequence[Sequence[str]]) -> list[Reading]:
        """One feature a row.

        Args:
            texts: the first of each row, and the second where there are two.
        """
        if not texts[0]:
            return []
        made: Any = self.tokenizer(*map(list, texts), verbose=False)
        rows = [
            Reading(row=row, tokens=len(ids), **self._columns(made, row, len(texts)))
            for row, ids in enumerate(made["input_ids"])
        ]
        long = [feature.row for feature in rows if feature.tokens > self.max_length]
        if self.windows == 1:
            self._cut(rows, texts, long)
            return rows
        for which in range(len(texts)):  # of two texts the longer one is read in windows
            longer = [row for row in long if _longer(made, row) == which]
            self._window(rows, texts, longer, which)
        return rows

    def _columns(self, made: Any, number: int, texts: int) -> dict[str, Any]:
        names = ("input_ids", "token_type_ids") if texts > 1 else ("input_ids",)
        return {name: made[name][number] for name in names if name in made}

    def _cut(self, rows: list[Reading], texts: Sequence[Sequence[str]], long: Sequence[int]) -> None:
        """Of two texts the longer one is cut first."""
        if not long:
            return
        chosen = [[own[row] for row in long] for own in texts]
        made: Any = self.tokenizer(*chosen, truncation="longest_first", max_length=self.max_length)
        for number, row in enumerate(long):
            short = self._columns(made, number, len(texts))
            lost = rows[row].tokens - len(short["input_ids"])
            rows[row] = Reading(row=row, tokens=rows[row].tokens, lost=lost, **short)

    def _window(
        self, rows: list[Reading], texts: Sequence[Sequence[str]], long: Sequence[int], which: int
    ) -> None:
        """The other text stands in every window, and takes half of it at most."""
        if not long:
            return
        chosen = [[own[row] for row in long] for own in texts]
        special = self.tokenizer.num_special_tokens_to_add(pair=len(texts) == 2)
        half = max(1, (self.max_length - special) // 2)
        made = overlapping(self.tokenizer, chosen, which, self.max_length, half, self.stride)
        owners: list[int] = made["overflow_to_sample_mapping"]
        for number, owner in enumerate(owners):
            row = long[owner]
            window = self._columns(made, number, len(texts))
            first = number == 0 or owners[number - 1] != owner
            if first:
                unread = rows[row].tokens - len(window["input_ids"])
                rows[row] = Reading(row=row, tokens=rows[row].tokens, lost=unread, **window)
            elif len(rows[row].windows) < self.windows:
                rows[row].more.append(Feature(row=row, **window))
                rows[row].lost -= _new(made, number, which)


def counts(features: Iterable[Feature]) -> dict[str, int]:
    """How rows fitted into inputs: `rows`, those too `long` for one, `tokens`, those that were `lost`, and how many
    `windows` the longest row took."""
    read = [feature for feature in features if isinstance(feature, Reading)]
    return {
        "rows": len(read),
        "long": sum(feature.lost > 0 or bool(feature.more) for feature in read),
        "tokens": sum(feature.tokens for feature in read),
        "lost": sum(feature.lost for feature in read),
        "windows": max((len(feature.windows) for feature in read), default=0),
    }


def _longer(made: Any, row: int) -> int:
    """Which of a row's texts has more tokens, the second of two that have as many."""
    sides = made.sequence_ids(row)
    return int(sides.count(1) >= sides.count(0)) if 1 in sides else 0


def _new(made: Any, number: int, which: int) -> int:
    """Tokens of a window that the one before it has not."""
    end = max((span[1] for span in _spans(made, number - 1, which)), default=0)
    return sum(span[1] > end for span in _spans(made, number, which))


def _spans(made: Any, number: int, which: int) -> list[tuple[int, int]]:
    """Characters of a window's tokens of the long text."""
    sides = made.sequence_ids(number)
    return [span for side, span in zip(sides, made["offset_mapping"][number], strict=True) if side == which]
