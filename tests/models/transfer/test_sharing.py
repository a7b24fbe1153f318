"""Ways that start from one model read it once, and none of them sees what another did with it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

import polars as pl
import pytest
from transformers import PreTrainedTokenizerBase

from models.downstream.classification import Classification
from models.downstream.ner import NamedEntities
from models.interfaces.downstream import Downstream
from models.interfaces.features import Feature
from models.interfaces.transfer import Problem, Transfer
from models.memo import MEMO
from models.transfer.finetune import Finetune
from models.transfer.in_context import AskingPredictor, InContext
from models.transfer.linear_probe import LinearProbe
from models.transfer.lora import Lora
from models.transfer.prompt_tuning import PromptTuning
from tests.support.ways import answers, kept, silent

QUICK = {"learning_rates": (1e-2,), "min_steps": 4, "epochs": 1, "batch_size": 4, "evaluations": 2}
PROBE, ASKED = LinearProbe(**QUICK), InContext(shots=2, draws=2)


@pytest.fixture
def room() -> Iterator[None]:
    MEMO.room = 100_000_000
    yield
    MEMO.room = 0
    MEMO.forget()


def cell(way: Transfer, problem: Problem, name: str) -> dict[str, bytes]:
    """What is kept of a way's model, and what it says of the rows."""
    folder = problem.folder / f"{name}-{way.kind}"
    own = replace(problem, workplace=problem.workplace.within(f"{folder.name}-work"))
    own.folder.mkdir()
    kept(way.carry(own, silent), own, folder)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    draws = range(ASKED.draws if way is ASKED else 1)
    return files | {
        f"answers {draw}": answers(way, folder, own, draw).write_json().encode() for draw in draws
    }


@pytest.mark.parametrize(
    ("downstream", "ways"),
    [
        (Classification(), [PromptTuning(**QUICK, tokens=2), Lora(**QUICK), PROBE, ASKED]),
        (NamedEntities(), [Finetune(**QUICK, train_embeddings=(True,)), PROBE, ASKED]),
    ],
    ids=["classification", "ner"],
)
def test_shared_or_not_the_same_is_made(
    downstream: Downstream, ways: list[Transfer], make: Callable, room: None
) -> None:
    problem: Problem = make(downstream, "modernbert")
    shared = [cell(way, problem, name) for name in ("first", "second") for way in ways]
    MEMO.room = 0
    assert shared == 2 * [cell(way, problem, "alone") for way in ways]


def test_the_model_is_read_once(make: Callable, room: None) -> None:
    """Its weights are spoilt where no one is told: who reads them anew learns something else."""
    problem: Problem = make(NamedEntities(), "modernbert")
    first = cell(PROBE, problem, "first")
    weights = problem.source / "model.safetensors"
    found = weights.stat()
    with weights.open("r+b") as file:
        file.seek(found.st_size // 2)
        file.write(bytes(2000))
    os.utime(weights, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert cell(PROBE, problem, "second") == first
    MEMO.forget()
    assert cell(PROBE, problem, "anew") != first


def test_a_model_that_is_asked_reads_rows_once_for_all_demonstrations(make: Callable, room: None) -> None:
    problem: Problem = make(NamedEntities(), "modernbert")
    cell(ASKED, problem, "made")
    one, other = (ASKED.load(problem.folder / "made-in_context", problem.downstream, "cpu") for _ in range(2))
    assert isinstance(one, AskingPredictor) and isinstance(other, AskingPredictor)
    assert one.model is other.model
    MEMO.forget()
    read: list[int] = []
    one.model.base_model.register_forward_pre_hook(
        lambda model, _, given: read.append(len(given["input_ids"])), with_kwargs=True
    )
    rows = problem.validation
    for draw, predictor in enumerate((one, other)):
        predictor.outputs(rows, False, draw)
    assert sum(read) == rows.height + sum(shown.height for shown in one.demonstrations)


class Counted(Classification):
    """One that says how often it made model inputs of how many rows."""

    encoded: ClassVar[list[int]] = []

    def encode(self, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame, labelled: bool) -> list[Feature]:
        self.encoded.append(rows.height)
        return super().encode(tokenizer, rows, labelled)


def test_rows_are_cut_into_tokens_once_and_nothing_of_a_model_that_reads_them_stays(
    make: Callable, room: None
) -> None:
    short = Counted(max_length=8)  # so that texts are cut, which a tokenizer keeps in mind
    problem: Problem = make(short, "modernbert")
    first = cell(PROBE, problem, "first")
    before = len(Counted.encoded)
    warmer = replace(problem, downstream=problem.downstream.model_copy(update={"temperature": 2.0}))
    assert cell(PROBE, problem, "second") == first
    assert cell(PROBE, warmer, "warmer")["answers 0"] != first["answers 0"]
    assert len(Counted.encoded) == before
    longer = replace(problem, downstream=problem.downstream.model_copy(update={"max_length": 9}))
    cell(PROBE, longer, "longer")
    assert len(Counted.encoded) > before
    MEMO.room = 0
    assert cell(PROBE, problem, "alone") == first
