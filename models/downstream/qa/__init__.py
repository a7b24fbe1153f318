"""Question answering: the answer to a question is a piece of a text, its context.

A context too long for one input is read in windows that overlap. A window with the whole answer is trained to point
to the answer's first and last token, a window without to the input's first token, which is none of the context's.
So a model also learns which questions have no answer, where there are such (SQuAD 2.0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.data.checks import not_blank
from models.data.comparison import Aligned, composed
from models.downstream.qa import abstaining, scores, windows
from models.downstream.qa import answers as answer_rows
from models.downstream.qa.windows import Window
from models.interfaces.asked import IN_CONTEXT, Asked
from models.interfaces.downstream import Baseline, Downstream
from models.interfaces.features import beside
from models.late import np, pl

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ROOM = 16
"""Tokens that must be left for special tokens and context beside the longest question."""


class QuestionAnswering(Downstream[Window]):
    """Finds the answer to `question` in `context`."""

    kind: Literal["qa"] = "qa"
    model_class: ClassVar[str] = "AutoModelForQuestionAnswering"
    texts: ClassVar[tuple[str, ...]] = ("context", "question")
    inputs: ClassVar[tuple[str, ...]] = texts
    decoded_by: ClassVar[frozenset[str]] = frozenset({"no_answer_threshold"})

    stride: int = Field(
        default=64,
        ge=0,
        description="Tokens of the context that neighbouring windows share, at most half of the smallest window.",
    )
    max_question: int = Field(
        default=48, ge=1, description="Longest question in tokens; the rest of a longer one is cut off."
    )
    max_answer: int = Field(default=60, ge=1, description="Longest answer that is given, in characters.")
    unanswerable: bool = Field(
        default=False,
        description="Whether a question may have no answer, as in SQuAD 2.0: its `answers` are an empty list. Where it "
        "may not, such rows are quarantined.",
    )
    no_answer_threshold: float | None = Field(
        default=None,
        description="How much more no answer than the best one must weigh, in logits, for a model to give none; left "
        "out, validation rows choose it.",
    )
    rule: scores.Rule = Field(
        default="korquad",
        description="Whose published rule answers are compared by: korquad's, with F1 of characters (char_f1), or "
        "squad's, with F1 of words and without articles (word_f1).",
    )

    @property
    def own_headline(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return scores.F1[self.rule]

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if self.max_length < self.max_question + ROOM:
            raise ValueError(
                f"max_length {self.max_length} leaves no room for a context beside max_question "
                f"{self.max_question}: raise max_length to {self.max_question + ROOM} or lower max_question"
            )
        if self.no_answer_threshold is not None and not self.unanswerable:
            raise ValueError("no_answer_threshold is for questions without an answer: set unanswerable: true")
        return self

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        filled = not_blank()
        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, filled),
                "title": pa.Column(pl.String),
                "context": pa.Column(pl.String, filled),
                "question": pa.Column(pl.String, filled),
                "answers": pa.Column(answer_rows.column(), answer_rows.checks(self.unanswerable)),
            }
        )

    def examples(self) -> pl.DataFrame:
        return answer_rows.examples(self.unanswerable)

    def corrupted(self) -> pl.DataFrame:
        return answer_rows.corrupted(self.unanswerable)

    def check(self, train: pl.DataFrame) -> None:
        answer_rows.check(train, self.max_answer)

    # ---- model

    def head(self) -> dict[str, Any]:
        return {"num_labels": 2}

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Window]:
        """The windows of each row, as `windows.windows` makes them; labelled ones know the place of the answer."""
        questions, contexts = rows["question"].to_list(), _composed(rows)
        texts = [context.text for context in contexts]
        features = windows.windows(
            tokenizer, questions, texts, self.max_length, self.max_question, self.stride
        )
        if labelled:
            gold = zip(contexts, rows["answers"].to_list(), strict=True)
            windows.label(features, texts, [answer_rows.placed(context, own) for context, own in gold])
        return features

    def collate(
        self, features: Sequence[Window], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """With the places of labelled answers, `start_positions` and `end_positions` (batch,), beside the texts."""
        import torch

        batch = super().collate(features, tokenizer)
        answers = [feature.answer for feature in features if feature.answer is not None]
        if answers:
            batch["start_positions"], batch["end_positions"] = torch.tensor(answers).unbind(dim=1)
        return batch

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """Logits of start and end (tokens, 2) of each feature; and the loss, where there are labels."""
        import torch

        output = model(**batch)
        logits = torch.stack([output.start_logits, output.end_logits], dim=-1).double().cpu().numpy()
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        each = [item[:length] for item, length in zip(logits, lengths, strict=True)]
        return each, None if output.loss is None else float(output.loss)

    def oracle(self, feature: Window) -> np.ndarray:
        assert feature.answer is not None, "the feature is not labelled"
        logits = np.zeros((len(feature.input_ids), 2))
        logits[feature.answer, (0, 1)] = 10.0
        return logits

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Window], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `answer`, its `start` and `end` in the context (characters, half-open), `probability`.

        The answer is the piece of the context with the highest sum of start and end logit over all windows, of at most
        `max_answer` characters. Its probability is that of its start times that of its end among the tokens of its
        window. A context without a token has the answer "". Where a question may have no answer, so has one for which
        this weighs enough more (`no_answer_threshold`), and `no_answer_probability` is more than a half;
        `no_answer_margin` says by how much it outweighs the answer.
        """
        spans, margins = self._spans(outputs, features, rows)
        if not self.unanswerable:
            return answer_rows.predictions(rows, spans)
        none = abstaining.probability(margins, self.no_answer_threshold or 0.0).tolist()
        answers = [(0, 0, chance) if chance > 0.5 else own for own, chance in zip(spans, none, strict=True)]
        return answer_rows.predictions(rows, answers, none).with_columns(
            pl.Series(answer_rows.MARGIN, margins, dtype=pl.Float64)
        )

    def _spans(
        self, outputs: Sequence[np.ndarray], features: Sequence[Window], rows: pl.DataFrame
    ) -> tuple[list[tuple[int, int, float]], np.ndarray]:
        """Start, end and probability of each row's best piece, and by how much no answer outweighs it (rows,)."""
        best, none = windows.best_spans(outputs, features, rows.height, self.max_answer)
        places = zip(_composed(rows), best, strict=True)
        spans = [(*context.back(start, end), chance) for context, (_, start, end, chance) in places]
        return spans, none - np.array([score for score, *_ in best])

    def tuned_on(self, rows: pl.DataFrame, predicted: Callable[[Self], pl.DataFrame]) -> Self:
        """With the threshold at which the answers to `rows` are worth most."""
        if not self.unanswerable or self.no_answer_threshold is not None:
            return self
        found = predicted(self.model_copy(update={"no_answer_threshold": abstaining.NEVER}))
        if answer_rows.MARGIN not in found.columns:  # the baseline has a threshold of its own
            return self
        threshold = abstaining.threshold(found[answer_rows.MARGIN].to_numpy(), *self._worth(rows, found))
        return self.model_copy(update={"no_answer_threshold": threshold})

    def _worth(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """F1 (rows,) of predicted answers, and of giving none."""
        none = predictions.with_columns(answer=pl.lit(""))
        answered, abstained = (self.own_statistics(rows, item)[:, 1] for item in (predictions, none))
        return answered, abstained

    def answer(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """Also `no_answer`, where a question may have none; there are no places then."""
        answer = super().answer(prediction)
        if not self.unanswerable:
            return answer
        none = not answer["answer"]
        return answer | ({"start": None, "end": None} if none else {}) | {"no_answer": none}

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        return super().modes(decoder) | (frozenset(IN_CONTEXT) if decoder else frozenset())

    def ask(self, asked: Asked) -> tuple[list[Window], list[np.ndarray]]:
        """The piece of the context that a causal model finds the likeliest continuation of the question."""
        from models.downstream.qa.likeliest_span import spans

        contexts = [context.text for context in _composed(asked.rows)]
        return spans(
            asked,
            self.encode(asked.tokenizer, asked.rows, False),
            contexts,
            self.max_answer,
            self.unanswerable,
        )

    # ---- score

    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Whether the answer is exact, its F1, and 1; and the same where there is a gold answer (predictions, 6)."""
        return scores.scores(predictions["answer"], beside(predictions, rows)["answers"], self.rule)

    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return scores.metrics(totals, self.rule, self.unanswerable)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the answers that are not exact with the highest probability, with the context around gold; and
        `confusion` of questions with and without an answer, where there may be both."""
        told = {"confusion": scores.confusion(rows, predictions)} if self.unanswerable else {}
        return {**told, "worst": scores.worst(rows, predictions, self.rule)}

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.downstream.qa.best_sentence import SentenceBaseline, baselines

        tried = baselines(train)
        if self.unanswerable:
            tried = [
                SentenceBaseline(item.model, self._baseline_threshold(item, validation)) for item in tried
            ]
        return max(tried, key=lambda item: self.worth(validation, item.predict(validation)))

    def _baseline_threshold(self, baseline: Baseline, validation: pl.DataFrame) -> float:
        found = baseline.predict(validation)
        return abstaining.threshold(1 - found["probability"].to_numpy(), *self._worth(validation, found))

    def load_baseline(self, folder: Path) -> Baseline:
        from models.downstream.qa.best_sentence import SentenceBaseline

        return SentenceBaseline.load(folder)


def _composed(rows: pl.DataFrame) -> list[Aligned]:
    """Each context as models read it: a token then ends where its last syllable does, however that is stored."""
    return [Aligned(text, composed) for text in rows["context"]]
