"""A step that learns a toy model, on one process or several."""

import json
import os
import signal
from pathlib import Path

from pydantic import Field

from models.config import PLUMBING, Config
from models.errors import DataError
from models.training.optimizers import OptimizerConfig
from models.training.settings import Sharding
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
    fails: str = Field(default="", json_schema_extra=PLUMBING)
    """RANK@STEP: this one finds bad data there."""


@step(refs.Model, process="exclusive")
def learn(job: Job, config: Learning) -> None:
    """Learns masked words of random texts; keeps the weights and the curve."""
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
        here = f"{team().rank}@{at}"
        if here == config.fails:
            raise DataError(f"the text of step {at} is bad")
        if here == config.ends and not (job.work / "killed").exists():
            (job.work / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [batch_at(at * config.accumulated + part) for part in range(config.accumulated)]

    history = train(
        model,
        batches_at,
        objective.losses,
        Plan(
            steps=config.steps,
            optimizer=config.optimizer,
            seed=1,
            log_every=2,
            workplace=job.workplace.within("checkpoints"),
            checkpoint_seconds=0,
            sharding=config.sharding,
        ),
        targets_of=objective.targets,
        part_of=objective.part,
        on_log=job.curve,
        on_progress=job.progress,
    )
    if job.leads:
        torch.save(model.state_dict(), job.out / "weights.pt")
        lasting = [{k: v for k, v in point.items() if not _measured(k)} for point in history]
        (job.out / "curve.json").write_text(json.dumps(lasting))


def _measured(name: str) -> bool:
    return name in ("train/tokens_per_second", "train/memory_bytes")


def curve_of(folder: Path) -> list[dict[str, float]]:
    """The curve that `learn` keeps."""
    return json.loads((folder / "curve.json").read_text())
