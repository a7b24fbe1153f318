"""Hard negatives: passages that look like the answer to a training query, and are not.

Karpukhin et al., Dense Passage Retrieval for Open-Domain Question Answering (2020), take them from BM25; Xiong et al.,
Approximate Nearest Neighbor Negative Contrastive Learning (2021), from the model itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from models.downstream.retrieval.relevance import Text
from models.late import np

Negatives = Literal["in_batch", "bm25", "model"]
"""Who finds them: nobody, BM25, or the model before it learns."""


def candidates(queries: Collection[Text]) -> list[Text]:
    """Passages that labelled queries of a batch are compared with: the positive of each, then the hard ones of all."""
    positives = [query.positive for query in queries if query.positive]
    known = {passage.content for passage in positives}
    others = (item for query in queries for item in query.against if isinstance(item, Text))
    hard = {passage.content: passage for passage in others if passage.content not in known}
    return [*positives, *hard.values()]


def hard_negatives(
    features: Sequence[Text], scores: Iterable[np.ndarray], count: int, ranks: tuple[int, int], seed: int
) -> list[list[int]]:
    """For each feature the numbers of `count` passages that are no answer to it; none for passages themselves.

    Args:
        features: queries with what is `wanted`, and passages.
        scores: of each query, in order: how well each passage (passages,), in order, fits it.
        ranks: the first and the last place, among the wrong passages by score, that they are drawn from.
    """
    generator = np.random.default_rng(seed)
    passages = np.array([number for number, feature in enumerate(features) if feature.pool])
    contents = np.array([features[number].content for number in passages])
    _, first = np.unique(contents, return_index=True)  # one of those that say the same
    once = np.isin(np.arange(len(passages)), first)
    found: list[list[int]] = [[] for _ in features]
    queries = (number for number, feature in enumerate(features) if not feature.pool)
    for number, values in zip(queries, scores, strict=True):
        wrong = np.flatnonzero(once & ~np.isin(contents, list(features[number].wanted)))
        best = wrong[np.argsort(-values[wrong], kind="stable")][ranks[0] - 1 : ranks[1]]
        drawn = generator.choice(best, size=min(count, len(best)), replace=False)
        found[number] = passages[drawn].tolist()
    return found
