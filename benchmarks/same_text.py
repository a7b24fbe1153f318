"""The text that both sides of `pretrain.py` learn from, and what they are asked of text that neither has seen."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from models.demo_world import dirt
from models.demo_world.world import World
from models.pretraining.batches import Batches, vocabulary_of
from models.pretraining.pretrain import held_out_loss
from models.tokens import packing, tokenizer_training
from models.tokens.documents import Documents, read
from models.tokens.tokenizer import TokenizerConfig, wrap
from models.upstream.mlm import MaskedLanguageModelling

LENGTH = packing.EncodeConfig().sequence_length
HELD_OUT = 4000
"""Texts."""
ASKED = MaskedLanguageModelling(mask_rate=0.15, keep_rate=0.0)
"""What is asked: tokens that are all hidden, which either side has learnt to say."""


@dataclass(frozen=True)
class SameText:
    """Texts, what makes tokens of them, and their tokens."""

    tokenizer: PreTrainedTokenizerBase
    texts: Sequence[str]
    train: Documents
    held_out: Mapping[str, Documents]
    """By how they are read: `alone`, or one after the other `in rows`."""

    def losses(self, model: PreTrainedModel) -> dict[str, float]:
        """Mean loss of a held-out token in nats, over the whole vocabulary, by how texts are read."""
        model.eval()
        vocabulary, found = vocabulary_of(self.train, self.tokenizer), {}
        for name, documents in self.held_out.items():
            made = Batches(ASKED, documents, vocabulary, 4096, seed=1)
            with torch.inference_mode():
                batches = [made.at(step) for step in range(len(made))]
                found[name] = held_out_loss(model, ASKED, batches, documents.size)["loss"]
        return found


def prepared(corpus: Path | None, tokenizer: Mapping[str, Any], folder: Path) -> SameText:
    """The `text` of a folder's `*.jsonl.gz`, or of the invented world; each once, in random order, some held out."""
    found = list(dict.fromkeys(_invented() if corpus is None else _read(corpus)))
    random.Random(1).shuffle(found)
    held = min(HELD_OUT, len(found) // 10)
    own, others = found[held:], found[:held]
    made = wrap(tokenizer_training.train(TokenizerConfig.model_validate(tokenizer), lambda: _batches(own)))
    train, alone = (
        _encoded(texts, made, folder / f"{name}.arrow")
        for name, texts in (("train", own), ("held_out", others))
    )
    return SameText(made, own, train, {"alone": alone, "in rows": _in_rows(alone)})


def _invented(documents: int = 6000) -> Iterator[str]:
    made = dirt.corpus(World(1), 1, documents)
    return (text for text in made if text and text.strip(" {"))


def _read(corpus: Path) -> Iterator[str]:
    for path in sorted(corpus.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    return (list(texts[start : start + 1024]) for start in range(0, len(texts), 1024))


def _encoded(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, path: Path) -> Documents:
    packing.write(_batches(texts), tokenizer, packing.EncodeConfig(), path)
    return read([(path, np.arange(len(texts)))])


def _in_rows(documents: Documents) -> Documents:
    """Documents one after the other, cut into rows of one length, as `group_texts` does."""
    ids = documents.ids(np.arange(len(documents)))
    rows = len(ids) // LENGTH
    sizes, starts = np.full((rows, 2), LENGTH, np.int32), np.arange(rows, dtype=np.int64) * LENGTH
    return Documents.apart([ids], np.zeros(rows, np.int32), starts, sizes)
