"""Labelled texts to learn: those of NSMC, where HEADWATER_DATA has them, else invented ones of such lengths."""

import os
from pathlib import Path

import numpy as np
import polars as pl

from models.bootstrap import paired

RESAMPLES = 1000
PARTS = ("train", "validation", "test")


def read(part: str, number: int) -> pl.DataFrame:
    """The first rows of a part, with `id`, `text` and `label` 0 or 1."""
    path = Path(os.environ.get("HEADWATER_DATA", "")) / f"classification/nsmc/ratings_{part}.txt"
    if not path.is_file():
        return invented(number, PARTS.index(part))
    return of_file(path).head(number)


def of_file(path: Path) -> pl.DataFrame:
    """Rows of a file with a header and no quoting, as NSMC is published; those without a text are left out."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    found = pl.DataFrame([row for row in rows if len(row) == 3], schema=["id", "text", "label"], orient="row")
    return found.filter(pl.col("text").str.contains(r"\S"))


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """How much more accurate ours is on the same rows, from how often each row was right, with a 95 % interval."""
    one, other = (np.stack([hits, np.ones(len(hits))], axis=1) for hits in (ours, theirs))
    accuracy = lambda totals: {"accuracy": totals[..., 0] / totals[..., 1]}  # noqa: E731
    found = paired(one, other, accuracy, RESAMPLES, seed=1)
    value, low, high = (found["accuracy"][name] for name in ("value", "low", "high"))
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def invented(number: int, seed: int) -> pl.DataFrame:
    """Texts of words that are as unequally common as real ones, some of which tell the label, as long as reviews."""
    generator = np.random.default_rng(seed)
    letters = np.array([chr(0xAC00 + 97 * place % 11172) for place in range(60)])
    words = ["".join(letters[[at % 60, at // 60 % 60, at // 3600]]) for at in range(20_000)]
    chances = 1 / np.arange(10, len(words) + 10)
    rows = []
    for row in range(number):
        length = int(np.clip(generator.lognormal(1.9, 0.8), 1, 60))
        chosen = generator.choice(len(words), length, p=chances / chances.sum())
        chosen = np.where(generator.random(length) < 0.3, chosen // 2 * 2 + row % 2, chosen)
        rows.append(
            {"id": f"{seed}-{row}", "text": " ".join(words[at] for at in chosen), "label": str(row % 2)}
        )
    return pl.DataFrame(rows)
