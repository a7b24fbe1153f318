"""Word spacing (띄어쓰기): a text that has lost its spaces gets them back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from models.characters import SLOTS
from models.downstream import Baseline, Downstream, Feature, beside, padded
from models.entity_rows import f1
from models.errors import DataError
from models.rows import not_blank
from models.spaces import NOTHING, spaced, unspaced, windows, words

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WORST = 20
"""Rows shown, those with the most wrong spaces first."""


class Spacing(Downstream):
    """Says after which characters of a text a space stands.

    The model reads the text without white space, whose tokens know nothing of words. So each of the first `SLOTS`
    characters of a token has a logit of its own: a space after it, even inside the token.
    """

    kind: Literal["spacing"] = "spacing"
    headline: ClassVar[str] = "space_f1"
    model_class: ClassVar[str] = "AutoModelForTokenClassification"

    max_length: int = Field(
        default=128, ge=8, description="Longest input in tokens; a longer text is read in windows."
    )

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        return pa.DataFrameSchema({name: pa.Column(pl.String, not_blank()) for name in ("id", "text")})

    def examples(self) -> pl.DataFrame:
        texts = ["아버지가 방에 들어가신다", "나는 집에 간다", "비가 온다", "오늘은 참 좋은 날이다"]
        texts += ["밥을 먹고 학교에 갔다", "여기서 멈출 수 없다", "봄이 왔다", "고양이가 창가에서 잔다"]
        return pl.DataFrame({"id": [f"example-{number}" for number in range(len(texts))], "text": texts})

    def corrupted(self) -> pl.DataFrame:
        rows = [(None, "가"), ("", "가"), ("1", None), ("1", ""), ("1", " \t")]
        return pl.DataFrame(rows, schema=self.examples().schema, orient="row")

    def check(self, train: pl.DataFrame) -> None:
        if not any(len(text.split()) > 1 for text in train["text"]):
            raise DataError(f"{train.height:,} training rows hold no space to learn from; check the source")

    def head(self) -> dict[str, Any]:
        return {"num_labels": SLOTS}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        return list(windows(tokenizer, rows["text"].to_list(), self.max_length, labelled))

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        spaces = padded([feature["spaces"] for feature in features], NOTHING)
        return {**super().collate(features, tokenizer), "spaces": spaces}

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Binary cross-entropy, the mean over characters."""
        return _loss(_logits(model, batch), batch["spaces"])

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """Logits (characters,) of each feature, and the loss, where spaces are known."""
        logits, spaces = _logits(model, batch), batch["spaces"]
        found = [
            item[own != NOTHING].double().cpu().numpy() for item, own in zip(logits, spaces, strict=True)
        ]
        return found, float(_loss(logits, spaces)) if (spaces >= 0).any() else None

    def oracle(self, feature: Feature) -> np.ndarray:
        return 20.0 * feature["spaces"][feature["spaces"] != NOTHING] - 10.0

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `text`: with a space wherever one is more probable than none."""
        found: list[list[bool]] = [[] for _ in range(rows.height)]
        for logits, feature in zip(outputs, features, strict=True):
            found[feature["row"]] += (logits > 0).tolist()
        texts = [spaced(unspaced(text), after) for text, after in zip(rows["text"], found, strict=True)]
        return pl.DataFrame({"id": rows["id"], "text": pl.Series(texts, dtype=pl.String)})

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Spaces right, predicted and gold, and the same of words (predictions, 6)."""
        counts = []
        for texts in zip(predictions["text"], beside(predictions, rows)["text"], strict=True):
            sides = [words(text) for text in texts]
            ends = [{end for _, end in side[:-1]} for side in sides]
            pairs = (ends, [set(side) for side in sides])
            counts.append([len(item) for found, gold in pairs for item in (found & gold, found, gold)])
        return np.array(counts, dtype=np.float64).reshape(-1, 6)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of spaces, and of words, which are right with both their ends; 0 where there are none."""
        return {"space_f1": f1(totals[..., :3]), "word_f1": f1(totals[..., 3:])}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: rows with the most spaces that are wrong or missing."""
        counts = self.statistics(rows, predictions)
        found = beside(predictions, rows).with_columns(predicted=predictions["text"])
        found = found.with_columns(wrong=counts[:, 1] + counts[:, 2] - 2 * counts[:, 0])
        worst = found.filter(pl.col("wrong") > 0).sort("wrong", "id", descending=[True, False]).head(WORST)
        shown = [name for name in ("id", "file", "line") if name in worst.columns]
        return {"worst": worst.select(*shown, pl.col("wrong").cast(int), "predicted", gold="text").to_dicts()}

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models import spacing_counts

        tried = spacing_counts.fit(train["text"])
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.spacing_counts import SpacingCounts

        return SpacingCounts.load(folder)


def _logits(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """(batch, longest, SLOTS)"""
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def _loss(logits: torch.Tensor, spaces: torch.Tensor) -> torch.Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    known = spaces >= 0
    return binary_cross_entropy_with_logits(logits[known], spaces[known].to(logits.dtype))
