"""Contrastive few-shot learning beside the `setfit` package: the same encoder, the same rows, accuracy and CPU seconds.

Both learn from the same few labelled texts and are asked the same test texts, each in its own way and with its own
defaults; ours is also given as many validation texts, as in a recipe, which say how strictly the last layer is
fitted. Files are tab-separated with the columns `id`, `document` and `label`, as NSMC is published.

    python -m benchmarks.few_shot MODEL TRAIN.txt VALIDATION.txt TEST.txt [--labels 8 16 64] [--pairs 3] [--test 1000]

In its short form it makes up a model and rows.
"""

import importlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import pairs, reviews
from models.bootstrap import interval
from models.data.draws import draw
from models.downstream.classification import Classification
from models.inference.predictor import HeadPredictor
from models.interfaces.transfer import Problem
from models.seeds import derive
from models.transfer.contrastive import Contrastive
from models.workplace import Workplace
from tasks.reading.source import Record
from tasks.sources.demo import Demo

Way = Callable[[Path, pl.DataFrame, pl.DataFrame, pl.DataFrame, int], list[str]]
"""From a model, training, validation and test rows and a seed to what it says of the test rows."""


def main() -> None:
    """Print a line for each way and number of labels, and the ratio of CPU seconds last."""
    parser = pairs.parser(__doc__)
    parser.set_defaults(pairs=3)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="MODEL TRAIN VALIDATION TEST")
    parser.add_argument("--labels", type=int, nargs="+", default=[8, 16, 64])
    parser.add_argument("--test", type=int, default=1000)
    options = pairs.options(parser)
    if not options.quick and len(options.files) != 4:
        parser.error("name a model and the files of training, validation and test rows; or --quick")
    with tempfile.TemporaryDirectory() as folder:
        if options.quick:
            options.labels, options.test = [4], 100
            model, rows = invented(Path(folder))
        else:
            model, *files = options.files
            rows = tuple(map(reviews.of_file, files))
        compared(model, *rows, options.labels, options.pairs, options.test)


def compared(
    model: Path,
    train_rows: pl.DataFrame,
    validation_rows: pl.DataFrame,
    test_rows: pl.DataFrame,
    sizes: list[int],
    draws: int,
    asked: int,
) -> None:
    """Both ways on each draw of each number of labels."""
    # What is imported once is no part of either.
    for name in ("models.tuning.contrastive", "setfit", "datasets"):
        importlib.import_module(name)
    test, seconds = test_rows.head(asked), {"contrastive": 0.0, "setfit": 0.0}
    for labels in sizes:
        right: dict[str, list[np.ndarray]] = {"contrastive": [], "setfit": []}
        spent = dict.fromkeys(right, 0.0)
        for seed in range(1, draws + 1):
            train = draw(train_rows, labels, derive(seed, "labels"), "label")
            validation = draw(validation_rows, labels, derive(seed, "validation"))
            for name, way in (("contrastive", contrastive), ("setfit", setfit)):
                started = time.process_time()
                said = way(model, train, validation, test, seed)
                spent[name] += time.process_time() - started
                right[name].append((test["label"] == pl.Series(said)).to_numpy())
        _show(labels, right, spent, draws)
        for name in seconds:
            seconds[name] += spent[name]
    print(f"setfit / contrastive: {seconds['setfit'] / seconds['contrastive']:.2f} x the CPU seconds")


def contrastive(
    model: Path, train: pl.DataFrame, validation: pl.DataFrame, test: pl.DataFrame, seed: int
) -> list[str]:
    """Ours."""
    downstream = Classification().settle(train)
    with tempfile.TemporaryDirectory() as folder:
        problem = Problem(
            downstream,
            model,
            None,
            train,
            validation,
            train.clear(),
            seed,
            Workplace("cpu", folder=Path(folder)),
            lambda number: train,
        )
        tuned = Contrastive().carry(problem, lambda done, total, text: None)
        predictor = HeadPredictor.of(tuned.model, tuned.tokenizer, downstream, "cpu")
    features, outputs = predictor.outputs(test, False)
    return downstream.decode(outputs, features, test)["prediction"].to_list()


def setfit(
    model: Path, train: pl.DataFrame, validation: pl.DataFrame, test: pl.DataFrame, seed: int
) -> list[str]:
    """The package, as its documentation has it."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, seed=seed, report_to="none", save_strategy="no", show_progress_bar=False
        )
        learner = SetFitModel.from_pretrained(str(model), device="cpu")
        rows = Dataset.from_dict({name: train[name].to_list() for name in ("text", "label")})
        Trainer(model=learner, args=arguments, train_dataset=rows).train()
    said: Any = learner.predict(test["text"].to_list())
    return [str(label) for label in said]


def _show(labels: int, right: dict[str, list[np.ndarray]], spent: dict[str, float], draws: int) -> None:
    """A line for each way, and one for their difference on the same rows."""
    means = {name: np.mean(hits, axis=0) for name, hits in right.items()}
    generator = np.random.default_rng(1)
    for name, hits in means.items():
        sampled = hits[generator.integers(len(hits), size=(reviews.RESAMPLES, len(hits)))].mean(axis=1)
        low, high = interval(sampled).values()
        each = ", ".join(f"{value.mean():.3f}" for value in right[name])
        print(
            f"{labels:4} labels  {name:12} {hits.mean():.3f} ({low:.3f}-{high:.3f})  draws {each}  "
            f"{spent[name] / draws:6.1f} CPU s"
        )
    print(f"{'':12} difference   {reviews.difference(*means.values())}")


def invented(folder: Path) -> tuple[Path, tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]:
    """A model that has learnt nothing, and rows of the demo's world, for the short form."""
    from tokenizers.implementations import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    read = Demo(view="classification", train=200, validation=50, test=100).read()
    records = [item for item in read if isinstance(item, Record) and item.fields["label"]]
    parts = [
        pl.DataFrame([dict(item.fields) for item in records if item.part == part])
        for part in ("train", "validation", "test")
    ]
    pieces = BertWordPieceTokenizer(strip_accents=False)
    pieces.train_from_iterator(parts[0]["text"].to_list(), vocab_size=1000, show_progress=False)
    BertTokenizerFast(tokenizer_object=pieces._tokenizer).save_pretrained(folder)
    BertModel(
        BertConfig(
            vocab_size=1000, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128
        )
    ).save_pretrained(folder)
    train, validation, test = parts
    return folder, (train, validation, test)


if __name__ == "__main__":
    main()
