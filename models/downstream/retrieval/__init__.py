"""Retrieval: which of many passages answers a query.

One model reads queries and passages apart; the more similar their vectors, the better a passage answers a query.
It learns from queries with a passage that answers them: each has to be nearer to its own passage than to those of the
other queries of the batch, and to wrong ones that were looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from models.backbone import embedding
from models.backbone.export import export
from models.downstream.retrieval import made_up, ranking, relevance
from models.downstream.retrieval.bm25 import Bm25, Unit
from models.downstream.retrieval.contrast import contrast
from models.downstream.retrieval.fusion import WEIGHTS, Fusion
from models.downstream.retrieval.negatives import Negatives, candidates, hard_negatives
from models.downstream.retrieval.relevance import Text
from models.errors import DataError
from models.interfaces.asked import Asked
from models.interfaces.downstream import Baseline, Downstream
from models.interfaces.features import beside, texts_batch
from models.late import np, pl

if TYPE_CHECKING:
    import torch
    from pandera.polars import DataFrameSchema
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_TEXT = ("input_ids", "attention_mask")


class Retrieval(Downstream[Text]):
    """Ranks all passages for each query."""

    kind: Literal["retrieval"] = "retrieval"
    own_headline: ClassVar[str] = "mrr_at_10"
    model_class: ClassVar[str] = "AutoModel"
    pool: ClassVar[str | None] = "passage"
    refers: ClassVar[str | None] = "relevant.passage_id"
    decoded_by: ClassVar[frozenset[str]] = frozenset({"fusion"})

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
    negatives: Negatives = Field(
        default="in_batch",
        description="Wrong passages that a training query is told from: in_batch, those of the other queries of its "
        "batch; and beside these hard ones, which bm25, or the model before it learns, takes for the answer.",
    )
    hard: int = Field(
        default=1, ge=1, le=32, description="Hard passages a query, where negatives are not in_batch."
    )
    hard_ranks: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        default=(1, 20),
        description="Places of the wrong passages that hard ones are drawn from; a first place above 1 leaves out the "
        "nearest, which may answer after all.",
    )
    fusion: Fusion | None = Field(
        default=None,
        description="How BM25 has its say beside the model; left out, mode hybrid chooses it on validation queries, "
        "and the other modes go by the model alone.",
    )

    @model_validator(mode="after")
    def _ranks_rise(self) -> Self:
        if self.hard_ranks[1] - self.hard_ranks[0] + 1 < self.hard:
            raise ValueError(
                f"hard_ranks: places {self.hard_ranks[0]} to {self.hard_ranks[1]} have no room for {self.hard} hard "
                "passages: raise the second, or lower hard"
            )
        return self

    # ---- rows

    def schema(self) -> DataFrameSchema:
        return relevance.schema()

    def examples(self) -> pl.DataFrame:
        return made_up.examples()

    def corrupted(self) -> pl.DataFrame:
        return made_up.corrupted()

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
        """With labelled queries also their places in the batch `asked` (queries,), `passage_input_ids` and
        `passage_attention_mask` (passages, longest), the positive of each query and then hard negatives, and `same`
        (queries, passages), true where a passage is no negative of a query."""
        import torch

        batch = super().collate(features, tokenizer)
        asked = {at: feature for at, feature in enumerate(features) if feature.positive}
        if asked:
            passages = candidates(asked.values())
            padding: Any = tokenizer.pad_token_id
            texts = texts_batch([passage.input_ids for passage in passages], padding)
            batch |= {f"passage_{name}": tensor for name, tensor in texts.items()}
            batch["asked"] = torch.tensor(list(asked))
            same = [[passage.content in query.wanted for passage in passages] for query in asked.values()]
            batch["same"] = torch.tensor(same) & ~torch.eye(len(asked), len(passages), dtype=torch.bool)
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
        texts = {name: batch[f"passage_{name}"] for name in _TEXT}
        passages = embedding.vectors(model, **texts, pooling=self.pooling)
        return contrast(queries, passages, batch["same"], self.temperature)

    def mine(
        self, features: Sequence[Text], rows: pl.DataFrame, say: Callable[[], Sequence[np.ndarray]], seed: int
    ) -> list[list[int]]:
        """Hard negatives."""
        if self.negatives == "in_batch":
            return []
        scores = Bm25().scores(rows) if self.negatives == "bm25" else ranking.cosines(say(), rows)
        return hard_negatives(features, scores, self.hard, self.hard_ranks, seed)

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
        """For each query, columns as `ranking.rank` has them; the score of a passage is its cosine, or where BM25 has
        its say what both come to."""
        ordered = sorted(zip(features, outputs, strict=True), key=lambda item: item[0].row)
        scores = ranking.cosines([output for _, output in ordered], rows)
        return ranking.rank(rows, scores if self.fusion is None else self.fusion.scores(rows, scores))

    def fused(self, outputs: Sequence[np.ndarray], features: Sequence[Text], rows: pl.DataFrame) -> Self:
        """With the share of BM25, over words or characters, that ranks the queries among `rows` best."""
        if self.fusion is not None:
            return self
        bm25 = self.fit_baseline(rows, rows, 0).setting
        tried = [self.model_copy(update={"fusion": Fusion(weight=weight, **bm25)}) for weight in WEIGHTS]
        return max(tried, key=lambda item: item.worth(rows, item.decode(outputs, features, rows)))

    # ---- score

    def own_statistics(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> np.ndarray:
        """Reciprocal rank, nDCG, recall of 1 and of 10, and 1 (predictions, 5)."""
        gold = beside(predictions, rows)["relevant"].to_list()
        of_queries = [
            (*ranking.worth(ranking.order(prediction), relevance.grades(relevant)), 1.0)
            for prediction, relevant in zip(predictions.iter_rows(named=True), gold, strict=True)
        ]
        return np.array(of_queries, dtype=np.float64).reshape(-1, 5)

    def own_metrics(self, totals: np.ndarray) -> dict[str, np.ndarray]:
        count = np.maximum(totals[..., -1], 1.0)
        names = ("mrr_at_10", "ndcg_at_10", "recall_at_1", "recall_at_10")
        return {name: totals[..., at] / count for at, name in enumerate(names)}

    def details(self, rows: pl.DataFrame, predictions: pl.DataFrame) -> dict[str, Any]:
        """`worst`: the queries whose best relevant passage lies lowest, with it and what was found instead."""
        return {"worst": ranking.worst(rows, predictions)}

    # ---- without learning

    def modes(self, decoder: bool) -> frozenset[str]:
        return super().modes(decoder) | {"zero_shot", "hybrid"}

    def ask(self, asked: Asked) -> tuple[list[Text], list[np.ndarray]]:
        """Vectors of a model that reads both ways; of a causal one, how likely the query is after each passage."""
        from models.downstream.retrieval.query_likelihood import query_likelihoods
        from models.inference.states import ask_untrained

        return query_likelihoods(asked) if asked.decoder else ask_untrained(asked, self)

    # ---- the cheap classical method

    def fit_baseline(self, train: pl.DataFrame, validation: pl.DataFrame, seed: int) -> Baseline:
        tried = [Bm25(unit) for unit in get_args(Unit)]
        return max(tried, key=lambda item: self.worth(validation, item.predict(validation)))

    def load_baseline(self, folder: Path) -> Baseline:
        return Bm25.load(folder)
