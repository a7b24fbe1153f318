"""Presets: the configuration of each architecture at the sizes a recipe asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # transformers takes seconds to import, and recipes load this module
    from transformers import PreTrainedConfig

    from models.backbone.config import ModelConfig

WIDENING = {"bert": 4.0, "modernbert": 1.5, "gpt2": 4.0, "llama": 2.75}
"""Intermediate size in hidden sizes; ModernBERT's and Llama's are gated, so two such matrices go in."""


def architecture(config: ModelConfig) -> PreTrainedConfig:
    """The configuration of a preset."""
    made = {"bert": _bert, "modernbert": _modernbert, "gpt2": _gpt2, "llama": _llama}
    return made[config.preset](config)


def _bert(config: ModelConfig) -> PreTrainedConfig:
    from transformers import BertConfig

    hidden, layers, heads = config.shape
    return BertConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=config.intermediate_size or int(hidden * WIDENING["bert"]),
        max_position_embeddings=config.max_positions,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
    )


def _modernbert(config: ModelConfig) -> PreTrainedConfig:
    """All layers see the whole sequence: it is short enough. A mean over the text is what its classifier reads."""
    from transformers import ModernBertConfig

    hidden, layers, heads = config.shape
    return ModernBertConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=config.intermediate_size or int(hidden * WIDENING["modernbert"]),
        max_position_embeddings=config.max_positions,
        attention_dropout=config.dropout,
        mlp_dropout=config.dropout,
        embedding_dropout=config.dropout,
        layer_types=["full_attention"] * layers,
        rope_parameters={
            kind: {"rope_type": "default", "rope_theta": 10_000.0}
            for kind in ("full_attention", "sliding_attention")
        },
        classifier_pooling="mean",
    )


def _gpt2(config: ModelConfig) -> PreTrainedConfig:
    from transformers import GPT2Config

    hidden, layers, heads = config.shape
    return GPT2Config(
        n_embd=hidden,
        n_layer=layers,
        n_head=heads,
        n_inner=config.intermediate_size or int(hidden * WIDENING["gpt2"]),
        n_positions=config.max_positions,
        resid_pdrop=config.dropout,
        embd_pdrop=config.dropout,
        attn_pdrop=config.dropout,
    )


def _llama(config: ModelConfig) -> PreTrainedConfig:
    """Token embeddings are the output layer too: of a small model they are most of the weights."""
    from transformers import LlamaConfig

    hidden, layers, heads = config.shape
    return LlamaConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=config.intermediate_size or int(hidden * WIDENING["llama"]),
        max_position_embeddings=config.max_positions,
        attention_dropout=config.dropout,
        tie_word_embeddings=True,
    )
