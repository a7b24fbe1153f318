"""What sentence-transformers needs beside the weights to load a model of text vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.backbone.embedding import Pooling

# The library itself writes these files only with the weights and the tokenizer, of a model it has loaded.
_LIBRARY = "sentence_transformers"
_STEPS = {
    "": f"{_LIBRARY}.base.modules.transformer.Transformer",
    "1_Pooling": f"{_LIBRARY}.sentence_transformer.modules.pooling.Pooling",
    "2_Normalize": f"{_LIBRARY}.base.modules.normalize.Normalize",
}


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
