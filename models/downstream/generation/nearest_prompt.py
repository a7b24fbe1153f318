"""The answer of the nearest known prompt: the baseline of generation."""

import json
from pathlib import Path
from typing import Any, Self

import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer

from models.data.comparison import normal_form
from models.downstream.generation.scores import predictions

NGRAMS = ((1, 3), (2, 4))
"""Shortest and longest character n-grams among which validation chooses."""


class NearestPrompt:
    """Answers as the training row whose prompt is nearest: cosine of TF-IDF over characters of the normal
    form, ties by id."""

    def __init__(self, train: pl.DataFrame, shortest: int, longest: int) -> None:
        self.setting: dict[str, Any] = {"ngrams": [shortest, longest]}
        self.known = train.select("id", "prompt", "target").sort("id")
        # Words are padded, so that a word of one letter has n-grams of two.
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=(shortest, longest),
            sublinear_tf=True,
            preprocessor=normal_form,
        )
        self._vectors = self._vectorizer.fit_transform(self.known["prompt"].to_list())

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        targets, answers = self.known["target"].to_list(), []
        for part in rows.iter_slices(512):  # bounds the memory
            cosines = (self._vectorizer.transform(part["prompt"].to_list()) @ self._vectors.T).toarray()
            # Rounded, so that sums of the same numbers in another order are ties; the first of them is taken.
            answers += [targets[nearest] for nearest in cosines.round(9).argmax(axis=1)]
        return predictions(rows, answers, [(None, None)] * len(answers))

    def save(self, folder: Path) -> None:
        """Write `known.parquet` and `setting.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.known.write_parquet(folder / "known.parquet")
        (folder / "setting.json").write_text(json.dumps(self.setting), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        setting = json.loads((folder / "setting.json").read_text(encoding="utf-8"))
        return cls(pl.read_parquet(folder / "known.parquet"), *setting["ngrams"])
