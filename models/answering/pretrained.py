"""A pretrained model as it answers by itself, from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.answering.request import Speaker
from models.errors import DataError


def load(folder: Path) -> Speaker[Any]:
    """The model in `folder`, or in `model` below it, by what it can: go on with a text, fill in blanks, give a vector.

    Raises:
        DataError: `folder` holds no such model.
    """
    from models.answering.blanks import Blanks
    from models.answering.continuing import Continuing
    from models.answering.vectors import Vectors
    from models.backbone.as_pretrained import as_pretrained
    from models.tokens.tokenizer import load_tokenizer
    from models.training.hardware import hardware

    place = folder / "model" if (folder / "model").is_dir() else folder
    if not (place / "config.json").is_file():
        raise DataError(f"{folder} holds no model: there is no config.json in it")
    tokenizer = load_tokenizer(place)
    model, decoder = as_pretrained(place)
    model = model.to(hardware("auto").device)
    if decoder:
        return Continuing(model, tokenizer)
    words = model.get_output_embeddings() is not None and tokenizer.mask_token_id is not None
    return (Blanks if words else Vectors)(model, tokenizer)
