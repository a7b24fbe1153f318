"""Models: from a preset with fresh weights, or from a folder or hub id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import weights
from models.backbone import presets
from models.backbone.config import ModelConfig
from models.errors import DataError
from models.pretrained import readable
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

    kind = getattr(transformers, model_class)
    options = {"dtype": torch.float32, "trust_remote_code": False, "output_loading_info": True, **settings}
    options["use_safetensors"] = True  # other formats may hold code
    try:
        with seeded(seed), readable(str(source)) as place:
            model, loading = kind.from_pretrained(place, **options)
            if renamed := _renamed(model, loading["missing_keys"], Path(place)):
                model, loading = kind.from_pretrained(place, key_mapping=renamed, **options)
    except (OSError, ValueError) as error:
        raise DataError(f"no model can be read from {source}: {str(error).splitlines()[0]}") from error
    check_whole(model, loading["missing_keys"], source)
    size, most = model.get_input_embeddings().num_embeddings, max(tokenizer.get_vocab().values(), default=0)
    if most >= size:
        raise DataError(
            f"the tokenizer's {len(tokenizer):,} tokens do not fit the {size:,} embeddings of {source}: "
            "set tokenizer.pretrained to the same place"
        )
    pad(model, tokenizer)
    return model


def pad(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Tells a model that knows of no padding what the tokenizer pads with: a head looks for a text's last token."""
    known = model.config.pad_token_id
    if known is None or known < 0:
        model.config.pad_token_id = token_id(tokenizer, "pad")


_ENOUGH = 0.5
"""Share of a model's own weights that a checkpoint has; one that has less is of another architecture."""


def check_whole(model: PreTrainedModel, missing: Iterable[str], source: str | Path) -> None:
    """Refuses a checkpoint whose names mean nothing to the architecture that its config.json names.

    `transformers` would draw what is missing at random. A head may be missing, and a layer on top of the first token.

    Raises:
        DataError: most of the model's own weights are `missing`.
    """
    inner, lost = _lost(model, missing)
    if len(lost) > (1 - _ENOUGH) * inner:
        raise DataError(
            f"no model can be read from {source}: its weights lack {len(lost)} of the {inner} that a "
            f"{model.config.model_type} has, {min(lost)} among them, so they are of another architecture"
        )


def _lost(model: PreTrainedModel, missing: Iterable[str]) -> tuple[int, set[str]]:
    """How many weights the model has without a head, and the names of those that are missing."""
    prefix = "" if model.base_model is model else f"{model.base_model_prefix}."
    inner = {name for name, _ in model.base_model.named_parameters()}
    return len(inner), {name.removeprefix(prefix) for name in missing} & inner


def _renamed(model: PreTrainedModel, missing: Iterable[str], folder: Path) -> dict[str, str]:
    """How a checkpoint's names become the model's, where a class with a head calls the model inside otherwise.

    Llama's and Qwen's for question answering do; `transformers` then finds nothing of the checkpoint and is silent.
    """
    inner, lost = _lost(model, missing)
    if model.base_model is model or len(lost) <= (1 - _ENOUGH) * inner:
        return {}
    known = weights.names(folder)
    found = (name[: -len(end)] for end in sorted(lost) for name in known if name.endswith(f".{end}"))
    theirs = next(found, "")
    return {f"^{re.escape(theirs)}": f"{model.base_model_prefix}."} if theirs else {}


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
