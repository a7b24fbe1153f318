"""Texts as vectors of length 1: how a model gives them, how it learns them, and how others load the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Pooling = Literal["mean", "cls"]
"""Whether a text's vector is the mean over all its tokens or that of the first."""

_LIBRARY = "sentence_transformers"
_STEPS = {
    "": f"{_LIBRARY}.base.modules.transformer.Transformer",
    "1_Pooling": f"{_LIBRARY}.sentence_transformer.modules.pooling.Pooling",
    "2_Normalize": f"{_LIBRARY}.base.modules.normalize.Normalize",
}


def vectors(model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor, pooling: Pooling) -> Tensor:
    """(texts, width), each of length 1, of token ids and mask (texts, longest)."""
    from torch.nn.functional import normalize

    states = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    if pooling == "cls":
        return normalize(states[:, 0], dim=-1)
    # A sum does for the mean: its length goes in any case.
    return normalize((states * attention_mask.unsqueeze(-1)).sum(dim=1), dim=-1)


def bare(model: PreTrainedModel) -> None:
    """Takes off Bert's layer on top of the first token, which no vector passes through and no gradient reaches."""
    if getattr(model, "pooler", None) is not None:
        setattr(model, "pooler", None)  # noqa: B010, as a module is what may be assigned


def export(folder: Path, pooling: Pooling, query: tuple[str, int], passage: tuple[str, int]) -> None:
    """Writes beside the weights in `folder` what `SentenceTransformer(folder)` of sentence-transformers 6 needs.

    `encode_query` and `encode_document` then give the vectors that `vectors` gives.

    Args:
        query: what is put before each query, and its longest length in tokens; `passage` likewise.
    """
    from transformers import AutoConfig

    width = AutoConfig.from_pretrained(folder).hidden_size
    lengths = {"max_seq_length": passage[1], "query_length": query[1], "document_length": passage[1]}
    files: dict[str, Any] = {
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": step}
            for number, (path, step) in enumerate(_STEPS.items())
        ],
        "sentence_bert_config.json": lengths,
        "1_Pooling/config.json": {"embedding_dimension": width, "pooling_mode": pooling},
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "model_type": "SentenceTransformer",
            "prompts": {"query": query[0], "document": passage[0]},
            "similarity_fn_name": "cosine",
        },
    }
    for name, value in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
