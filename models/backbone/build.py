"""Models: from a preset with fresh weights, or from a folder or hub id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.backbone import presets
from models.backbone.config import ModelConfig
from models.errors import DataError
from models.seeds import derive
from models.tokens.special import token_id

if TYPE_CHECKING:  # torch and transformers take seconds to import, and recipes load this module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def build(
    config: ModelConfig, tokenizer: PreTrainedTokenizerBase, model_class: str, seed: int, **settings: Any
) -> PreTrainedModel:
    """A model with its head, in float32: from a preset, or from where `config.pretrained` says.

    Args:
        model_class: an `AutoModelFor…` class of transformers.
        seed: of the fresh weights (all of a preset, the head of a pretrained one if it has none).
        settings: go into the model's own configuration, e.g. `num_labels=3`.

    Raises:
        DataError: the checkpoint cannot be read, or the tokenizer does not fit it.
    """
    import transformers

    if config.pretrained is not None:
        return load(config.pretrained, tokenizer, model_class, seed, **settings)
    architecture = presets.architecture(config)
    for name, value in (_token_ids(tokenizer) | settings).items():
        setattr(architecture, name, value)
    with seeded(seed):
        return getattr(transformers, model_class).from_config(architecture, attn_implementation="sdpa")


def load(
    source: str | Path, tokenizer: PreTrainedTokenizerBase, model_class: str, seed: int, **settings: Any
) -> PreTrainedModel:
    """A model from a folder or hub id, in float32, with a fresh head where it has none; arguments as in `build`."""
    import torch
    import transformers

    try:
        with seeded(seed):
            model = getattr(transformers, model_class).from_pretrained(
                str(source),
                dtype=torch.float32,
                attn_implementation="sdpa",
                trust_remote_code=False,
                use_safetensors=True,  # other formats may hold code
                **settings,
            )
    except (OSError, ValueError) as error:
        raise DataError(f"no model can be read from {source}: {str(error).splitlines()[0]}") from error
    size = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > size:
        raise DataError(
            f"the tokenizer's {len(tokenizer):,} tokens do not fit the {size:,} embeddings of {source}: "
            "set tokenizer.pretrained to the same place"
        )
    return model


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Fresh weights are a function of `seed`; the caller's random state is left as it was."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "weights"))
        yield


def _token_ids(tokenizer: PreTrainedTokenizerBase) -> dict[str, int | None]:
    first, last = token_id(tokenizer, "cls"), token_id(tokenizer, "sep")
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": token_id(tokenizer, "pad"),
        "cls_token_id": first,
        "sep_token_id": last,
        "bos_token_id": first,
        "eos_token_id": last,
    }
