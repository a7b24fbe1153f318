"""Made-up reviews, one word of which tells the label, and a quick way to learn them."""

import numpy as np
import polars as pl

from models.transfer.finetune import Finetune

GOOD, BAD = ("좋은", "멋진", "훌륭한", "재미있는"), ("나쁜", "지루한", "아까운", "시시한")
THINGS = ("영화", "음악", "연기", "이야기", "결말", "장면", "배우", "대사")
CONFIG = Finetune(
    learning_rates=(1e-3, 1e-2),
    train_embeddings=(True,),
    epochs=2,
    min_steps=12,
    batch_size=8,
    evaluations=3,
    search_rows=1000,
)


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told how it goes."""


def reviews(count: int, seed: int) -> pl.DataFrame:
    """Sentences of one to six words, one of which tells the label."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = number % 2
        words = list(generator.choice(THINGS, size=generator.integers(1, 6)))
        words.insert(int(generator.integers(0, len(words) + 1)), str(generator.choice((BAD, GOOD)[label])))
        rows.append({"id": f"{seed}-{number}", "text": " ".join(words), "label": str(label)})
    return pl.DataFrame(rows)
