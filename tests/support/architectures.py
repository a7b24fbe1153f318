"""A small model of every preset, and of architectures that are brought along."""

from collections.abc import Callable
from typing import Any

import transformers
from transformers import PretrainedConfig, PreTrainedModel

from models.backbone import presets
from models.backbone.config import ModelConfig

SHAPE: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
BROUGHT: dict[str, Callable[[int], PretrainedConfig]] = {
    "roberta": lambda layers: transformers.RobertaConfig(num_hidden_layers=layers, **SHAPE),
    "distilbert": lambda layers: transformers.DistilBertConfig(
        vocab_size=50, dim=32, n_layers=layers, n_heads=2, hidden_dim=64
    ),
    "gpt_neox": lambda layers: transformers.GPTNeoXConfig(num_hidden_layers=layers, **SHAPE),
    "qwen2": lambda layers: transformers.Qwen2Config(
        num_hidden_layers=layers, num_key_value_heads=1, tie_word_embeddings=False, **SHAPE
    ),
}
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
INSIDE = {
    "bert": ["query", "key", "value", "dense", "dense", "dense"],
    "modernbert": ["Wqkv", "Wo", "Wi", "Wo"],
    "gpt2": ["c_attn", "c_proj", "c_fc", "c_proj"],
    "llama": LLAMA,
    "roberta": ["query", "key", "value", "dense", "dense", "dense"],
    "distilbert": ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"],
    "gpt_neox": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "qwen2": LLAMA,
}
"""Names of the linear layers of one block, in their order."""
DECODERS = {"gpt2", "llama", "gpt_neox", "qwen2"}


def model_of(architecture: str, head: str, layers: int = 1) -> PreTrainedModel:
    """With fresh weights, 32 wide."""
    if architecture in BROUGHT:
        config = BROUGHT[architecture](layers)
    else:
        config = presets.architecture(
            ModelConfig.model_validate(
                {"preset": architecture, "hidden_size": 32, "layers": layers, "heads": 2}
            )
        )
        config.vocab_size, config.pad_token_id = 50, 0
    return getattr(transformers, head).from_config(config)
