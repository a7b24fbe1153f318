"""Word spacing (띄어쓰기): a text that has lost its spaces gets them back."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from models.characters.places import SLOTS
from models.characters.windows import NOTHING, Window, joined, windows
from models.data.checks import not_blank
from models.data.comparison import composed, folded
from models.interfaces.downstream import Downstream
from models.interfaces.features import beside, padded
from models.late import np, pl

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    Batch = dict[str, torch.Tensor]


class Spacing(Downstream[Window]):
    """Says after which letters of a text, its characters but white space, a space stands."""

    kind: Literal["spacing"] = "spacing"
    own_headline: ClassVar[str] = "space_f1"
    model_class: ClassVar[str] = "AutoModelForTokenClassification"
    max_length: int = Field(default=128, ge=8, description="Longest input in tokens; long texts get several.")

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        return pa.DataFrameSchema({name: pa.Column(pl.String, not_blank()) for name in ("id", "text")})

    def examples(self) -> pl.DataFrame:
        texts = ["아버지가 방에 들어가신다", "나는 집에 간다", "비가 온다", "오늘은 참 좋은 날이다"]
        texts += ["밥을 먹고 학교에 갔다", "여기서 멈출 수 없다", "봄이 왔다", "고양이가 창가에서 잔다"]
        return pl.DataFrame({"id": [f"example-{number}" for number in range(len(texts))], "text": texts})

    def corrupted(self) -> pl.DataFrame:
        return pl.DataFrame({"id": [None, "", "1", "2", "3"], "text": ["가", "가", None, "", " \t"]})

    def head(self) -> dict[str, Any]:
        return {"num_labels": SLOTS}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Window]:
        """Windows of letters kept apart: 1 for a letter before a space and the blank put there, else 0."""
        labels = [np.repeat(spaces, 2)[:-1] for spaces in _spaces(rows)] if labelled else None
        return windows(tokenizer, _apart(rows), labels, self.max_length, self.max_length // 4)

    def collate(self, features: Sequence[Window], tokenizer: PreTrainedTokenizerBase) -> Batch:
        spaces = padded([feature.characters for feature in features], NOTHING)
        return {**super().collate(features, tokenizer), "spaces": spaces}

    def loss(self, model: PreTrainedModel, batch: Batch) -> torch.Tensor:
        return self._read(model, batch)[1]

    def targets(self, batch: Mapping[str, torch.Tensor]) -> float:
        return float((batch["spaces"] >= 0).sum())

    def outputs(self, model: PreTrainedModel, batch: Batch) -> tuple[list[np.ndarray], float | None]:
        logits, loss = self._read(model, batch)
        pairs = zip(logits, batch["spaces"] != NOTHING, strict=True)
        each = [item[real].double().cpu().numpy()[:, None] for item, real in pairs]
        return each, None if loss.isnan() else float(loss)

    def _read(self, model: PreTrainedModel, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (batch, longest, SLOTS), and their mean binary cross-entropy, NaN without labels."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        known = batch["spaces"] >= 0
        return logits, binary_cross_entropy_with_logits(logits[known], batch["spaces"][known].to(logits))

    def oracle(self, feature: Window) -> np.ndarray:
        return 20.0 * feature.characters[feature.characters != NOTHING][:, None] - 10.0

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Window], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `text`: with a space wherever one is more probable than none."""
        return _spaced(rows, [item[::2, 0] > 0 for item in joined(outputs, features, _apart(rows), 1)])

    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Spaces right, predicted and gold (predictions, 3)."""
        pairs = zip(_spaces(predictions), _spaces(beside(predictions, rows)), strict=True)
        counts = [(sum(map(min, predicted, gold)), sum(predicted), sum(gold)) for predicted, gold in pairs]
        return np.array(counts, dtype=np.float64).reshape(-1, 3)

    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        """F1 of spaces; 0 where there are none."""
        return {"space_f1": 2 * totals[..., 0] / np.maximum(totals[..., 1] + totals[..., 2], 1)}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: rows with the most spaces that are wrong or missing."""
        wrong = self.own_statistics(rows, predictions).astype(int) @ [-2, 1, 1]
        shown = beside(predictions, rows).with_columns(predicted=predictions["text"], wrong=wrong)
        shown = shown.filter(pl.col("wrong") > 0).sort(-pl.col("wrong"), "id").head(20)
        return {"worst": shown.select("^(id|file|line|wrong|predicted)$", gold="text").to_dicts()}

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Pairs:
        balance = Counter[str]()
        for text in map(composed, train["text"]):
            for left, gap, right in re.findall(r"(\S)(\s*)(?=(\S))", text):
                balance[_pair(left, right)] += 1 if gap else -1
        return Pairs(pair for pair, more in balance.items() if more > 0)

    def load_baseline(self, folder: Path) -> Pairs:
        return Pairs(json.loads((folder / "pairs.json").read_text(encoding="utf-8")))


class Pairs:
    """The baseline: a space goes between two letters that more often than not had one between them."""

    def __init__(self, pairs: Iterable[str]) -> None:
        self.pairs, self.setting = set(pairs), {}

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        after = [
            [_pair(*pair) in self.pairs for pair in zip_longest(text[::2], text[2::2], fillvalue="")]
            for text in _apart(rows)
        ]
        return _spaced(rows, after)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pairs.json").write_text(json.dumps(sorted(self.pairs)), encoding="utf-8")


def _pair(left: str, right: str) -> str:
    """Two letters as they are looked up: a model reads them without case and width too."""
    return f"{folded(left)} {folded(right)}"


def _apart(rows: pl.DataFrame) -> list[str]:
    """The letters of each text with blanks between, so that no token spans two or knows where a word ends."""
    return [" ".join("".join(composed(text).split())) for text in rows["text"]]


def _spaces(rows: pl.DataFrame) -> list[list[bool]]:
    """For each letter of each text, whether a space stands after it."""
    return [
        [gap != "" for gap in re.findall(r"\S(\s*)", text.strip())] for text in map(composed, rows["text"])
    ]


def _spaced(rows: pl.DataFrame, after: Sequence[Sequence[bool] | np.ndarray]) -> pl.DataFrame:
    """Predictions: the letters of each row, with a space after those that have one."""
    pairs = [zip(text[::2], own, strict=True) for text, own in zip(_apart(rows), after, strict=True)]
    texts = ["".join(f"{letter} " if space else letter for letter, space in pair).strip() for pair in pairs]
    return rows.select("id").with_columns(text=pl.Series(texts, dtype=pl.String))
