"""Models: from a preset with fresh weights, or from a folder or hub id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from models.backbone import presets
from models.config import Config
from models.errors import DataError, RecipeError
from models.pretrained import Pretrained, content, settings
from models.seeds import derive
from models.tokens.tokenizer import token_id

if TYPE_CHECKING:  # torch and transformers take seconds to import, and recipes load this module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SIZES = {"tiny": (128, 2, 2), "mini": (256, 4, 4), "small": (512, 4, 8)}
"""Hidden size, layers, heads: those of BERT-tiny, -mini and -small (I. Turc et al., 2019)."""
DECODERS = frozenset({"gpt2", "llama"})
"""Presets that read from left to right, as `clm` needs."""
_SHAPE = (
    ("hidden_size", "n_embd", "dim"),
    ("num_hidden_layers", "n_layer", "n_layers"),
    ("num_attention_heads", "n_head", "n_heads"),
)
"""What architectures call their hidden size, layers and heads."""
OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"})
"""Architectures that count positions from `pad_token_id + 1`."""


class ModelConfig(Config):
    """Which model.

    Millions of parameters beside the token embeddings: modernbert tiny 0.3, mini 2.3, small 9.2; bert 0.5, 3.4, 13.2;
    gpt2 0.5, 3.3, 12.9; llama 0.4, 3.2, 12.8.
    """

    preset: Literal["bert", "modernbert", "gpt2", "llama"] = Field(
        default="modernbert",
        description="Architecture: bert or modernbert for mlm, gpt2 or llama for clm.",
    )
    size: Literal["tiny", "mini", "small"] = Field(
        default="mini", description="tiny (128 wide, 2 layers), mini (256, 4) or small (512, 4)."
    )
    hidden_size: int | None = Field(default=None, ge=8, description="Width, instead of the size's.")
    layers: int | None = Field(default=None, ge=1, description="Number of layers, instead of the size's.")
    heads: int | None = Field(
        default=None, ge=1, description="Attention heads, instead of the size's; must divide the width."
    )
    intermediate_size: int | None = Field(
        default=None, ge=8, description="Width inside a layer, instead of the preset's."
    )
    max_positions: int = Field(
        default=512, ge=8, description="Longest sequence the model can read, in tokens."
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout in attention and layers.")
    pretrained: Pretrained | None = Field(
        default=None,
        description="Folder, hub id or models:/ URI to start from, instead of a preset with fresh weights.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> ModelConfig:
        others = sorted({*self.other_than_default()} - {"pretrained"})
        if self.pretrained is not None and others:
            raise ValueError(
                f"pretrained brings its own {', '.join(others)}: leave that out, or leave out pretrained"
            )
        hidden, _, heads = self.shape
        if hidden % heads:
            raise ValueError(f"heads must divide hidden_size: {hidden} is no multiple of {heads}")
        if self.preset in ("modernbert", "llama") and (hidden // heads) % 2:
            raise ValueError(
                f"{self.preset}'s heads need an even width: {hidden} / {heads} is {hidden // heads}"
            )
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        """(hidden size, layers, heads); of a hub id, which is not read here, those of the default preset."""
        if self.pretrained is not None and (Path(self.pretrained) / "config.json").is_file():
            known = settings(self.pretrained)
            hidden, layers, heads = (
                next((known[name] for name in names if name in known), default)
                for names, default in zip(_SHAPE, SIZES["mini"], strict=True)
            )
            return hidden, layers, heads
        hidden, layers, heads = SIZES[self.size]
        width = self.hidden_size or hidden
        return (
            width,
            self.layers or layers,
            self.heads or (heads if self.hidden_size is None else max(1, width // 64)),
        )

    @property
    def positions(self) -> int | None:
        """Longest sequence in tokens, without building the model; None: a hub id's is not known yet."""
        if self.pretrained is None:
            return self.max_positions
        if not (Path(self.pretrained) / "config.json").is_file():
            return None
        return positions(settings(self.pretrained))

    def check_length(self, length: int, field: str) -> None:
        """
        Raises:
            RecipeError: sequences of `length`, set by `field`, are longer than the model can read.
        """
        most = self.positions
        if most is not None and length > most:
            remedy = "" if self.pretrained else f", or set model.max_positions to {length} or more"
            raise RecipeError(
                f"{field}: {length} is beyond the model's {most} positions: set it to {most} or less{remedy}"
            )

    def identity(self) -> Any:
        if self.pretrained is not None:
            return {"pretrained": content(self.pretrained)}
        return super().identity()


def positions(config: dict[str, Any]) -> int | None:
    """Longest sequence in tokens of a model with this `config.json`."""
    most = config.get("max_position_embeddings")
    if most is not None and config.get("model_type") in OFFSET_POSITIONS:
        most -= config.get("pad_token_id", 1) + 1
    return most


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
