"""How likely a causal model, which has not learnt retrieval, finds a query after each passage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from models.prompting import prompts
from models.prompting.likelihood import continued
from models.tokens.special import frame

if TYPE_CHECKING:
    from models.interfaces.asked import Asked
    from models.interfaces.features import Feature


def query_likelihoods(asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
    """Features and outputs of queries and passages, in the order of the rows.

    Outputs are such that the product of a query's with a passage's is the mean log-probability of the query's tokens
    after the passage's (D. Sachan et al., Improving Passage Retrieval with Zero-Shot Question Generation, EMNLP 2022).
    """
    begin, end = frame(asked.tokenizer)
    rows = asked.rows
    passages, wanted = (rows.filter(pl.col("passage") == side) for side in (True, False))
    room = prompts.room(asked.model)
    asks = [[*ids, end] for ids in prompts.tokens(asked.tokenizer, wanted["text"].to_list())]
    longest = max(map(len, asks))
    found = np.empty((wanted.height, passages.height))
    sizes = np.array([len(ids) for ids in asks])
    for number, ids in enumerate(prompts.tokens(asked.tokenizer, passages["text"].to_list())):
        prefix = [*begin, *ids[: room - longest - len(begin) - 1], end]
        found[:, number] = continued(asked.model, prefix, asks) / sizes
        asked.on_progress(number + 1, passages.height)
    features: list[Feature] = [{"row": row, "input_ids": []} for row in range(rows.height)]
    outputs: list[np.ndarray] = []
    passage = query = 0
    for is_passage in rows["passage"]:
        if is_passage:
            outputs.append(np.eye(1, passages.height, passage)[0])
            passage += 1
        else:
            outputs.append(found[query])
            query += 1
    return features, outputs
