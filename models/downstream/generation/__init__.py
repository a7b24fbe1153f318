"""Generation: a prompt is answered in free text by a causal language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.backbone.vocabulary_scores import NO_TARGET
from models.data.checks import not_blank
from models.downstream.generation import continuations, scores
from models.downstream.generation.features import Prompt
from models.errors import DataError
from models.interfaces.asked import IN_CONTEXT, Asked
from models.interfaces.downstream import Baseline, Downstream
from models.interfaces.features import beside, padded, texts_batch
from models.late import np, pl
from models.prompting.prompts import tokens
from models.tokens.special import frame, plain_text, soft_prompt, token_id

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FRAME = 3
"""Tokens around prompt and target: one begins the text, one ends the prompt, one ends the target."""
WORST = 20
"""Predictions shown, those least like gold first."""


class Generation(Downstream[Prompt]):
    """Answers each prompt, the likeliest token at a time.

    An example reads `[CLS] prompt [SEP] target [SEP]`: a prompt is framed as documents are in pretraining, and the
    last token is learnt too, so that a model learns where to stop.
    """

    kind: Literal["generation"] = "generation"
    own_headline: ClassVar[str] = "chrf"
    own_lower_is_better: ClassVar[frozenset[str]] = frozenset({"perplexity"})
    model_class: ClassVar[str] = "AutoModelForCausalLM"
    texts: ClassVar[tuple[str, ...]] = ("prompt", "target")
    inputs: ClassVar[tuple[str, ...]] = ("prompt",)
    decoder: ClassVar[bool] = True
    one_pass: ClassVar[bool] = False
    scores_gold: ClassVar[bool] = True

    max_length: int = Field(
        default=128,
        ge=8,
        description="Longest prompt and target together; a longer prompt loses its beginning.",
    )
    max_new_tokens: int = Field(
        default=32, ge=1, description="Longest answer in tokens; a longer target loses its end."
    )
    loss_on_prompt: bool = Field(
        default=False, description="Whether the model also learns to predict the prompt."
    )

    @model_validator(mode="after")
    def _room_for_a_prompt(self) -> Self:
        if self.max_length <= self.max_new_tokens + FRAME:
            raise ValueError(
                f"max_new_tokens: {self.max_new_tokens} leaves no room for a prompt in {self.max_length} tokens: "
                f"set it to {self.max_length - FRAME - 1} or less, or raise max_length"
            )
        return self

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        return pa.DataFrameSchema(
            {name: pa.Column(pl.String, not_blank()) for name in ("id", "prompt", "target")}
        )

    def examples(self) -> pl.DataFrame:
        """No word stands in two answers."""
        pairs = {
            "배가 고파요": "밥부터 드세요",
            "잠이 안 와요": "따뜻한 우유요",
            "비가 내려요": "우산 챙기세요",
            "시험 망쳤어요": "다음이 있잖아요",
            "친구랑 싸웠어요": "먼저 사과하세요",
            "주말이 심심해요": "가까운 공원이요",
            "머리가 아파요": "푹 쉬어요",
            "월급 받았어요": "정말 축하해요",
        }
        ids = [f"example-{number}" for number in range(len(pairs))]
        return pl.DataFrame({"id": ids, "prompt": list(pairs), "target": list(pairs.values())})

    def corrupted(self) -> pl.DataFrame:
        row = self.examples().row(0, named=True)
        wrong = [("id", None), ("prompt", None), ("prompt", " \t"), ("target", None), ("target", "")]
        return pl.DataFrame([row | {name: value} for name, value in wrong], schema=self.examples().schema)

    def check(self, train: pl.DataFrame) -> None:
        if train["target"].n_unique() < 2:
            what = (
                f"all {train.height:,} training rows have one target" if train.height else "no training rows"
            )
            raise DataError(f"{what}: generation needs different targets; check the source")

    # ---- model

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Prompt]:
        """One feature a row; in labelled ones the target follows the prompt."""
        begin, end = frame(tokenizer)
        room = self.max_length - self.max_new_tokens - FRAME
        prompts = [[*begin, *ids[-room:], end] for ids in tokens(tokenizer, rows["prompt"].to_list())]
        features = [
            Prompt(row=row, input_ids=prompt, prompt_length=len(prompt), tokenizer=tokenizer)
            for row, prompt in enumerate(prompts)
        ]
        if labelled:
            for feature, ids in zip(features, tokens(tokenizer, rows["target"].to_list()), strict=True):
                prompt, target = feature.input_ids, [*ids[: self.max_new_tokens], end]
                learnt = prompt if self.loss_on_prompt else [NO_TARGET] * len(prompt)
                feature.input_ids, feature.targets = prompt + target, learnt + target
        return features

    def collate(
        self, features: Sequence[Prompt], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """A batch: `input_ids`, `attention_mask` (batch, longest), padded on the right, and `labels` likewise where
        there are any; `prompt_ids`, `prompt_mask` (batch, longest prompt), padded on the left to be continued; the ids
        of the tokenizer's `soft_prompt`, if it has one."""
        import torch

        given = token_id(tokenizer, "pad")
        padding = frame(tokenizer)[1] if given is None else given
        texts = [feature.input_ids for feature in features]
        turned = [feature.input_ids[: feature.prompt_length][::-1] for feature in features]
        batch = {
            **texts_batch(texts, padding),
            "prompt_ids": padded(turned, padding).flip(1),
            "prompt_mask": padded([[1] * len(ids) for ids in turned], 0).flip(1),
        }
        if soft := soft_prompt(tokenizer):
            batch["soft_prompt"] = torch.tensor(soft)
        targets = [feature.targets for feature in features if feature.targets is not None]
        if targets:
            batch["labels"] = padded(targets, NO_TARGET)
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return model(**{name: batch[name] for name in ("input_ids", "attention_mask", "labels")}).loss

    def targets(self, batch: Mapping[str, torch.Tensor]) -> float:
        return float((batch["labels"][:, 1:] != NO_TARGET).sum())  # nothing comes before the first

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """For each prompt: nats and number of tokens of its target (NaN and 0 without labels), ids of the answer.

        The loss is the mean over rows of nats per learnt token, so that it is the same whatever the batches.
        """
        answers = continuations.greedy(model, batch, self.max_new_tokens)
        nats, tokens, loss = np.full(len(answers), np.nan), np.zeros(len(answers)), None
        if "labels" in batch:
            nats, tokens, loss = continuations.likelihood(model, batch)
        return [np.array(row) for row in map(_joined, nats, tokens, answers)], loss

    def oracle(self, feature: Prompt) -> np.ndarray:
        target = feature.input_ids[feature.prompt_length :]
        return np.array(_joined(0.0, len(target), target[:-1]))

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Prompt], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Columns `id`, `text`, and `nats` and `tokens` of the target with its end, null where it is not known."""
        texts = [
            plain_text(feature.tokenizer, output[2:].astype(int).tolist())
            for output, feature in zip(outputs, features, strict=True)
        ]
        known = [(float(item[0]), int(item[1])) if item[1] else (None, None) for item in outputs]
        return scores.predictions(rows, texts, known)

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        return super().modes(decoder) | {"prompt_tuning", *IN_CONTEXT}

    def ask(self, asked: Asked) -> tuple[list[Prompt], list[np.ndarray]]:
        """The prompt is continued, after the demonstrations that fit."""
        from models.downstream.generation.demonstrations import show
        from models.inference.inputs import Inputs, outputs

        features = self.encode(asked.tokenizer, asked.rows, asked.labelled)
        shown = self.encode(asked.tokenizer, asked.demonstrations, True)
        show(asked, shown, features, self.max_new_tokens)
        inputs = Inputs(self, asked.tokenizer, asked.rows, asked.labelled, features)
        return features, outputs(asked.model, inputs, on_progress=asked.on_progress)[0]

    # ---- score

    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        return scores.statistics(beside(predictions, rows)["target"], predictions)

    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        return scores.metrics(totals)

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """sacrebleu's `signatures`, and `worst`: the predictions with the lowest chrF of their own."""
        answered, statistics = beside(predictions, rows), self.own_statistics(rows, predictions)
        shown = [name for name in ("id", "file", "line") if name in answered.columns]
        worst = (
            answered.select(*shown, "prompt", gold="target", predicted=predictions["text"])
            .with_columns(chrf=self.own_metrics(statistics)["chrf"])
            .filter(pl.col("chrf") < 1)
            .sort("chrf", "id")
        )
        return {"signatures": scores.signatures(), "worst": worst.head(WORST).to_dicts()}

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        from models.downstream.generation.nearest_prompt import NGRAMS, NearestPrompt

        tried = [NearestPrompt(train, *sizes) for sizes in NGRAMS]
        return max(tried, key=lambda item: self.worth(validation, item.predict(validation)))

    def load_baseline(self, folder: Path) -> Baseline:
        from models.downstream.generation.nearest_prompt import NearestPrompt

        return NearestPrompt.load(folder)


def _joined(nats: float, tokens: float, ids: Sequence[int]) -> list[float]:
    """An output: what is known of the target, then the ids of the answer."""
    return [float(nats), float(tokens), *map(float, ids)]
