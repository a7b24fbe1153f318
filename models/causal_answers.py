"""What a causal model answers without learning: the likeliest span, the passage that makes a query likeliest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models import backbone, prompts
from models.likelihood import continued
from models.tokenization import frame

if TYPE_CHECKING:
    from models.downstream import Asked, Downstream, Feature


def queries(downstream: Downstream, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
    """For retrieval: how likely each query is after each passage.

    D. Sachan et al., Improving Passage Retrieval with Zero-Shot Question Generation (EMNLP 2022). Outputs are such that
    the product of a query's with a passage's is the mean log-probability of the query's tokens.
    """
    begin, end = frame(asked.tokenizer)
    rows = asked.rows
    passages, wanted = (rows.filter(pl.col("passage") == side) for side in (True, False))
    room = backbone.positions(asked.model.config.to_dict()) or 512
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


def spans(downstream: Any, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
    """For question answering: which piece of the context, of whole words, the model most likely goes on with.

    Outputs are logits of each window's tokens that point to the best piece alone.
    """
    begin, end = frame(asked.tokenizer)
    shown = [_example(asked, row, end) for row in asked.demonstrations.iter_rows(named=True)]
    features = downstream.encode(asked.tokenizer, asked.rows, False)
    room = backbone.positions(asked.model.config.to_dict()) or 512
    outputs: list[np.ndarray] = []
    rows = asked.rows.select("question", "context").rows()
    for number, feature in enumerate(features):
        question, context = rows[feature["row"]]
        logits = np.zeros((len(feature["input_ids"]), 2))
        pieces = _pieces(context, feature["offsets"], downstream.max_answer)
        if pieces:
            texts = [context[feature["offsets"][a][0] : feature["offsets"][b][1]] for a, b in pieces]
            said = [[*ids, end] for ids in prompts.tokens(asked.tokenizer, texts)]
            longest = max(map(len, said))
            window = context[feature["offsets"][0][0] : feature["offsets"][-1][1]]
            told, asks = prompts.tokens(asked.tokenizer, [window, question])
            told = told[: max(1, room - longest - len(asks) - len(begin) - 2)]
            own = [*told, end, *asks, end]
            before = prompts.fitted(shown, len(begin) + len(own) + longest, room, asked.dropped)
            prefix = [*begin, *(token for ids in before for token in ids), *own]
            scores = continued(asked.model, prefix, said) / [len(ids) for ids in said]
            best = int(scores.argmax())
            start, stop = pieces[best]
            chance = np.exp(scores[best] - np.logaddexp.reduce(scores))
            height = np.log(max(chance, 1e-9)) + 20.0
            logits[feature["first"] + start, 0] = logits[feature["first"] + stop, 1] = height
            # What tells windows apart is how likely their answers are.
            logits[feature["first"] + start, 0] += float(scores[best])
        outputs.append(logits)
        asked.on_progress(number + 1, len(features))
    return features, outputs


def _example(asked: Asked, row: dict[str, Any], end: int) -> list[int]:
    parts = prompts.tokens(asked.tokenizer, [row["context"], row["question"], row["answers"][0]["text"]])
    return [token for ids in parts for token in (*ids, end)]


def _pieces(context: str, offsets: np.ndarray, longest: int, most_words: int = 4) -> list[tuple[int, int]]:
    """First and last token of every piece of up to `most_words` whole words, and of these without a word's last token,
    which in Korean is often a particle."""
    starts = [
        at for at, (begin, _) in enumerate(offsets) if at == 0 or begin == 0 or context[begin - 1].isspace()
    ]
    ends = [at - 1 for at in starts[1:]] + [len(offsets) - 1]
    found = set()
    for word, first in enumerate(starts):
        for last in ends[word : word + most_words]:
            for stop in (last, last - 1):
                if stop >= first and offsets[stop][1] - offsets[first][0] <= longest:
                    found.add((first, stop))
    return sorted(found)
