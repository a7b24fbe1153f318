"""Pretraining as the example script of `transformers` for masked language models does it: `Trainer` and its defaults.

What `pretrain.py` compares with, in both forms that the script has: each text a row of its own that is filled up
(`line_by_line`), and all texts one after the other, cut into rows of one length (`group_texts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback

from benchmarks import gpu

MASKED = 0.15
"""Share of the tokens that the script asks for; all positions are scored, unless the model does otherwise."""


def lines(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, length: int, *, padded: bool) -> Dataset:
    """A row a text; filled up to `length`, or left to be filled up to the longest of its batch."""
    datasets.disable_progress_bars()

    def encoded(rows: Any) -> Any:
        return tokenizer(
            rows["text"],
            truncation=True,
            max_length=length,
            padding="max_length" if padded else False,
            return_special_tokens_mask=True,
        )

    return Dataset.from_dict({"text": list(texts)}).map(encoded, batched=True, remove_columns="text")


def groups(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, length: int) -> Dataset:
    """All texts one after the other, cut into rows of `length`: nothing is filled up."""
    datasets.disable_progress_bars()

    def encoded(rows: Any) -> Any:
        found = tokenizer(rows["text"], return_special_tokens_mask=True)
        joined = {name: list(chain.from_iterable(values)) for name, values in found.items()}
        starts = range(0, len(joined["input_ids"]) // length * length, length)
        return {name: [all_[start : start + length] for start in starts] for name, all_ in joined.items()}

    return Dataset.from_dict({"text": list(texts)}).map(encoded, batched=True, remove_columns="text")


class Script:
    """A model, and the rows that it learns from."""

    def __init__(
        self,
        model: PreTrainedModel,
        rows: Dataset,
        tokenizer: PreTrainedTokenizerBase,
        folder: Path,
        *,
        batch: int,
        rate: float,
    ) -> None:
        self.model = model
        self._collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED)
        self._seen: list[tuple[int, int, int]] = []
        arguments = TrainingArguments(
            str(folder),
            per_device_train_batch_size=batch,
            learning_rate=rate,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        self._trainer = Trainer(model, arguments, self._batch, rows)
        self._trainer.remove_callback(PrinterCallback)

    def learn(self, steps: int) -> int:
        """Goes so many steps, in which the rate falls to 0; tokens learnt from, padding aside."""
        self._seen.clear()
        self._trainer.args.max_steps = steps
        self._trainer.train()
        return sum(tokens for tokens, _, _ in self._seen[:steps])  # a batch more is made ready

    def cost(self) -> tuple[float, float]:
        """FLOPs for a token learnt from: what is asked for, and what was computed for it."""
        tokens, places, rows = map(sum, zip(*self._seen, strict=True))
        scored = MASKED if self.model.config.sparse_prediction else 1.0
        needed = gpu.flops_a_token(self.model, tokens / rows, MASKED)
        return needed, gpu.flops_a_token(self.model, places / rows, scored) * places / tokens

    def _batch(self, rows: list[Any]) -> dict[str, Any]:
        batch = self._collator(rows)
        self._seen.append((int(batch["attention_mask"].sum()), batch["input_ids"].numel(), len(rows)))
        return batch
