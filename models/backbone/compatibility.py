"""Whether a model that is brought along can be used with the tokenizer, objective and downstreams it is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from models import weights
from models.errors import DataError, RecipeError
from models.pretrained import is_decoder, settings


def check(source: str, tokenizer: str | None) -> None:
    """Refuse what could not be carried over, before anything runs.

    Args:
        source: folder or hub id of a model.
        tokenizer: folder or hub id of the tokenizer it is to be used with; None: one that is yet to be trained.

    Raises:
        RecipeError: no class of transformers is for its architecture, weights are missing or of another library, or the
            tokenizer is not the one the model was pretrained with.
    """
    known = settings(source)
    _check_architecture(source, known)
    if Path(source).is_dir():
        try:
            weights.files(Path(source))
        except DataError as error:
            raise RecipeError(str(error)) from error
    if tokenizer is None:
        raise RecipeError(
            f"a new tokenizer does not fit {source}, whose embeddings are of the tokens it was pretrained with: "
            "set tokenizer.pretrained to the same place"
        )
    theirs = _vocabulary(tokenizer)
    size = known.get("vocab_size")
    if size is not None and max(theirs.values()) >= size:
        raise RecipeError(
            f"the tokenizer of {tokenizer}, with ids up to {max(theirs.values()):,}, does not fit {source}, which has "
            f"{size:,} embeddings: set tokenizer.pretrained to the same place"
        )
    if tokenizer == source or not (Path(source) / "tokenizer.json").is_file():
        return
    own = _vocabulary(source)
    other = next((token for token, number in theirs.items() if own.get(token) != number), None)
    if other is not None:
        raise RecipeError(
            f"the tokenizer of {tokenizer} does not fit {source}: '{other}' has id {theirs[other]} in the one and "
            f"{own.get(other, 'none')} in the other; set tokenizer.pretrained to the same place"
        )


def check_head(source: str, model_class: str, what: str) -> None:
    """
    Args:
        model_class: an `AutoModelFor…` class of transformers.
        what: the downstream or the objective that wants it.

    Raises:
        RecipeError: the architecture of a folder or hub id has no such head, or reads the other way.
    """
    if model_class in ("AutoModelForCausalLM", "AutoModelForMaskedLM"):
        causal = model_class == "AutoModelForCausalLM"
        if causal != is_decoder(source):
            ways = ("from left to right", "the whole text at once")
            raise RecipeError(
                f"{what} needs a model that reads {ways[not causal]}, and {source} ({_kind(source)}) reads "
                f"{ways[causal]}: name another model"
            )
    if _kind(source) not in architectures(model_class):
        raise RecipeError(
            f"{what} needs {model_class}, which transformers does not have for {_kind(source)}, the architecture of "
            f"{source}: name another model, or another downstream"
        )


def _check_architecture(source: str, known: dict[str, Any]) -> None:
    kind = known.get("model_type")
    if known.get("is_encoder_decoder"):
        raise RecipeError(
            f"{source} ({kind}) reads with an encoder and writes with a decoder, for which there is no downstream: "
            "take an encoder such as bert, or a decoder such as gpt2"
        )
    if kind in architectures("AutoModel"):
        return
    if "auto_map" in known:
        raise RecipeError(
            f"{source} brings an architecture of its own ({kind or 'unnamed'}) as code, which is never run: take a "
            "model whose architecture transformers has a class for, or convert it to one where you trust its code"
        )
    if kind is None:
        raise RecipeError(f"{source}/config.json names no model_type, such as bert or gpt2: add it")
    raise RecipeError(
        f"{source} is of architecture '{kind}', which this version of transformers has no language model for: take "
        "another model"
    )


def _kind(source: str) -> str:
    return str(settings(source).get("model_type"))


def architectures(model_class: str) -> frozenset[str]:
    """The architectures for which transformers has an `AutoModelFor…` class."""
    from transformers.models.auto import modeling_auto

    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", model_class.removeprefix("Auto")).upper()
    return frozenset(vars(modeling_auto)[f"{name}_MAPPING_NAMES"])


def _vocabulary(source: str) -> dict[str, int]:
    from models.tokens.tokenizer import load_tokenizer

    try:
        return load_tokenizer(source).get_vocab()
    except DataError as error:
        raise RecipeError(str(error)) from error
