"""Cells of a grid, one after another in a process: what they share read once, beside each for itself.

A cell adapts a small pretrained model to a few labelled rows of the demo's world, predicts its test rows and scores
them, in each of several ways and by two seeds. Both are the steps' own code, without a store; what they make is
compared byte by byte.

    python -m benchmarks.cells [--pairs 5] [--test 1000] [--labels 16]
"""

import hashlib
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import polars as pl
import torch

from benchmarks import pairs
from models.backbone import build
from models.backbone.config import ModelConfig
from models.downstream.classification import Classification
from models.memo import MEMO
from models.tokens.tokenizer import TokenizerConfig, wrap
from models.tokens.tokenizer_training import train
from models.transfer.finetune import Finetune
from models.transfer.in_context import InContext
from models.transfer.linear_probe import LinearProbe
from models.transfer.lora import Lora
from models.workplace import Workplace
from tasks.adapt import AdaptConfig, adapt
from tasks.predict import PredictConfig, predict
from tasks.reading.source import Record
from tasks.running.job import Silent
from tasks.running.memory import keep_for_others
from tasks.score import ScoreConfig, score
from tasks.sources.demo import Demo

CLASSES = Classification(classes=("긍정", "부정"), max_length=64)
QUICK: dict[str, Any] = {"learning_rates": (1e-3,), "min_steps": 10, "epochs": 1, "evaluations": 2}
WAYS = {
    "finetune": Finetune(**QUICK, train_embeddings=(True,)),
    "lora": Lora(**QUICK),
    "linear_probe": LinearProbe(**QUICK),
    "few_shot": InContext(draws=2),
}
SEEDS = (1, 2)


class Here(Silent):
    """A job in this process, whose inputs are folders."""

    def __init__(self, out: Path, work: Path) -> None:
        self.out, self.work, self.scratch = out, work, work
        self.workplace = Workplace("cpu", 1, work)
        self._title, self._labels, self._tell = out.name, 0, lambda progress: None

    def files(self, ref: Any) -> Path:
        return ref


def main() -> None:
    """Print what both ways take, and the ratio of user-CPU seconds last."""
    parser = pairs.parser(__doc__)
    parser.add_argument("--test", type=int, default=1000, help="test rows")
    parser.add_argument("--labels", type=int, default=16, help="labelled rows of a cell")
    options = pairs.options(parser)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        split, model = given(Path(folder), 100 if options.quick else options.test)
        made: dict[bool, str] = {}

        def taken(shares: bool) -> float:
            MEMO.forget()
            MEMO.room = 0
            if shares:
                keep_for_others()
            made[shares] = cells(split, model, options)
            return len(WAYS) * len(SEEDS)

        found = pairs.Turns({"shared": lambda: taken(True), "apart": lambda: taken(False)}, options.pairs)
    assert made[True] == made[False], "they make the same"
    found.show()
    found.ratio("shared", "apart", "user")


def cells(split: Path, model: Path, options: Namespace) -> str:
    """All cells; a digest of what was made."""
    with tempfile.TemporaryDirectory() as temporary:
        for mode, way in WAYS.items():
            for seed in SEEDS:
                folder = Path(temporary, f"{mode}-{seed}")
                how = AdaptConfig(downstream=CLASSES, mode=mode, way=way, labels=options.labels, seed=seed)  # pyright: ignore[reportArgumentType]
                adapted = done(adapt, folder / "adapted", how, rows=split, tokenizer=None, model=model)
                said = PredictConfig(downstream=CLASSES, way=way)
                predicted = done(predict, folder / "predictions", said, rows=split, adapted=adapted)
                scored = {"rows": split, "predictions": predicted, "leaks": None}
                done(score, folder / "scores", ScoreConfig(downstream=CLASSES), **scored)
        files = sorted(path for path in Path(temporary).rglob("*") if path.is_file())
        made = hashlib.sha256()
        for path in files:
            made.update(path.read_bytes())
        return made.hexdigest()


def done(step: Any, out: Path, config: Any, **inputs: Any) -> Path:
    """What a step makes."""
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        step.fn(Here(out, Path(work)), config, **inputs)
    return out


def given(folder: Path, test: int) -> tuple[Path, Path]:
    """Rows in their parts, and a model that has learnt nothing."""
    read = Demo(view="classification", train=400, validation=50, test=test).read()
    records = [
        item for item in read if isinstance(item, Record) and all(map(item.fields.get, ("text", "label")))
    ]
    split, model = folder / "split", folder / "pretrained"
    split.mkdir()
    for part in ("train", "validation", "test"):
        rows = pl.DataFrame([dict(item.fields) for item in records if item.part == part])
        rows.with_columns(id=pl.int_range(pl.len()).cast(pl.String)).write_parquet(split / f"{part}.parquet")
    pl.DataFrame(schema={"part_b": pl.String, "id_b": pl.String}).write_parquet(split / "duplicates.parquet")
    texts = pl.read_parquet(split / "train.parquet")["text"].to_list()
    tokenizer = wrap(train(TokenizerConfig(vocabulary=1000), lambda: [texts]))
    size = ModelConfig(preset="modernbert", size="tiny", max_positions=128)
    build.build(size, tokenizer, "AutoModelForMaskedLM", seed=1).save_pretrained(model / "model")
    tokenizer.save_pretrained(model / "model")
    return split, model


if __name__ == "__main__":
    main()
