"""How likely a pretrained model finds pieces of text: in blanks that it fills, or as the continuation of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import log_softmax
from transformers import PreTrainedModel

from models.backbone.vocabulary_scores import NO_TARGET, target_logits
from models.interfaces.features import padded

BATCH_TOKENS = 8192
"""Tokens of a batch, padding included."""


@dataclass(frozen=True)
class Blank:
    """A text with a blank, and what may stand in it.

    Attributes:
        ids: tokens of the text.
        at: places whose outputs say the blank's tokens: those of the mask tokens, or each the one before in a text that
            a causal model reads.
        candidates: (candidates, len(at)) tokens that may stand there.
    """

    ids: list[int]
    at: list[int]
    candidates: list[list[int]]


def filled(
    model: PreTrainedModel,
    blanks: Sequence[Blank],
    padding: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[np.ndarray]:
    """For each blank the mean log-probability of a token of each candidate (candidates,)."""
    likelihoods: dict[int, np.ndarray] = {}
    order = sorted(range(len(blanks)), key=lambda number: len(blanks[number].ids))
    model.eval()
    while len(likelihoods) < len(order):
        chosen = _fitting(blanks, order[len(likelihoods) :])
        texts = [blanks[number].ids for number in chosen]
        targets = padded([_targets(blanks[number]) for number in chosen], NO_TARGET)
        batch = {
            "input_ids": padded(texts, padding),
            "attention_mask": padded([[1] * len(ids) for ids in texts], 0),
            "targets": targets,
        }
        with torch.inference_mode():
            logits = target_logits(model, {name: tensor.to(model.device) for name, tensor in batch.items()})
            scores = log_softmax(logits.float(), dim=-1).cpu()
        place = 0
        for number in chosen:
            blank = blanks[number]
            own = scores[place : place + len(blank.at)]
            place += len(blank.at)
            tokens = torch.tensor(blank.candidates)
            likelihoods[number] = own[torch.arange(len(own)), tokens].mean(dim=1).double().numpy()
        on_progress(len(likelihoods), len(order))
    return [likelihoods[number] for number in range(len(blanks))]


def _fitting(blanks: Sequence[Blank], order: Sequence[int]) -> list[int]:
    """As many of the next blanks, which grow in length, as a batch holds; one at least."""
    count = 1
    while count < len(order) and (count + 1) * len(blanks[order[count]].ids) <= BATCH_TOKENS:
        count += 1
    return list(order[:count])


def _targets(blank: Blank) -> list[int]:
    """Marks the places that are asked; what stands there does not matter."""
    marks = [NO_TARGET] * len(blank.ids)
    for place in blank.at:
        marks[place] = 0
    return marks


def continued(model: PreTrainedModel, prefix: list[int], candidates: Sequence[list[int]]) -> np.ndarray:
    """Log-probability (candidates,) of each candidate's tokens, in sum, after `prefix`, which is read once."""
    from transformers import DynamicCache

    model.eval()
    sums = np.empty(len(candidates))
    order = np.argsort([len(ids) for ids in candidates], kind="stable")
    most = max(1, BATCH_TOKENS // (len(prefix) + max(map(len, candidates))))
    with torch.inference_mode():
        start = model(torch.tensor([prefix], device=model.device), use_cache=True)
        first = log_softmax(start.logits[0, -1].float(), dim=-1)
        for begin in range(0, len(order), most):
            chosen = order[begin : begin + most]
            ids = padded([candidates[number] for number in chosen], 0).to(model.device)
            cache = DynamicCache(config=model.config)
            for layer, (keys, values) in enumerate(_layers(start.past_key_values)):
                cache.update(
                    keys.expand(len(chosen), -1, -1, -1), values.expand(len(chosen), -1, -1, -1), layer
                )
            lengths = torch.tensor([len(candidates[number]) for number in chosen], device=model.device)
            sums[chosen] = (first[ids[:, 0]] + _rest(model, ids, lengths, cache)).double().cpu().numpy()
    return sums


def _layers(cache: object) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of each layer (1, heads, tokens, width)."""
    return [(layer.keys, layer.values) for layer in cache.layers]  # type: ignore[attr-defined]


def _rest(model: PreTrainedModel, ids: Tensor, lengths: Tensor, cache: object) -> Tensor:
    """Log-probability (candidates,) of the second token and those after it."""
    if ids.shape[1] == 1:
        return torch.zeros(len(ids), device=ids.device)
    logits = model(ids[:, :-1], past_key_values=cache).logits
    each = log_softmax(logits.float(), dim=-1).gather(2, ids[:, 1:, None])[..., 0]
    inside = torch.arange(1, ids.shape[1], device=ids.device) < lengths[:, None]
    return (each * inside).sum(dim=1)
