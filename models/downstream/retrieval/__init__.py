"""Retrieval: which of many passages answers a query.

One model reads queries and passages apart; the more similar their vectors, the better a passage answers a query.
It learns from queries with a passage that answers them: each has to be nearer to its own passage than to those of the
other queries of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from models.backbone import embedding
from models.backbone.export import export
from models.data.checks import not_blank
from models.downstream.retrieval import ranking, relevance
from models.downstream.retrieval.bm25 import UNITS, Bm25
from models.downstream.retrieval.contrast import contrast
from models.downstream.retrieval.relevance import Text
from models.errors import DataError
from models.interfaces.asked import Asked
from models.interfaces.downstream import Baseline, Downstream
from models.interfaces.features import beside, texts_batch

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_TEXT = ("input_ids", "attention_mask")


class Retrieval(Downstream[Text]):
    """Ranks all passages for each query."""

    kind: Literal["retrieval"] = "retrieval"
    headline: ClassVar[str] = "mrr_at_10"
    model_class: ClassVar[str] = "AutoModel"
    pool: ClassVar[str | None] = "passage"
    refers: ClassVar[str | None] = "relevant.passage_id"

    max_query: int = Field(
        default=64,
        ge=8,
        description="Longest query in tokens, where max_length, that of passages, is not less.",
    )
    query_prefix: str = Field(
        default="", description="What the model reads before each query ('query: ' for E5)."
    )
    passage_prefix: str = Field(
        default="", description="What the model reads before each passage ('passage: ' for E5)."
    )
    pooling: embedding.Pooling = Field(
        default="mean", description="A text's vector: the mean over all tokens, or the first."
    )
    temperature: float = Field(
        default=0.05,
        gt=0,
        description="What cosines are divided by in training: the lower, the more the nearest wrong passages count.",
    )

    # ---- rows

    def schema(self) -> DataFrameSchema:
        import pandera.polars as pa

        filled = not_blank()
        return pa.DataFrameSchema(
            {
                "id": pa.Column(pl.String, filled),
                "text": pa.Column(pl.String, filled),
                "passage": pa.Column(pl.Boolean),
                "relevant": pa.Column(relevance.RELEVANT, relevance.checks(), nullable=True),
            }
        )

    def examples(self) -> pl.DataFrame:
        told = {
            "마을의 도서관은 언덕 위에 있고 밤에도 연다.": ("도서관은 어디에 있나?", "밤에도 여는 곳은?"),
            "민수는 시장에서 사과를 샀다.": ("사과를 산 사람은 누구인가?", "민수는 무엇을 샀나?"),
            "국화는 가을에 핀다. 벚꽃과는 다르다.": ("가을에 피는 꽃은?", "국화는 언제 피나?"),
            "섬으로 가는 배는 저녁에 떠난다.": ("배는 언제 떠나나?", "저녁에 섬으로 가는 것은?"),
        }
        passages = [(f"passage-{at}", passage, True, None) for at, passage in enumerate(told)]
        queries = [
            (f"query-{at}-{number}", asked[number], False, [{"passage_id": f"passage-{at}", "grade": 1}])
            for number in range(2)
            for at, asked in enumerate(told.values())
        ]
        schema = {"id": pl.String, "text": pl.String, "passage": pl.Boolean, "relevant": relevance.RELEVANT}
        return pl.DataFrame(queries + passages, schema=schema, orient="row")

    def corrupted(self) -> pl.DataFrame:
        frame = self.examples()
        query, passage = frame.row(0, named=True), frame.row(frame.height - 1, named=True)
        known = query["relevant"][0]
        wrong: dict[str, list[Any]] = {"id": [None, " "], "text": [None, "\n"], "passage": [None]}
        rows = [passage | {name: value} for name, values in wrong.items() for value in values]
        rows.append(passage | {"relevant": [known]})
        rows += [query | {"relevant": relevant} for relevant in (None, [], [None], [known], [known, known])]
        rows += [query | {"relevant": [known | {"grade": grade}]} for grade in (None, 0, -1)]
        return pl.DataFrame(rows, schema=frame.schema)

    def check(self, train: pl.DataFrame) -> None:
        asked = {name for relevant in train["relevant"].to_list() for name in relevance.grades(relevant)}
        if len(asked) < 2:
            raise DataError(
                f"the {train.height:,} training queries ask for {len(asked)} passages: retrieval learns by telling "
                "passages apart; give queries with different ones"
            )

    # ---- model

    def prepare(self, model: PreTrainedModel) -> None:
        embedding.bare(model)

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Text]:
        """One a row; labelled ones have what `relevance.label` sets."""
        features = [Text(row=row, input_ids=[], pool=bool(pool)) for row, pool in enumerate(rows["passage"])]
        for side, (prefix, longest) in zip((False, True), self._sides(), strict=True):
            here = (rows["passage"] == side).arg_true().to_list()
            texts = [prefix + text for text in rows["text"].gather(here)]
            ids = tokenizer(texts, truncation=True, max_length=longest)["input_ids"] if texts else []
            for row, item in zip(here, ids, strict=True):
                features[row].input_ids = item
        if labelled:
            relevance.label(features, rows)
        return features

    def collate(
        self, features: Sequence[Text], tokenizer: PreTrainedTokenizerBase
    ) -> dict[str, torch.Tensor]:
        """With labelled queries also their places in the batch `asked` (queries,), `positive_input_ids` and
        `positive_attention_mask` (queries, longest), and `same` (queries, queries), true where the positive of the
        second is no negative of the first."""
        import torch

        batch = super().collate(features, tokenizer)
        positives = {at: feature.positive for at, feature in enumerate(features) if feature.positive}
        if positives:
            padding: Any = tokenizer.pad_token_id
            texts = texts_batch([positive.input_ids for positive in positives.values()], padding)
            batch |= {f"positive_{name}": tensor for name, tensor in texts.items()}
            batch["asked"] = torch.tensor(list(positives))
            same = [
                [other.content in one.wanted for other in positives.values()] for one in positives.values()
            ]
            batch["same"] = torch.tensor(same) & ~torch.eye(len(positives), dtype=torch.bool)
        return batch

    def loss(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """`contrast` of the labelled queries of a batch; its other features are left out."""
        asked = batch["asked"]
        queries = {name: batch[name][asked] for name in _TEXT}
        return self._contrast(model, embedding.vectors(model, **queries, pooling=self.pooling), batch)

    def targets(self, batch: Mapping[str, torch.Tensor]) -> float:
        return len(batch["asked"])

    def outputs(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor]
    ) -> tuple[list[np.ndarray], float | None]:
        """A vector (width,) of length 1 for each feature; and the loss of the labelled queries, where there are any."""
        texts = {name: batch[name] for name in _TEXT}
        vectors = embedding.vectors(model, **texts, pooling=self.pooling)
        loss = float(self._contrast(model, vectors[batch["asked"]], batch)) if "asked" in batch else None
        return list(vectors.double().cpu().numpy()), loss

    def _contrast(
        self, model: PreTrainedModel, queries: torch.Tensor, batch: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        texts = {name: batch[f"positive_{name}"] for name in _TEXT}
        positives = embedding.vectors(model, **texts, pooling=self.pooling)
        return contrast(queries, positives, batch["same"], self.temperature)

    def export(self, folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
        query, passage = self._sides()
        export(folder, self.pooling, query, passage)

    def _sides(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """What is read before a query, and its longest length; and the same of a passage."""
        query = self.query_prefix, min(self.max_query, self.max_length)
        return query, (self.passage_prefix, self.max_length)

    def oracle(self, feature: Text) -> np.ndarray:
        vector = np.zeros(feature.rows)
        vector[list(feature.gold)] = list(feature.gold.values())
        return vector / np.linalg.norm(vector)

    def decode(
        self, outputs: Sequence[np.ndarray], features: Sequence[Text], rows: pl.DataFrame
    ) -> pl.DataFrame:
        """For each query, columns as `ranking.rank` has them; the score of a passage is its cosine."""
        by_row = {feature.row: vector for feature, vector in zip(features, outputs, strict=True)}
        passages, queries = (
            [by_row[row] for row in (rows["passage"] == side).arg_true()] for side in (True, False)
        )
        candidates = np.array(passages)
        return ranking.rank(rows, (candidates @ query for query in queries))

    # ---- score

    def statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Reciprocal rank, nDCG, recall of 1 and of 10, and 1 (predictions, 5)."""
        gold = beside(predictions, rows)["relevant"].to_list()
        of_queries = [
            (*ranking.worth(ranking.order(prediction), relevance.grades(relevant)), 1.0)
            for prediction, relevant in zip(predictions.iter_rows(named=True), gold, strict=True)
        ]
        return np.array(of_queries, dtype=np.float64).reshape(-1, 5)

    def metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        count = np.maximum(totals[..., -1], 1.0)
        names = ("mrr_at_10", "ndcg_at_10", "recall_at_1", "recall_at_10")
        return {name: totals[..., at] / count for at, name in enumerate(names)}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the queries whose best relevant passage lies lowest, with it and what was found instead."""
        return {"worst": ranking.worst(rows, predictions)}

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        return super().modes(decoder) | {"zero_shot"}

    def ask(self, asked: Asked) -> tuple[list[Text], list[np.ndarray]]:
        """Vectors of a model that reads both ways; of a causal one, how likely the query is after each passage."""
        from models.downstream.retrieval.query_likelihood import query_likelihoods
        from models.inference.states import ask_untrained

        return query_likelihoods(asked) if asked.decoder else ask_untrained(asked, self)

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        tried = [Bm25(unit) for unit in UNITS]
        return max(tried, key=lambda item: self.evaluate(validation, item.predict(validation))[self.headline])

    def load_baseline(self, folder: Path) -> Baseline:
        return Bm25.load(folder)
