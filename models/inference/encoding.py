"""Model inputs of rows, made once for all models that read them alike."""

import hashlib
from copy import copy
from typing import Any

import numpy as np
import polars as pl
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from models.interfaces.downstream import Downstream, F
from models.memo import MEMO

_BYTES, _TOKEN_BYTES = 1000, 40
"""About what an input takes of the memory, and each of its tokens."""


def encoded_once(
    downstream: Downstream[F], tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool
) -> list[F]:
    """What the downstream's `encode` gives. Who has it may change the fields of an input, not what is in them."""
    if not MEMO.room:
        return downstream.encode(tokenizer, rows, labelled)
    backend = _backend(tokenizer)

    def encode() -> tuple[list[F], dict[str, Any] | None]:
        return downstream.encode(tokenizer, rows, labelled), backend.truncation

    how = downstream.model_dump_json(exclude=set(downstream.decoded_by))
    key = ("inputs", type(downstream), how, _words(tokenizer), _digest(rows), labelled)
    made, truncation = MEMO.once(key, encode, lambda made: _size(made[0]))
    _truncate(backend, truncation)  # a tokenizer is saved as it was asked last
    return [copy(feature) for feature in made]


def _backend(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """The Rust tokenizer inside."""
    found = getattr(tokenizer, "backend_tokenizer", None)
    assert isinstance(found, Tokenizer), "tokenizers are fast ones"
    return found


def _words(tokenizer: PreTrainedTokenizerBase) -> tuple[object, ...]:
    """What tells a tokenizer from others, however it was asked last."""
    settings = tokenizer.model_input_names, tokenizer.padding_side, tokenizer.truncation_side
    backend = _backend(tokenizer)
    truncation = backend.truncation
    _truncate(backend, None)
    text = backend.to_str()
    _truncate(backend, truncation)
    return str(settings), hashlib.sha256(text.encode()).digest()


def _truncate(backend: Tokenizer, how: dict[str, Any] | None) -> None:
    if how is None:
        backend.no_truncation()
    else:
        backend.enable_truncation(**how)


def _digest(rows: pl.DataFrame) -> bytes:
    return hashlib.sha256(rows.write_ipc(None, compat_level=None).getvalue()).digest()


def _size(made: list[F]) -> int:
    arrays = (value.nbytes for item in made for value in vars(item).values() if isinstance(value, np.ndarray))
    return sum(_BYTES + _TOKEN_BYTES * item.length for item in made) + sum(arrays)
