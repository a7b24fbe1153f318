"""Fine-tuning a classifier beside `transformers.Trainer`, on one thread: rows a user-CPU second in the training alone,
of padding by the batch with rows grouped by length, and of padding to 128; and of a whole trial, from texts to a saved
model, with accuracy on the same test rows.

    python -m benchmarks.finetune                     # a small model, and the encoder in HEADWATER_MODELS, if there
    python -m benchmarks.finetune --small FOLDER      # with the weights of a pretrained model
    python -m benchmarks.finetune --quick

Both begin with the same weights and take the same rows, epochs, batches (64 rows; the encoder 32), AdamW, rate, warm-up
and clipping, with dropout before the last layer alone. A trial of ours goes about it as a recipe does: it fits the last
layer first, hides a tenth of the words and keeps the best of its evaluations; Trainer evaluates as often, and saves its
model at the end. Rows are NSMC's where HEADWATER_DATA has them, else invented ones of such lengths. Trainer sorts a
quarter of the rows at a time, and 50 batches at most: with few rows, as in the short form, it hardly groups at all.
Padded to 128, two batches are taken in place of all rows; whole trials, which take longest, half as often.
"""

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import torch
import transformers
from datasets import disable_progress_bars

from benchmarks import pairs
from benchmarks.hugging_face import Theirs
from benchmarks.reviews import PARTS, difference, read
from models.backbone import build
from models.backbone.config import ModelConfig
from models.backbone.heads import transferred
from models.backbone.unpadded import unpadded
from models.data.draws import draw
from models.downstream.classification import Classification
from models.inference.inputs import Inputs
from models.inference.predictor import HeadPredictor
from models.interfaces.transfer import Problem
from models.tokens.tokenizer import TokenizerConfig, load_tokenizer, wrap
from models.tokens.tokenizer_training import train as train_tokenizer
from models.training.loop import train
from models.training.plan import Plan
from models.transfer.finetune import Finetune
from models.tuning.trial import Batches
from models.workplace import Workplace

LENGTH, RATE, EVALUATIONS = 128, 2e-4, 8
SMALL = ModelConfig(hidden_size=256, layers=2, heads=4, intermediate_size=384, max_positions=256)
"""As recipes/korean.yaml has it."""
WORDS = 32_000
ENCODER = "multilingual-e5-small-ko"


@dataclass
class Work:
    """One model, and the rows it learns and is asked."""

    name: str
    folder: Path
    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    epochs: int
    batch: int
    right: dict[str, list[np.ndarray]] = field(default_factory=dict)
    """By who learnt, for each trial whether each test row was answered right."""

    downstream = Classification(classes=("0", "1"), max_length=LENGTH)

    @property
    def ours(self) -> Finetune:
        """The settings of a trial."""
        return Finetune(
            learning_rates=(RATE,),
            train_embeddings=(True,),
            epochs=self.epochs,
            batch_size=self.batch,
            min_steps=1,
            evaluations=EVALUATIONS,
        )

    def problem(self, seed: int, folder: Path | None = None) -> Problem:
        """What our trials are posed."""
        parts, place = (self.train, self.validation, self.train.clear()), Workplace("cpu", 1, folder)
        return Problem(self.downstream, self.folder, None, *parts, seed, place, lambda number: self.train)

    @property
    def theirs(self) -> Theirs:
        """The same for Trainer."""
        return Theirs(self.folder, self.epochs, self.batch, RATE, LENGTH)

    def heard(self, who: str, said: list[str]) -> None:
        """Takes in what a trained model says of the test rows."""
        self.right.setdefault(who, []).append((self.test["label"] == pl.Series(said)).to_numpy())


def main() -> None:
    """Print for each model what either way took, and its ratios, that of the small model's training last."""
    parser = pairs.parser(__doc__)
    parser.add_argument(
        "--small", type=Path, help="folder of a pretrained model; without it its weights are random"
    )
    parser.add_argument("--encoder", type=Path, help="folder of an encoder")
    parser.add_argument(
        "--rows", type=int, default=4000, help="training rows; a quarter of them for the encoder"
    )
    options = pairs.options(parser)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    torch.set_num_threads(1)
    with TemporaryDirectory() as place:
        for work in works(options, Path(place)):
            compare(work, options)


def works(options: argparse.Namespace, place: Path) -> list[Work]:
    """The encoder's first, where there is one; in the short form the small model alone."""
    rows, most, asked = (512, 4000, 200) if options.quick else (options.rows, 40_000, 1000)
    texts, *others = (read(part, number) for part, number in zip(PARTS, (most, asked, asked), strict=True))
    small = options.small or made(texts, place / "small")
    learnt = draw(texts, rows, 1, "label")
    found = [Work("small", headed(small, place / "small-start"), learnt, *others, epochs=2, batch=64)]
    encoder = options.encoder or Path(os.environ.get("HEADWATER_MODELS", "")) / ENCODER
    if (encoder / "config.json").is_file() and not options.quick:
        start, few = headed(encoder, place / "encoder-start"), draw(texts, rows // 4, 1, "label")
        found.insert(0, Work("encoder", start, few, *(part.head(300) for part in others), epochs=1, batch=32))
    return found


def compare(work: Work, options: argparse.Namespace) -> None:
    """Print what the training and whole trials take, and the ratios."""
    few = draw(work.train, 2 * work.batch, 1, "label")
    our_training(work, 0, few)  # what is imported once is no part of either
    work.theirs.training(0, few)
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(1))
    print(f"\n{work.name}: {work.train.height:,} rows, {work.epochs} epochs; the training alone", flush=True)
    loops: dict[str, pairs.Way] = {
        "ours": lambda: our_training(work, next(numbers["ours"]), work.train),
        "Trainer": lambda: work.theirs.training(next(numbers["grouped"]), work.train),
        "padded to 128": lambda: work.theirs.training(next(numbers["padded"]), few, whole=True),
    }
    alone = pairs.Turns(loops, options.pairs, warm_up=False)
    alone.show()
    for name in loops:
        print(f"{name}: {1 / alone.for_one(name, 'user'):,.1f} rows a user-CPU second")
    asked = f"{EVALUATIONS} evaluations on {work.validation.height:,} rows"
    print(f"\n{work.name}: whole trials, {asked}", flush=True)
    trials: dict[str, pairs.Way] = {
        "ours": lambda: our_trial(work, next(numbers["our trial"])),
        "Trainer": lambda: their_trial(work, next(numbers["their trial"])),
    }
    tried = pairs.Turns(trials, -(-options.pairs // 2), warm_up=False)
    tried.show()
    answers(work)
    for what, turns, theirs in (
        ("whole trials", tried, "Trainer"),
        ("training", alone, "padded to 128"),
        ("training", alone, "Trainer"),
    ):
        print(f"{work.name}, {what}: ", end="")
        turns.ratio("ours", theirs, "user")


def our_training(work: Work, seed: int, rows: pl.DataFrame) -> pairs.Taken:
    """The loop, without an evaluation, on the rows as they are."""
    problem, config = work.problem(seed), work.ours.model_copy(update={"word_dropout": 0.0})
    inputs = Inputs(work.downstream, load_tokenizer(work.folder), rows, labelled=True)
    batches = Batches(inputs, config, seed)
    model: Any = transformers.AutoModelForSequenceClassification.from_pretrained(work.folder)
    steps = config.steps(len(batches.examples))
    plan = Plan(steps, config.optimizer_at(RATE), seed, workplace=problem.workplace, by_row=True)

    def learn() -> float:
        with unpadded(model):
            train(
                model, batches, lambda model, batch: {"loss": work.downstream.loss(model, dict(batch))}, plan
            )
        return rows.height * work.epochs

    return pairs.once(learn)


def our_trial(work: Work, seed: int) -> pairs.Taken:
    """As `adapt` goes about it."""
    with TemporaryDirectory() as folder:
        problem, kept = work.problem(seed, Path(folder)), []

        def whole() -> float:
            kept.append(work.ours.carry(problem, lambda done, total, text: None))
            return work.train.height * work.epochs

        taken = pairs.once(whole)
        predictor = HeadPredictor.of(kept[0].model, kept[0].tokenizer, work.downstream, "cpu")
        features, outputs = predictor.outputs(work.test, False)
    work.heard("ours", work.downstream.decode(outputs, features, work.test)["prediction"].to_list())
    return taken


def their_trial(work: Work, seed: int) -> pairs.Taken:
    """Evaluated as often."""
    every = -(-work.ours.steps(work.train.height) // EVALUATIONS)
    taken, said = work.theirs.trial(seed, (work.train, work.validation, work.test), every)
    work.heard("Trainer", said)
    return taken


def answers(work: Work) -> None:
    """Print both accuracies over all trials, and their difference on the same rows."""
    means = {who: np.mean(hits, axis=0) for who, hits in work.right.items()}
    for who, hits in means.items():
        each = ", ".join(f"{value.mean():.3f}" for value in work.right[who])
        print(f"accuracy of {who}: {hits.mean():.3f} on {len(hits):,} test rows, mean of {each}")
    print(f"difference {difference(*means.values())}", flush=True)


def made(texts: pl.DataFrame, folder: Path) -> Path:
    """A model of the small shape with random weights, and a tokenizer of these texts."""
    known = texts["text"].str.split(" ").explode().n_unique() > WORDS
    config = TokenizerConfig(vocabulary=WORDS if known else 4000)
    tokenizer = wrap(train_tokenizer(config, lambda: [texts["text"].to_list()]))
    model = build.build(SMALL, tokenizer, "AutoModelForMaskedLM", seed=1)
    model.resize_token_embeddings(WORDS, mean_resizing=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def headed(source: Path, folder: Path) -> Path:
    """The model that both begin with: under a head that is drawn once, with dropout before the last layer alone."""
    tokenizer = load_tokenizer(source)
    transferred(Work.downstream, tokenizer, source, 0.1, 1).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
