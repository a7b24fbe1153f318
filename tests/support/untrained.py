"""Adapted models of every downstream that have learnt nothing, made in a second each, and whole for MLflow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from models.adapted.files import COLUMNS, POOL, SETTLED, WAY
from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.interfaces.downstream import Downstream
from models.kinds import find
from models.transfer.finetune import Finetune
from tasks import packaging

SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", "eos": "[EOS]"}


def untrained(kind: str, folder: Path, columns: Mapping[str, Any] | None = None) -> Path:
    """Makes the folder of an adapted model; `columns` is what its rows' fields were made of."""
    found: Any = find("models.downstream", kind, Downstream)
    downstream = found.model_validate({"kind": kind})
    rows = downstream.examples()
    downstream = downstream.settle(rows)
    core = Tokenizer(WordLevel({word: at for at, word in enumerate(SPECIAL.values())}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, **{f"{name}_token": word for name, word in SPECIAL.items()}
    )
    preset = "llama" if downstream.decoder else "modernbert"
    size = ModelConfig(preset=preset, hidden_size=32, layers=1, heads=2)
    model = folder / "model"
    from_scratch(downstream, tokenizer, size, dropout=0.0, seed=1).save_pretrained(model)
    tokenizer.save_pretrained(model)
    downstream.export(model, tokenizer)
    (folder / SETTLED).write_text(downstream.model_dump_json(), encoding="utf-8")
    (folder / WAY).write_text(Finetune().model_dump_json(), encoding="utf-8")
    if downstream.pool:
        rows.filter(rows[downstream.pool]).write_parquet(folder / POOL)
    if columns:
        (folder / COLUMNS).write_text(json.dumps(columns), encoding="utf-8")
    packaging.describe(folder, downstream, Finetune())
    return folder
