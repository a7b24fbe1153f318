"""The ways that `pretrain.py` compares: one text, one model, the same threads."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from benchmarks import gpu, pairs
from benchmarks.example_script import MASKED, Script, groups, lines
from benchmarks.same_text import LENGTH, SameText
from models.backbone import build
from models.pretraining.batches import Batches, vocabulary_of
from models.pretraining.pretrain import PretrainConfig, pretrain
from models.training.loop import train
from models.training.parts import tokens_in
from models.training.plan import Plan
from models.workplace import Workplace

BASE, OURS = "group_texts", "ours, as the recipe"
FEW = 2000
"""Texts, enough to compare speeds on."""


@dataclass(frozen=True)
class Setting:
    """What all ways have in common."""

    text: SameText
    upstream: Mapping[str, Any]
    options: argparse.Namespace
    folder: Path

    def config(self, *, objective: Any = None, **training: Any) -> PretrainConfig:
        """The recipe's upstream, with some of it otherwise."""
        changed = {
            "objective": objective or self.upstream["objective"],
            "train": self.upstream["train"] | training,
        }
        return PretrainConfig.model_validate({**self.upstream, **changed})

    def script(self, rows: Dataset, batch: int | None = None, *, sparse: bool = False) -> Script:
        """The script, with a fresh model; in batches of as many tokens as ours, if not of so many rows."""
        config = self.config()
        model = build.build(
            config.model, self.text.tokenizer, config.objective.model_class, 1, sparse_prediction=sparse
        )
        batch = batch or max(1, config.train.batch_tokens // LENGTH)
        return Script(model, rows, self.text.tokenizer, self.folder, batch=batch, rate=self.options.rate)

    def seconds(self, taken: pairs.Taken) -> float:
        """Those that count."""
        return taken.wall if self.options.unit == "wall" else taken.user


class Ours:
    """The project's own loop and batches, some steps at a time."""

    def __init__(self, text: SameText, config: PretrainConfig, threads: int) -> None:
        self.model = build.build(config.model, text.tokenizer, config.objective.model_class, config.seed)
        self._config, self._objective, self._threads = config, config.objective, threads
        words = vocabulary_of(text.train, text.tokenizer)
        self._objective.prepare(self.model, words)
        self.batches = Batches(self._objective, text.train, words, config.train.batch_tokens, config.seed)
        self._gone = 0

    def learn(self, steps: int) -> int:
        """Goes the next steps; tokens learnt from, padding aside."""
        gone, self._gone = self._gone, self._gone + steps
        history = train(
            self.model,
            lambda step: [self.batches.at(gone + step)],
            self._objective.losses,
            Plan(
                steps,
                self._config.train.optimizer,
                self._config.seed,
                workplace=Workplace("cpu", self._threads),
            ),
            targets_of=self._objective.targets,
        )
        return int(history[-1]["tokens"])

    def cost(self) -> tuple[float, float]:
        """FLOPs for a token learnt from: what is asked for, and what is computed for it."""
        some = [self.batches.at(step) for step in range(8)]
        tokens, places = sum(map(tokens_in, some)), sum(batch["input_ids"].numel() for batch in some)
        weighed = sum(tokens_in(batch) * batch["input_ids"].shape[1] for batch in some)
        states = sum(len(batch["places"]) + len(batch.get("bag", ())) for batch in some)
        scored = [len(batch["candidates"]) for batch in some if "candidates" in batch]
        words = sum(scored) / len(scored) if scored else None
        needed = gpu.flops_a_token(self.model, weighed / tokens, states / tokens, words)
        return needed, needed * places / tokens


def ways(setting: Setting) -> dict[str, Script | Ours]:
    """All that are compared, by name."""
    text, threads = setting.text, setting.options.threads
    few, plain = text.texts[:FEW], {"warm_start": False, "optimizer": {"kind": "adamw"}}
    grouped = groups(few, text.tokenizer, LENGTH)
    masked = {"kind": "mlm", "mask_rate": MASKED}
    sampled = masked | {"candidates": setting.upstream["objective"].get("candidates", 1024)}
    return {
        "line_by_line, padded": setting.script(lines(few, text.tokenizer, LENGTH, padded=True)),
        "line_by_line, dynamic": setting.script(lines(few, text.tokenizer, LENGTH, padded=False)),
        BASE: setting.script(grouped),
        f"{BASE}, sparse": setting.script(grouped, sparse=True),
        "ours, all words": Ours(text, setting.config(objective=masked, **plain), threads),
        "ours, sampled words": Ours(text, setting.config(objective=sampled, **plain), threads),
        OURS: Ours(text, setting.config(), threads),
    }


def learnt(setting: Setting, config: PretrainConfig) -> tuple[pairs.Taken, dict[str, float]]:
    """What a whole pretraining takes, and its losses."""
    text, kept = setting.text, []

    def whole() -> float:
        model, history = pretrain(
            config,
            text.train,
            text.held_out["alone"],
            text.tokenizer,
            Workplace("cpu", setting.options.threads),
        )
        kept.append(model)
        return history[-1]["tokens"]

    taken = pairs.once(whole)
    return taken, text.losses(kept[0])
