"""Question answering: the answer to a question is a piece of a text, its context.

A context too long for one input is read in windows that overlap. A window with the whole answer is trained to point
to the answer's first and last token, a window without to the input's first token, which is none of the context's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from models import spans
from models.answers import char_f1, normalised
from models.downstream import Baseline, Downstream, Feature, beside
from models.errors import DataError
from models.rows import not_blank

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from models.sentences import BestSentence

ROOM = 16
"""Tokens that must be left for special tokens and context beside the longest question."""
AROUND = 30
"""Characters of the context shown on each side of a gold answer."""
WORST = 20
"""Wrong answers shown, the most confident first."""
ANSWERS = pl.List(pl.Struct({"start": pl.Int64, "text": pl.String}))
PREDICTIONS = {
    "id": pl.String,
    "answer": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "probability": pl.Float64,
}


class QuestionAnswering(Downstream):
    """Finds the answer to `question` in `context`."""

    kind: Literal["qa"] = "qa"
    headline: ClassVar[str] = "char_f1"
    model_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    texts: ClassVar[tuple[str, ...]] = ("context", "question")
    inputs: ClassVar[tuple[str, ...]] = texts

    stride: int = Field(
        default=64,
        ge=0,
        description="Tokens of the context that neighbouring windows share, at most half of the smallest window.",
    )
    max_question: int = Field(
        default=48, ge=1, description="Longest question in tokens; the rest of a longer one is cut off."
    )
    max_answer: int = Field(default=60, ge=1, description="Longest answer that is given, in characters.")

    @model_validator(mode="after")
    def _room_for_the_context(self) -> Self:
        if self.max_length < self.max_question + ROOM:
            raise ValueError(
                f"max_length {self.max_length} leaves no room for a context beside max_question "
                f"{self.max_question}: raise max_length to {self.max_question + ROOM} or lower max_question"
            )
        return self

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        filled = not_blank()
        places = pa.Check(
            lambda data: data.lazyframe.select(
                pl.struct("context", "answers").map_elements(_in_place, return_dtype=pl.Boolean)
            ),
            error="not in the context at its start",
        )
        some = pa.Check(
            lambda data: data.lazyframe.select(pl.col(data.key).list.len() > 0), error="no answer"
        )
        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, filled),
                "title": pa.Column(pl.String),
                "context": pa.Column(pl.String, filled),
                "question": pa.Column(pl.String, filled),
                "answers": pa.Column(ANSWERS, [some, places]),
            }
        )

    def examples(self) -> pl.DataFrame:
        told = [
            ("마을", "도서관은 언덕 위에 있다. 빵집은 강가에 있다.", "도서관은 어디에 있나?", 0),
            ("마을", "우체국은 역 앞에 있다. 시장은 다리 건너에 있다.", "시장은 어디에 있나?", 1),
            ("친구", "민수는 사과를 샀다. 지우는 포도를 샀다.", "민수는 무엇을 샀나?", 0),
            ("친구", "하나는 피리를 분다. 두리는 북을 친다.", "두리는 무엇을 치나?", 1),
            ("계절", "봄에는 벚꽃이 핀다. 가을에는 국화가 핀다.", "봄에는 무엇이 피나?", 0),
            ("계절", "첫째 날은 비가 왔다. 둘째 날은 눈이 왔다.", "둘째 날은 무엇이 왔나?", 1),
            ("하루", "고양이는 창가에서 잔다. 강아지는 문 앞에서 잔다.", "고양이는 어디에서 자나?", 0),
            ("하루", "기차는 아침에 떠난다. 배는 저녁에 떠난다.", "배는 언제 떠나나?", 1),
        ]
        rows = []
        for number, (title, context, question, place) in enumerate(told):
            text = context.removesuffix(".").split(". ")[place]
            answers = [{"start": context.index(text), "text": text}]
            rows.append((f"example-{number}", title, context, question, answers))
        names = ["id", "title", "context", "question"]
        return pl.DataFrame(
            rows, schema={**dict.fromkeys(names, pl.String), "answers": ANSWERS}, orient="row"
        )

    def corrupted(self) -> pl.DataFrame:
        row = self.examples().row(0, named=True)
        text = row["answers"][0]["text"]
        wrong: dict[str, list[Any]] = {
            "id": [None, ""],
            "title": [None],
            "context": [None, " \t", "다른 글이다."],
            "question": [None, "\n"],
            "answers": [None, [], [None]]
            + [[{"start": start, "text": text}] for start in (None, 1, -1, len(row["context"]))]
            + [[{"start": 0, "text": item}] for item in (None, "", "다른 글")]
            + [
                [{"start": -len(row["context"]), "text": text}],
                [*row["answers"], {"start": 3, "text": text}],
            ],
        }
        rows = [row | {name: value} for name, values in wrong.items() for value in values]
        return pl.DataFrame(rows, schema=self.examples().schema)

    def check(self, train: pl.DataFrame) -> None:
        lengths = [len(answer["text"]) for answers in train["answers"] for answer in answers]
        if not lengths:
            raise DataError("no training rows: qa needs questions with answers; check the source")
        if min(lengths) > self.max_answer:
            raise DataError(
                f"all {len(lengths):,} training answers are longer than max_answer, {self.max_answer} characters: "
                f"raise it; the shortest has {min(lengths)}"
            )

    # ---- model

    def head(self) -> dict[str, Any]:
        return {"num_labels": 2}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        """The windows of each row, as `spans.windows` makes them; labelled ones have `start_positions` and
        `end_positions`."""
        questions, contexts = rows["question"].to_list(), rows["context"].to_list()
        features = spans.windows(
            tokenizer, questions, contexts, self.max_length, self.max_question, self.stride
        )
        if labelled:
            spans.label(features, contexts, rows["answers"].to_list())
        return features

    def collate(
        self, features: Sequence[Feature], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        import torch

        batch = super().collate(features, tokenizer)
        for name in spans.POSITIONS:
            if name in features[0]:
                batch[name] = torch.tensor([feature[name] for feature in features])
        return batch

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """Logits of start and end (tokens, 2) of each feature; and the loss, where there are labels."""
        import torch

        output = model(**batch)
        logits = torch.stack([output.start_logits, output.end_logits], dim=-1).double().cpu().numpy()
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        found = [item[:length] for item, length in zip(logits, lengths, strict=True)]
        return found, None if output.loss is None else float(output.loss)

    def oracle(self, feature: Feature) -> np.ndarray:
        logits = np.zeros((len(feature["input_ids"]), 2))
        for column, name in enumerate(spans.POSITIONS):
            logits[feature[name], column] = 10.0
        return logits

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Feature], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `answer`, its `start` and `end` in the context (characters, half-open), `probability`.

        The answer is the piece of the context with the highest sum of start and end logit over all windows, of at most
        `max_answer` characters. Its probability is that of its start times that of its end among the tokens of its
        window. A context without a token has the answer "".
        """
        best = [(-np.inf, 0, 0, 0.0)] * rows.height
        for logits, feature in zip(outputs, features, strict=True):
            found = spans.best_span(logits, feature["first"], feature["offsets"], self.max_answer)
            best[feature["row"]] = max(best[feature["row"]], found, key=lambda item: item[0])
        return _predictions(rows, [item[1:] for item in best])

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Whether the answer is exact, its F1, and 1 (predictions, 3); of several gold answers the best one counts."""
        gold = beside(predictions, rows)["answers"].to_list()
        found = []
        for answer, answers in zip(predictions["answer"], gold, strict=True):
            texts = [item["text"] for item in answers]
            exact = any(normalised(answer) == normalised(text) for text in texts)
            found.append((float(exact), max(char_f1(answer, text) for text in texts), 1.0))
        return np.array(found, dtype=np.float64).reshape(-1, 3)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        count = np.maximum(totals[..., 2], 1.0)
        return {"exact_match": totals[..., 0] / count, "char_f1": totals[..., 1] / count}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the answers that are not exact with the highest probability, with the context around gold."""
        found = beside(predictions, rows).with_columns(
            predicted=predictions["answer"],
            probability=predictions["probability"],
            exact=self.statistics(rows, predictions)[:, 0],
        )
        wrong = found.filter(pl.col("exact") == 0).sort("probability", "id", descending=[True, False])
        shown = [name for name in ("id", "file", "line", "question") if name in found.columns]
        worst = []
        for row in wrong.head(WORST).iter_rows(named=True):
            gold = list(dict.fromkeys(answer["text"] for answer in row["answers"]))
            worst.append(
                {name: row[name] for name in shown}
                | {"gold": " / ".join(gold), "predicted": row["predicted"], "probability": row["probability"]}
                | {"around": _around(row["context"], **row["answers"][0])}
            )
        return {"worst": worst}

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models import sentences

        fitted = sentences.fit(train["context"].unique(maintain_order=True).to_list())
        tried = [SentenceBaseline(model, model.setting) for model in fitted]
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        from models.sentences import BestSentence

        model = BestSentence.load(folder)
        return SentenceBaseline(model, model.setting)


class SentenceBaseline:
    """The sentence that has most in common with the question, or a few words of it."""

    def __init__(self, model: BestSentence, setting: dict[str, Any]) -> None:
        self.model, self.setting = model, setting

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        pairs = zip(rows["question"], rows["context"], strict=True)
        return _predictions(rows, [self.model.answer(question, context) for question, context in pairs])

    def save(self, folder: Path) -> None:
        self.model.save(folder)


def _in_place(row: dict[str, Any]) -> bool:
    """Whether each answer stands in the context where it says; a context that is missing has a reason of its own."""
    context, answers = row["context"], row["answers"]
    return context is None or all(
        answer is not None
        and answer["start"] is not None
        and answer["start"] >= 0
        and bool((answer["text"] or "").strip())
        and context.startswith(answer["text"], answer["start"])
        for answer in answers or ()
    )


def _predictions(rows: pl.DataFrame, answers: Sequence[tuple[int, int, float]]) -> pl.DataFrame:
    """Predictions frame from the start, end and probability of each row's answer; white space around it is left out."""
    found = []
    for name, context, (start, end, probability) in zip(rows["id"], rows["context"], answers, strict=True):
        text = context[start:end]
        start += len(text) - len(text.lstrip())
        text = text.strip()
        found.append((name, text, start, start + len(text), probability))
    return pl.DataFrame(found, schema=PREDICTIONS, orient="row")


def _around(context: str, start: int, text: str) -> str:
    """A piece of the context with an answer in it."""
    low, high = max(0, start - AROUND), start + len(text) + AROUND
    return "…" * (low > 0) + " ".join(context[low:high].split()) + "…" * (high < len(context))
