"""What a way of transfer has made, kept and asked as the steps do it."""

import shutil
from pathlib import Path

import polars as pl

from models.interfaces.transfer import Problem, Transfer, Tuned


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told how it goes."""


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
