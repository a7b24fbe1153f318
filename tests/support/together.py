"""A step that learns a toy model, on one process or several."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from models.config import PLUMBING, Config
from models.errors import DataError
from models.training.optimizers import OptimizerConfig
from models.training.record import Record, lasting
from models.training.settings import Sharding
from models.workplace import Workplace
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job

WORDS, LENGTH = 200, 12


class Learning(Config):
    """`word` is there to make another key."""

    word: str = ""
    steps: int = 12
    rows: int = 7
    accumulated: int = 1
    dropout: float = 0.0
    optimizer: OptimizerConfig = OptimizerConfig(kind="muon", learning_rate=0.01)
    bag_of_words: float = 0.3
    candidates: int | None = 20
    sharding: Sharding = Field(default="none", json_schema_extra=PLUMBING)
    ends: str = Field(default="", json_schema_extra=PLUMBING)
    """RANK@STEP: this one kills itself there, the first time."""
    checkpoint_seconds: float = Field(default=0.0, json_schema_extra=PLUMBING)
    fails: str = Field(default="", json_schema_extra=PLUMBING)
    """RANK@STEP: this one finds bad data there."""


def learnt(
    config: Learning,
    workplace: Workplace,
    look: Callable[[int], None] = lambda step: None,
    on_log: Callable[[Record], None] = lambda record: None,
    on_progress: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> tuple[Any, list[Record]]:
    """A model that has learnt masked words of random texts, and its curve; `look` is called before each step."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    from models.interfaces.objective import Vocabulary
    from models.training.distributed import team
    from models.training.loop import train
    from models.training.plan import Plan
    from models.upstream.mlm import MaskedLanguageModelling

    objective = MaskedLanguageModelling(candidates=config.candidates, bag_of_words=config.bag_of_words)
    vocabulary = Vocabulary(torch.tensor([0, 1]), 1, torch.ones(WORDS, dtype=torch.long))
    torch.manual_seed(team().rank)  # all start with the weights of the first
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    drop = {"hidden_dropout_prob": config.dropout, "attention_probs_dropout_prob": config.dropout}
    model = BertForMaskedLM(BertConfig(vocab_size=WORDS, **shape, **drop))

    def batch_at(number: int) -> dict[str, torch.Tensor]:
        random = torch.Generator().manual_seed(number)
        lengths = torch.randint(4, LENGTH + 1, (config.rows, 1), generator=random)
        mask = (torch.arange(LENGTH) < lengths).long()
        ids = torch.randint(2, WORDS, (config.rows, LENGTH), generator=random) * mask
        return objective.batch({"input_ids": ids, "attention_mask": mask}, vocabulary, random)

    def batches_at(at: int) -> list[dict[str, torch.Tensor]]:
        look(at)
        return [batch_at(at * config.accumulated + part) for part in range(config.accumulated)]

    unseen = batch_at(10**6)
    history = train(
        model,
        batches_at,
        objective.losses,
        Plan(
            steps=config.steps,
            optimizer=config.optimizer,
            seed=1,
            log_every=2,
            evaluate_every=3,
            keep_best=lambda found: -found["loss"],
            workplace=workplace,
            checkpoint_seconds=config.checkpoint_seconds,
            sharding=config.sharding,
        ),
        targets_of=objective.targets,
        part_of=objective.part,
        evaluate=lambda model: {"loss": objective.evaluate(model, unseen)[0]},
        on_log=on_log,
        on_progress=on_progress,
    )
    return model, history


def keep(folder: Path, model: Any, history: list[Record]) -> None:
    """Writes weights and curve down."""
    import torch

    torch.save(model.state_dict(), folder / "weights.pt")
    (folder / "curve.json").write_text(json.dumps([lasting(point) for point in history]))


@step(refs.Model, process="exclusive")
def learn(job: Job, config: Learning) -> None:
    """Learns masked words of random texts; keeps the weights and the curve."""
    from models.training.distributed import team

    def look(at: int) -> None:
        here = f"{team().rank}@{at}"
        if here == config.fails:
            raise DataError(f"the text of step {at} is bad")
        if here == config.ends and not (job.work / "killed").exists():
            (job.work / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    model, history = learnt(config, job.workplace.within("checkpoints"), look, job.curve, job.progress)
    if job.leads:
        keep(job.out, model, history)


class Stop(Exception):
    """Stands for a kill between two steps."""


def learn_each_way(rank: int, place: Path, ways: Mapping[str, Learning]) -> None:
    """What each of two processes does: learns undisturbed, then stopped in the middle and going on."""
    import torch

    from models.training import distributed

    torch.set_num_threads(1)

    def stop(at: int) -> None:
        if at == 3:
            raise Stop

    with distributed.joined(rank, 2, "cpu", place / "meeting") as team:
        for name, config in ways.items():
            calm, stopped = place / name / "calm", place / name / "stopped"
            found = learnt(config, Workplace("cpu", 1))
            if team.leads:
                calm.mkdir(parents=True)
                keep(calm, *found)
            with suppress(Stop):
                learnt(config, Workplace("cpu", 1, stopped / "work"), stop)
            if team.leads:
                shutil.copytree(stopped / "work", place / name / "alone" / "work")
            team.said_by_leader(None)  # it is copied
            rarely = config.model_copy(update={"checkpoint_seconds": 1e9})
            found = learnt(rarely, Workplace("cpu", 1, stopped / "work"))
            if team.leads:
                keep(stopped, *found)


def curve_of(folder: Path) -> list[Record]:
    """The curve that was kept."""
    return json.loads((folder / "curve.json").read_text())


def weights_of(folder: Path) -> dict[str, Any]:
    """The weights that were kept."""
    import torch

    return torch.load(folder / "weights.pt")


def assert_close(one: Path, other: Path) -> None:
    """The same within what docs/several-processes.md promises."""
    import pytest
    import torch

    for name, weight in weights_of(one).items():
        torch.testing.assert_close(weight, weights_of(other)[name], rtol=1e-4, atol=5e-5)
    for point, same in zip(curve_of(one), curve_of(other), strict=True):
        assert point == pytest.approx(same, rel=1e-4)


def assert_same(one: Path, other: Path) -> None:
    """The same bits."""
    import torch

    assert curve_of(one) == curve_of(other)
    assert all(torch.equal(weight, weights_of(other)[name]) for name, weight in weights_of(one).items())
