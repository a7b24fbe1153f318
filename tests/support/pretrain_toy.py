"""Pretrains a tiny model, in a process of its own where it is to be killed."""

import json
from pathlib import Path

import torch

from models.pretraining import pretrain
from models.pretraining.pretrain import PretrainConfig
from models.tokens.tokenizer import load_tokenizer
from models.workplace import Workplace
from tests.support.encoded import whole

CONFIG = PretrainConfig.model_validate(
    {
        "objective": {"kind": "mlm", "candidates": 32, "bag_of_words": 0.2},
        "model": {"hidden_size": 32, "layers": 1, "heads": 2, "dropout": 0.1},
        "train": {
            "epochs": 8,
            "batch_tokens": 256,
            "log_every": 7,
            "evaluations": 5,
            "warm_start": True,
            "checkpoint_seconds": 0,
        },
    }
)


def main(folder: Path) -> None:
    """Reads `encoded/` and `tokenizer/`, checkpoints into `work/`, writes `made/` and `curve.json`."""
    torch.set_num_threads(1)
    train, validation = (whole(folder / f"{part}.arrow") for part in ("train", "validation"))
    tokenizer = load_tokenizer(folder / "tokenizer")
    shown = []
    model, history = pretrain.pretrain(
        CONFIG, train, validation, tokenizer, Workplace("cpu", 1, folder / "work"), on_log=shown.append
    )
    pretrain.save(folder / "made", model, tokenizer, history)
    (folder / "curve.json").write_text(json.dumps(shown))
