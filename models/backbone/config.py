"""Which model: a preset at a size, or one that is brought along."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from models.backbone.positions import positions
from models.config import Config
from models.errors import RecipeError
from models.pretrained import Pretrained, content, settings

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
