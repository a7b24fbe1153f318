"""Batches of a sample of the corpus, shaped as a pretraining's are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import DataError
from models.interfaces.objective import Vocabulary
from models.pretraining.buckets import Buckets
from models.pretraining.pretrain import PretrainConfig
from models.tokens.packing import EncodeConfig, pack
from models.tokens.special import frame, token_id
from models.tokens.tokenizer import backend_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST = 24
"""Batches that are made; training goes round them."""


def pieces(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, config: EncodeConfig) -> list[list[int]]:
    """Framed documents, cut and joined as `config` says.

    Raises:
        DataError: no text has a token.
    """
    (first, *_), last = frame(tokenizer)
    room, found = config.sequence_length - 2, list[list[int]]()
    for encoding in backend_of(tokenizer).encode_batch_fast(list(texts), add_special_tokens=False):
        ids = encoding.ids
        found += [[first, *ids[start : start + room], last] for start in range(0, len(ids), room)]
    if not found:
        raise DataError("the corpus's sample holds no text")
    if config.across_documents:
        rows = pack(map(len, found), config.sequence_length)
        return [[token for piece in row for token in found[piece]] for row in rows]
    return found


def batches(
    config: PretrainConfig, documents: Sequence[list[int]], tokenizer: PreTrainedTokenizerBase
) -> list[dict[str, Any]]:
    """Inputs and targets, of documents of about one length each, as pretraining puts them together."""
    import torch

    ids = np.concatenate([np.array(item) for item in documents])
    special = sorted(set(tokenizer.all_special_ids) - {token_id(tokenizer, "unk")})
    counts = torch.from_numpy(np.bincount(ids, minlength=len(tokenizer)))
    counts[special] = 0
    vocabulary = Vocabulary(torch.tensor(special), token_id(tokenizer, "mask"), counts)
    buckets = Buckets(np.array([len(item) for item in documents]), config.train.batch_tokens, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    found = []
    for step in range(min(MOST, len(buckets))):
        chosen = [documents[at] for at in buckets.documents(step)]
        longest = max(map(len, chosen))
        inputs = {"input_ids": torch.tensor([item + item[-1:] * (longest - len(item)) for item in chosen])}
        if any(len(item) < longest for item in chosen):
            mask = [[1] * len(item) + [0] * (longest - len(item)) for item in chosen]
            inputs["attention_mask"] = torch.tensor(mask)
        found.append(config.objective.batch(inputs, vocabulary, generator))
    return found
