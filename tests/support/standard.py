"""Small random models of the architectures that people bring along, each with its own kind of tokenizer."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from models.interfaces.downstream import Downstream
from models.kinds import find, kinds

SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
GATED = {**SHAPE, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 256}
VOCABULARY = 420
ENCODERS = ("bert", "roberta", "xlm-roberta", "electra", "deberta-v2", "distilbert", "albert", "modernbert")
DECODERS = ("gpt2", "gpt_neox", "llama", "qwen2", "qwen3", "gemma")


@cache
def every_text() -> tuple[str, ...]:
    """All texts of all downstreams' examples."""
    found: list[str] = []
    for kind in kinds("models.downstream"):
        downstream: Any = find("models.downstream", kind, Downstream)
        rows = downstream.model_validate({"kind": kind}).examples()
        found += [text for name in rows.columns if rows[name].dtype == pl.String for text in rows[name]]
    return tuple(found * 2)


def _learnt(core: Tokenizer, trainer: Any) -> dict[str, Any]:
    core.train_from_iterator(every_text(), trainer)
    return json.loads(core.to_str())["model"]


def _pieces(special: Sequence[str]) -> dict[str, int]:
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _learnt(core, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=list(special)))[
        "vocab"
    ]


def _bytes(special: Sequence[str]) -> dict[str, Any]:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special), initial_alphabet=alphabet
    )
    made = _learnt(core, trainer)
    return {"vocab": made["vocab"], "merges": [tuple(pair) for pair in made["merges"]]}


def _sentencepiece(special: Sequence[str]) -> list[tuple[str, float]]:
    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    unknown = next(name for name in special if "unk" in name.lower())
    trainer = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=list(special), unk_token=unknown)
    return [tuple(item) for item in _learnt(core, trainer)["vocab"]]


def _bpe_of_characters(special: Sequence[str]) -> dict[str, Any]:
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    letters = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=2 * VOCABULARY, special_tokens=[*special, *letters])
    made = _learnt(core, trainer)
    return {"vocab": made["vocab"], "merges": [tuple(pair) for pair in made["merges"]]}


def _wordpiece(name: str) -> transformers.PreTrainedTokenizerBase:
    kind = getattr(transformers, name)
    return kind(vocab=_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]), do_lower_case=False)


def _modern() -> transformers.PreTrainedTokenizerBase:
    names = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    made = _bytes([*names.values()])
    core = Tokenizer(models.BPE(vocab=made["vocab"], merges=made["merges"]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders, processors

    core.decoder = decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", made["vocab"]["[CLS]"]), ("[SEP]", made["vocab"]["[SEP]"])],
    )
    given = {f"{name}_token": word for name, word in names.items()}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, **given)


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "bert": lambda: _wordpiece("BertTokenizer"),
    "electra": lambda: _wordpiece("BertTokenizer"),
    "distilbert": lambda: _wordpiece("DistilBertTokenizer"),
    "roberta": lambda: transformers.RobertaTokenizer(**_bytes(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])),
    "modernbert": _modern,
    "xlm-roberta": lambda: transformers.XLMRobertaTokenizer(
        vocab=_sentencepiece(["<s>", "<pad>", "</s>", "<mask>", "<unk>"])
    ),
    "deberta-v2": lambda: transformers.DebertaV2Tokenizer(
        vocab=_sentencepiece(["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]"])
    ),
    "albert": lambda: transformers.AlbertTokenizer(
        vocab=_sentencepiece(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]),
        do_lower_case=False,
        keep_accents=True,
    ),
    "gpt2": lambda: transformers.GPT2Tokenizer(**_bytes(["<|endoftext|>"])),
    "gpt_neox": lambda: transformers.GPTNeoXTokenizer(**_bytes(["<|endoftext|>"])),
    "llama": lambda: transformers.LlamaTokenizer(**_bpe_of_characters(["<unk>", "<s>", "</s>"])),
    "qwen2": lambda: transformers.Qwen2Tokenizer(**_bytes(["<|endoftext|>"])),
    "qwen3": lambda: transformers.Qwen2Tokenizer(**_bytes(["<|endoftext|>"])),
    "gemma": lambda: transformers.GemmaTokenizer(
        **_bpe_of_characters(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"])
    ),
}
CONFIGS: dict[str, dict[str, Any]] = {
    "roberta": {**SHAPE, "max_position_embeddings": 258, "type_vocab_size": 1, "pad_token_id": 1},
    "xlm-roberta": {**SHAPE, "max_position_embeddings": 258, "type_vocab_size": 1, "pad_token_id": 1},
    "electra": {**SHAPE, "embedding_size": 16, "max_position_embeddings": 256},
    # As microsoft/deberta-v3-base has it.
    "deberta-v2": {**SHAPE, "relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm",
                   "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
                   "max_position_embeddings": 256, "position_biased_input": False, "max_relative_positions": -1},
    "distilbert": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 256},
    "albert": {**SHAPE, "embedding_size": 16, "max_position_embeddings": 256},
    "modernbert": {**SHAPE, "max_position_embeddings": 256},
    "gpt2": {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 256},
    "gpt_neox": {**SHAPE, "max_position_embeddings": 256},
    "llama": GATED, "qwen2": {**GATED, "head_dim": 16}, "qwen3": GATED, "gemma": GATED,
}  # fmt: skip
SPARE = 3
"""Embeddings that no token of the tokenizer has, as checkpoints padded to a round number do."""


def save(architecture: str, folder: Path, head: str = "", **options: Any) -> Path:
    """A checkpoint as its makers publish it, with its tokenizer; `head` is "" for that of pretraining."""
    tokenizer = TOKENIZERS[architecture]()
    special = {
        f"{name}_token_id": number
        for name in ("bos", "eos", "pad")
        if (number := getattr(tokenizer, f"{name}_token_id")) is not None or architecture in DECODERS
    }
    config = transformers.AutoConfig.for_model(
        architecture,
        **{
            "vocab_size": max(tokenizer.get_vocab().values()) + 1 + SPARE,
            **special,
            **CONFIGS.get(architecture, {**SHAPE, "max_position_embeddings": 256}),
        },
    )
    pretraining = "AutoModelForCausalLM" if architecture in DECODERS else "AutoModelForMaskedLM"
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = getattr(transformers, head or pretraining).from_config(config)
    model.save_pretrained(folder, **options)
    tokenizer.save_pretrained(folder)
    return folder
