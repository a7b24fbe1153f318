"""A classifier fine-tuned by `transformers.Trainer`, as its tutorials have it, with the optimizer of ours."""

import io
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import transformers
from datasets import Dataset
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

from benchmarks import pairs
from models.tokens.tokenizer import load_tokenizer


@dataclass(frozen=True)
class Theirs:
    """From which weights, and how long."""

    start: Path
    epochs: int
    batch: int
    rate: float
    length: int
    """Longest input, in tokens."""

    def training(self, seed: int, rows: pl.DataFrame, *, whole: bool = False) -> pairs.Taken:
        """`Trainer.train` without an evaluation; padded by the batch, or to the longest there may be."""
        with TemporaryDirectory() as folder:
            learner = self._trainer(folder, seed, rows, whole=whole)

            def learn() -> float:
                with silent():
                    learner.train()
                return rows.height * self.epochs

            return pairs.once(learn)

    def trial(
        self, seed: int, parts: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], every: int
    ) -> tuple[pairs.Taken, list[str]]:
        """From texts to a saved model, evaluated on the way `every` so many steps; and what it says of test rows."""
        train, validation, test = parts
        kept: list[Trainer] = []
        with TemporaryDirectory() as folder:

            def whole() -> float:
                kept.append(
                    self._trainer(folder, seed, train, validation, eval_strategy="steps", eval_steps=every)
                )
                with silent():
                    kept[0].train()
                    kept[0].save_model(folder)
                return train.height * self.epochs

            taken = pairs.once(whole)
            kept[
                0
            ].args.train_sampling_strategy = "random"  # else rows are asked, and answered, by length too
            with silent():
                said: Any = kept[0].predict(self._tokenized(test, whole=False)).predictions  # pyright: ignore[reportArgumentType]
        return taken, [str(number) for number in said.argmax(1)]

    def _tokenized(self, rows: pl.DataFrame, *, whole: bool) -> Dataset:
        tokenizer: Any = load_tokenizer(self.start)
        padding = "max_length" if whole else False

        def encode(batch: dict[str, list[str]]) -> Any:
            return tokenizer(batch["text"], truncation=True, max_length=self.length, padding=padding)

        labels = rows["label"].cast(pl.Int64).to_list()
        made = Dataset.from_dict({"text": rows["text"].to_list(), "label": labels})
        return made.map(encode, batched=True, remove_columns=["text"])

    def _trainer(
        self,
        folder: str,
        seed: int,
        train: pl.DataFrame,
        validation: pl.DataFrame | None = None,
        *,
        whole: bool = False,
        **settings: Any,
    ) -> Trainer:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=self.batch,
            per_device_eval_batch_size=self.batch,
            num_train_epochs=self.epochs,
            learning_rate=self.rate,
            weight_decay=0.01,
            warmup_steps=0.1,
            adam_beta2=0.98,
            max_grad_norm=1.0,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=seed,
            **settings,
        )
        seen: Any = None if validation is None else self._tokenized(validation, whole=whole)
        rows: Any = self._tokenized(train, whole=whole)
        return Trainer(
            model=transformers.AutoModelForSequenceClassification.from_pretrained(self.start),
            args=arguments,
            train_dataset=rows,
            eval_dataset=seen,
            data_collator=DataCollatorWithPadding(load_tokenizer(self.start)),
            compute_metrics=accuracy,
        )


def accuracy(made: Any) -> dict[str, float]:
    """Of what a model says of labelled rows."""
    return {"accuracy": float((made.predictions.argmax(1) == made.label_ids).mean())}


def silent() -> AbstractContextManager[Any]:
    """Trainer prints its records."""
    return redirect_stdout(io.StringIO())
