"""Contrastive few-shot learning beside the `setfit` package: the same encoder, the same rows, accuracy and CPU seconds.

Both learn from the same few labelled texts and are asked the same test texts, each in its own way and with its own
defaults; ours is also given as many validation texts, as in a recipe, which say how strictly the last layer is
fitted. Files are tab-separated with the columns `id`, `document` and `label`, as NSMC is published.

    python benchmarks/few_shot.py MODEL TRAIN.txt VALIDATION.txt TEST.txt [--labels 8 16 64] [--draws 3] [--test 1000]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.bootstrap import interval, paired
from models.data.draws import draw
from models.downstream.classification import Classification
from models.inference.predictor import HeadPredictor
from models.interfaces.transfer import Problem
from models.seeds import derive
from models.transfer.contrastive import Contrastive
from models.workplace import Workplace

RESAMPLES = 1000
Way = Callable[[Path, pl.DataFrame, pl.DataFrame, pl.DataFrame, int], list[str]]
"""From a model, training, validation and test rows and a seed to what it says of the test rows."""


def main() -> None:
    """Print a line for each way and number of labels, and the ratio of CPU seconds last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    for part in ("train", "validation", "test_rows"):
        parser.add_argument(part, type=_rows, metavar=f"{part.partition('_')[0].upper()}.txt")
    parser.add_argument("--labels", type=int, nargs="+", default=[8, 16, 64])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--test", type=int, default=1000)
    options = parser.parse_args()
    test, seconds = options.test_rows.head(options.test), {"contrastive": 0.0, "setfit": 0.0}
    for labels in options.labels:
        right: dict[str, list[np.ndarray]] = {"contrastive": [], "setfit": []}
        spent = dict.fromkeys(right, 0.0)
        for seed in range(1, options.draws + 1):
            train = draw(options.train, labels, derive(seed, "labels"), "label")
            validation = draw(options.validation, labels, derive(seed, "validation"))
            for name, way in (("contrastive", contrastive), ("setfit", setfit)):
                started = time.process_time()
                said = way(options.model, train, validation, test, seed)
                spent[name] += time.process_time() - started
                right[name].append((test["label"] == pl.Series(said)).to_numpy())
        _show(labels, right, spent, options.draws)
        for name in seconds:
            seconds[name] += spent[name]
    print(f"contrastive takes {seconds['contrastive'] / seconds['setfit']:.2f} x the CPU seconds of setfit")


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
        sampled = hits[generator.integers(len(hits), size=(RESAMPLES, len(hits)))].mean(axis=1)
        low, high = interval(sampled).values()
        each = ", ".join(f"{value.mean():.3f}" for value in right[name])
        print(
            f"{labels:4} labels  {name:12} {hits.mean():.3f} ({low:.3f}-{high:.3f})  draws {each}  "
            f"{spent[name] / draws:6.1f} CPU s"
        )
    ours, theirs = (np.stack([hits, np.ones(len(hits))], axis=1) for hits in means.values())
    found = paired(
        ours, theirs, lambda totals: {"accuracy": totals[..., 0] / totals[..., 1]}, RESAMPLES, seed=1
    )
    difference = found["accuracy"]
    print(
        f"{'':12} difference   {difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})"
    )


def _rows(path: str) -> pl.DataFrame:
    """Rows of a file with a header and no quoting."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines if line.count("\t") == 2]
    return pl.DataFrame(rows, schema=["id", "text", "label"], orient="row").filter(
        pl.col("text").str.contains(r"\S")
    )


if __name__ == "__main__":
    main()
