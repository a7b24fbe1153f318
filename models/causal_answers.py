"""What a causal model answers without learning: the likeliest span, the passage that makes a query likeliest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from models.backbone.config import positions
from models.backbone.vocabulary_scores import NO_TARGET
from models.inference.inputs import Inputs, outputs
from models.prompting import prompts
from models.prompting.likelihood import continued
from models.tokens.tokenizer import frame

SURE = 20.0
"""Logit of a piece that is certain."""

if TYPE_CHECKING:
    from models.interfaces.asked import Asked
    from models.interfaces.downstream import Downstream
    from models.interfaces.features import Feature


def queries(downstream: Downstream, asked: Asked) -> tuple[list[Feature], list[np.ndarray]]:
    """For retrieval: how likely each query is after each passage.

    D. Sachan et al., Improving Passage Retrieval with Zero-Shot Question Generation (EMNLP 2022). Outputs are such that
    the product of a query's with a passage's is the mean log-probability of the query's tokens.
    """
    begin, end = frame(asked.tokenizer)
    rows = asked.rows
    passages, wanted = (rows.filter(pl.col("passage") == side) for side in (True, False))
    room = _room(asked)
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


def spans(
    asked: Asked, features: list[Feature], longest_answer: int
) -> tuple[list[Feature], list[np.ndarray]]:
    """For question answering: which piece of the context, of whole words, the model most likely goes on with.

    Outputs are logits of each window's tokens that point to the best piece alone, the higher the likelier it is.

    Args:
        features: windows of the rows, from `spans.windows`.
        longest_answer: characters of an answer.
    """
    end = frame(asked.tokenizer)[1]
    shown = [_example(asked, row, end) for row in asked.demonstrations.iter_rows(named=True)]
    rows = asked.rows.select("question", "context").rows()
    outputs: list[np.ndarray] = []
    for number, feature in enumerate(features):
        question, context = rows[feature["row"]]
        offsets = feature["offsets"]
        pieces = _pieces(context, offsets, longest_answer)
        logits = np.zeros((len(feature["input_ids"]), 2))
        if pieces:
            texts = [context[offsets[first][0] : offsets[last][1]] for first, last in pieces]
            window = context[offsets[0][0] : offsets[-1][1]]
            scores = _said(asked, shown, window, question, texts)
            best = int(scores.argmax())
            chance = np.exp(scores[best] - np.logaddexp.reduce(scores))
            first, last = (feature["first"] + place for place in pieces[best])
            logits[first, 0] = logits[last, 1] = SURE + np.log(max(chance, 1e-9))
            logits[first, 0] += scores[best]  # what tells windows apart is how likely their answers are
        outputs.append(logits)
        asked.on_progress(number + 1, len(features))
    return features, outputs


def _said(
    asked: Asked, shown: list[list[int]], context: str, question: str, answers: list[str]
) -> np.ndarray:
    """Mean log-probability of a token of each answer, after demonstrations, the context and the question."""
    begin, end = frame(asked.tokenizer)
    said = [[*ids, end] for ids in prompts.tokens(asked.tokenizer, answers)]
    longest = max(map(len, said))
    told, asks = prompts.tokens(asked.tokenizer, [context, question])
    told = told[: max(1, _room(asked) - longest - len(asks) - len(begin) - 2)]
    own = [*told, end, *asks, end]
    before = prompts.fitted(shown, len(begin) + len(own) + longest, _room(asked), asked.dropped)
    prefix = [*begin, *(token for ids in before for token in ids), *own]
    return continued(asked.model, prefix, said) / [len(ids) for ids in said]


def show(asked: Asked, shown: list[Feature], features: list[Feature], longest: int) -> None:
    """For generation: puts demonstrations, as many as fit, before each prompt.

    Args:
        shown: labelled features of the demonstrations.
        features: of the rows; each is changed.
        longest: tokens of an answer.
    """
    begin = frame(asked.tokenizer)[0]
    told = [feature["input_ids"][len(begin) :] for feature in shown]
    for feature in features:
        size = max(len(feature["input_ids"]), feature["prompt_length"] + longest)
        kept = [token for ids in prompts.fitted(told, size, _room(asked), asked.dropped) for token in ids]
        ids = feature["input_ids"]
        feature["input_ids"] = [*begin, *kept, *ids[len(begin) :]]
        feature["prompt_length"] += len(kept)
        if "targets" in feature:
            feature["targets"] = [NO_TARGET] * len(kept) + feature["targets"]


def answers(asked: Asked, downstream: Downstream, features: list[Feature]) -> list[np.ndarray]:
    """What the downstream makes of each prompt."""
    inputs = Inputs(downstream, asked.tokenizer, asked.rows, asked.labelled, features)
    return outputs(asked.model, inputs, on_progress=asked.on_progress)[0]


def _room(asked: Asked) -> int:
    """Tokens that the model can read."""
    return positions(asked.model.config.to_dict()) or 512


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
