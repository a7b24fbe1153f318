"""Asking a model that has learnt nothing of a few classes: by the words of the classes, or by what texts are like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.interfaces.asked import Asked
from models.interfaces.features import Feature
from models.prompting import prompts
from models.targets.classes import Classes

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl


@dataclass(frozen=True)
class Question:
    """What is asked of a row."""

    template: str
    """The prompt."""
    names: Sequence[str]
    """Of the classes."""
    words: Mapping[str, Sequence[str]]
    """Of each class, those that stand for it."""

    def outputs(self, asked: Asked, encode: Callable[[pl.DataFrame], list[Feature]]) -> np.ndarray:
        """(rows, classes): by label words where the model predicts words and not every class was shown; else by
        similarity to what was shown.

        Args:
            encode: model inputs of rows.
        """
        seen = set(asked.demonstrations[Classes.column])
        speaks = asked.decoder or asked.model.get_output_embeddings() is not None
        if speaks and (asked.decoder or not seen.issuperset(self.names)):
            return self._by_words(asked)
        return self._by_similarity(asked, encode)

    def _by_words(self, asked: Asked) -> np.ndarray:
        from models.targets import label_words

        shown = [
            prompts.cue(self.template, row).with_word(self.words.get(row["label"], (row["label"],))[0])
            for row in asked.demonstrations.iter_rows(named=True)
        ]
        cues = [prompts.cue(self.template, row) for row in asked.rows.iter_rows(named=True)]
        words = [self.words[name] for name in self.names]
        return label_words.scores(asked, cues, prompts.cue(self.template, {}), shown, words)

    def _by_similarity(self, asked: Asked, encode: Callable[[pl.DataFrame], list[Feature]]) -> np.ndarray:
        """The words of a class that was not shown serve as its example."""
        from models.prompting import prototypes
        from models.targets.text_vectors import text_vectors

        shown = asked.demonstrations
        missing = [name for name in self.names if name not in set(shown[Classes.column])]
        vectors = text_vectors(asked, encode(asked.rows))
        examples = [text_vectors(asked, encode(shown))] if shown.height else []
        if missing:
            ids = asked.tokenizer([" ".join(self.words[name]) for name in missing])["input_ids"]
            examples.append(
                text_vectors(asked, [Feature(row=row, input_ids=item) for row, item in enumerate(ids)])
            )
        numbers = Classes(tuple(self.names)).numbers([*shown[Classes.column], *missing]).tolist()
        return prototypes.logits(vectors, np.concatenate(examples), numbers, len(self.names))
