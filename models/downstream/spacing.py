"""Word spacing (띄어쓰기): a text that has lost its spaces gets them back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl

from models import character_windows
from models.character_windows import NOTHING
from models.characters import SLOTS, UNSEEN
from models.downstream import Downstream, Feature, beside, padded
from models.errors import DataError
from models.rows import not_blank

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Spacing(Downstream):
    """Says after which characters of a text a space stands.

    The model reads letters one by one, so that no token knows of words and none is hidden by an unknown neighbour.
    """

    kind: Literal["spacing"] = "spacing"
    headline: ClassVar[str] = "space_f1"
    model_class: ClassVar[str] = "AutoModelForTokenClassification"

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
        if not any(_spaces(text) for text in train["text"]):
            raise DataError(f"{train.height:,} training rows hold no space to learn from; check the source")

    def head(self) -> dict[str, Any]:
        return {"num_labels": SLOTS}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        letters = [_letters(text) for text in rows["text"]]
        known = [np.full(max(0, 2 * len(text) - 1), UNSEEN) for text in letters]  # letters, blanks between
        for labels, text in zip(known, rows["text"], strict=True) if labelled else ():
            labels[::2] = 0
            labels[[2 * end - 2 for end in _spaces(text)]] = 1
        apart = [" ".join(text) for text in letters]
        return character_windows.windows(tokenizer, apart, known, self.max_length, self.max_length // 4)

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        spaces = padded([feature["characters"] for feature in features], NOTHING)
        return {**super().collate(features, tokenizer), "spaces": spaces}

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return _loss(_logits(model, batch), batch["spaces"])

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        logits, spaces = _logits(model, batch), batch["spaces"]
        pairs = zip(logits, spaces, strict=True)
        found = [item[own != NOTHING].double().cpu().numpy()[:, None] for item, own in pairs]
        return found, float(_loss(logits, spaces)) if (spaces >= 0).any() else None

    def oracle(self, feature: Feature) -> np.ndarray:
        return 20.0 * feature["characters"][feature["characters"] != NOTHING][:, None] - 10.0

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `text`: with a space wherever one is more probable than none."""
        letters = [_letters(text) for text in rows["text"]]
        logits = character_windows.joined(outputs, features, [" ".join(text) for text in letters], 1)
        found = [_spaced(text, item[::2, 0] > 0) for text, item in zip(letters, logits, strict=True)]
        return rows.select("id").with_columns(text=pl.Series(found, dtype=pl.String))

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Spaces right, predicted and gold (predictions, 3)."""
        texts = zip(predictions["text"], beside(predictions, rows)["text"], strict=True)
        pairs = [(_spaces(found), _spaces(gold)) for found, gold in texts]
        counts = [(len(found & gold), len(found), len(gold)) for found, gold in pairs]
        return np.array(counts, dtype=np.float64).reshape(-1, 3)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of spaces; 0 where there are none."""
        return {"space_f1": 2 * totals[..., 0] / np.maximum(totals[..., 1] + totals[..., 2], 1)}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: rows with the most spaces that are wrong or missing."""
        wrong = self.statistics(rows, predictions).astype(int) @ [-2, 1, 1]
        found = beside(predictions, rows).rename({"text": "gold"})
        found = found.with_columns(predicted=predictions["text"], wrong=wrong).filter(pl.col("wrong") > 0)
        names = [
            name for name in ("id", "file", "line", "wrong", "predicted", "gold") if name in found.columns
        ]
        return {
            "worst": found.select(names).sort("wrong", "id", descending=[True, False]).head(20).to_dicts()
        }

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Letters:
        seen, spaced = Counter[str](), Counter[str]()
        for text in train["text"]:
            ends = _spaces(text)
            for place, around in enumerate(_around(_letters(text)), start=1):
                seen.update(around)
                spaced.update(around if place in ends else ())
        return Letters({key: spaced[key] / count for key, count in seen.items()})

    def load_baseline(self, folder: Path) -> Letters:
        return Letters(json.loads((folder / "letters.json").read_text(encoding="utf-8")))


class Letters:
    """The baseline: how often a space stands between the same letters, two on each side or else one."""

    def __init__(self, shares: dict[str, float]) -> None:
        self.shares, self.setting = shares, {}

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        texts = []
        for letters in map(_letters, rows["text"]):
            keys = [next((key for key in around if key in self.shares), "") for around in _around(letters)]
            texts.append(_spaced(letters, [self.shares.get(key, 0.0) > 0.5 for key in keys]))
        return rows.select("id").with_columns(text=pl.Series(texts, dtype=pl.String))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "letters.json").write_text(json.dumps(self.shares, ensure_ascii=False), encoding="utf-8")


def _logits(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits


def _loss(logits: torch.Tensor, spaces: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy, the mean over letters."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    known = spaces >= 0
    return binary_cross_entropy_with_logits(logits[known], spaces[known].to(logits.dtype))


def _letters(text: str) -> str:
    return "".join(text.split())


def _around(letters: str) -> Iterator[tuple[str, str]]:
    """For the gap after each letter the letters around it, two on each side and one."""
    for end in range(1, len(letters) + 1):
        left, right = letters[max(0, end - 2) : end], letters[end : end + 2]
        yield f"{left} {right}", f"{left[-1]} {right[:1]}"


def _spaces(text: str) -> set[int]:
    """After how many letters spaces stand."""
    ends = np.cumsum([len(word) for word in text.split()])
    return set(ends[:-1].tolist())


def _spaced(letters: str, after: Sequence[bool] | np.ndarray) -> str:
    """The letters with a space after those that have one."""
    return "".join(
        f"{letter} " if space else letter for letter, space in zip(letters, after, strict=True)
    ).strip()
