"""A downstream posed, and what a way of transfer has made of it, kept and asked as the steps do it."""

import shutil
from pathlib import Path

import polars as pl

from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Problem, Transfer, Tuned
from models.workplace import Workplace


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told how it goes."""


def problem_of(downstream: Downstream, source: Path, work: Path) -> Problem:
    """A downstream's examples, to learn from and to choose by, with the model in `source`."""
    rows = downstream.examples()
    downstream = downstream.settle(rows)
    pool = rows.filter(pl.col(downstream.pool)) if downstream.pool else rows.clear()
    examples = rows.filter(~pl.col(downstream.pool)) if downstream.pool else rows
    work.mkdir(parents=True)
    return Problem(
        downstream,
        source,
        None,
        examples,
        examples,
        pool,
        1,
        Workplace("cpu", 1, work),
        lambda number: examples.sample(2, seed=number),
    )


def kept(tuned: Tuned, problem: Problem, folder: Path) -> Path:
    """The files as `adapt` keeps them."""
    folder.mkdir()
    for name, path in tuned.files.items():
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, folder / name)
    tuned.tokenizer.save_pretrained(folder / "model")
    return folder


def answers(way: Transfer, folder: Path, problem: Problem, draw: int = 0) -> pl.DataFrame:
    predictor = way.load(folder, problem.downstream, "cpu")
    rows = pl.concat([problem.validation, problem.pool])
    features, outputs = predictor.outputs(rows, problem.downstream.scores_gold, draw)
    return problem.downstream.decode(outputs, features, rows)
