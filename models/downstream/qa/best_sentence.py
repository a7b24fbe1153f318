"""The sentence of a text that has most in common with a question: the baseline of question answering."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import polars as pl

from models.data.comparison import normal_form
from models.downstream.qa.answers import predictions

UNITS = ("words", "bigrams")
"""What sentence and question have in common: words, or pairs of neighbouring characters in them."""
LENGTHS = (0, 1, 2, 3)
"""Words an answer has; 0: the whole sentence."""

_GAP = re.compile(r"(?<=[.!?．！？])\s+|(?<=[。｡])\s*|\s*\n\s*")
_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"\S+")


class BestSentence:
    """The sentence whose terms, weighted by how rare they are, cover most of the question's.

    Args:
        unit: one of `UNITS`.
        words: how many neighbouring words of the sentence are the answer, the rarest that the question lacks; 0: all.
        rarity: inverse document frequency of each term over sentences.
        unseen: that of any other term.
    """

    def __init__(self, unit: str, words: int, rarity: dict[str, float], unseen: float) -> None:
        self.unit, self.words, self.rarity, self.unseen = unit, words, rarity, unseen

    @property
    def setting(self) -> dict[str, Any]:
        """What sets it apart from the others that `fit` gives."""
        return {"unit": self.unit, "words": self.words}

    def answer(self, question: str, text: str) -> tuple[int, int, float]:
        """Start and end of the answer (characters of `text`, half-open), and the share of the question it covers."""
        asked = terms(question, self.unit)
        whole = self._weight(asked)
        best = (0, 0, -1.0)
        for start, end in sentences(text):
            covered = self._weight(asked & terms(text[start:end], self.unit))
            if covered > best[2]:
                best = (start, end, covered)
        start, end, covered = best
        if self.words:
            start, end = self._rarest(text, start, end, asked)
        return start, end, covered / whole if whole > 0 and covered > 0 else 0.0

    def _rarest(self, text: str, start: int, end: int, asked: set[str]) -> tuple[int, int]:
        """The `words` neighbouring words of a sentence that weigh most without what was asked."""
        pieces = list(_PIECE.finditer(text, start, end))
        weights = [self._weight(terms(piece[0], self.unit) - asked) for piece in pieces]
        starts = range(max(1, len(pieces) - self.words + 1))
        first = max(starts, key=lambda at: sum(weights[at : at + self.words]), default=0)
        chosen = pieces[first : first + self.words]
        return (chosen[0].start(), chosen[-1].end()) if chosen else (start, end)

    def _weight(self, some: set[str]) -> float:
        return math.fsum(self.rarity.get(term, self.unseen) for term in some)


class SentenceBaseline:
    """The sentence that has most in common with the question, or a few words of it.

    Args:
        model: finds it.
        threshold: where the sentence covers less of the question than 1 minus this share, there is no answer; None:
            there always is one.
    """

    def __init__(self, model: BestSentence, threshold: float | None = None) -> None:
        self.model, self.threshold = model, threshold
        self.setting = (
            model.setting if threshold is None else model.setting | {"no_answer_threshold": threshold}
        )

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The probability of an answer is the share of the question that its sentence covers, the rest that of none."""
        pairs = zip(rows["question"], rows["context"], strict=True)
        found = [self.model.answer(question, context) for question, context in pairs]
        if self.threshold is None:
            return predictions(rows, found)
        none = [1 - covered for *_, covered in found]
        answers = [
            (0, 0, rest) if rest > self.threshold else own for own, rest in zip(found, none, strict=True)
        ]
        return predictions(rows, answers, none)

    def save(self, folder: Path) -> None:
        """Write `sentences.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        value = {**self.setting, "rarity": self.model.rarity, "unseen": self.model.unseen}
        (folder / "sentences.json").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        value = json.loads((folder / "sentences.json").read_text(encoding="utf-8"))
        threshold = value.pop("no_answer_threshold", None)
        return cls(BestSentence(**value), threshold)


def baselines(train: pl.DataFrame) -> list[SentenceBaseline]:
    """One for each sentence model that `fit` gives."""
    return [SentenceBaseline(model) for model in fit(train["context"].unique(maintain_order=True).to_list())]


def fit(texts: Sequence[str]) -> list[BestSentence]:
    """One for each of `UNITS` and `LENGTHS`, whole sentences first; weights are smoothed as scikit-learn's are."""
    units = {}
    for unit in UNITS:
        of_sentences = [terms(text[start:end], unit) for text in texts for start, end in sentences(text)]
        counts = Counter(term for of in of_sentences for term in sorted(of))
        total = 1 + len(of_sentences)
        units[unit] = (
            {term: 1 + math.log(total / (1 + count)) for term, count in counts.items()},
            1 + math.log(total),
        )
    return [BestSentence(unit, words, *units[unit]) for words in LENGTHS for unit in UNITS]


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence: it ends at a line end, at `.`, `!` or `?` before white space, or at `。`."""
    start = 0
    for end, following in [*(gap.span() for gap in _GAP.finditer(text)), (len(text), len(text))]:
        if text[start:end].strip():
            yield start, end
        start = following


def terms(text: str, unit: str) -> set[str]:
    """The different words of a text's normal form, or pairs of neighbouring characters in its words."""
    words = _WORD.findall(normal_form(text))
    if unit == "words":
        return set(words)
    return {word[at : at + 2] for word in words for at in range(max(1, len(word) - 1))}
