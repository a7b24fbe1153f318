"""The search over settings: trials one after another, chosen, as checkpoints are, on validation rows only.

Each trial that has ended stays in the problem's folder, and one that was killed goes on from its checkpoint, so no
trial runs twice.
"""

import json
from typing import Any

from models.interfaces.transfer import Problem, Progress
from models.tuning.schedule import Schedule, Setting
from models.tuning.trial import DONE, run_trial


class Search:
    """Trials one after another; those that have ended before are read, not run."""

    def __init__(self, config: Schedule, problem: Problem, on_progress: Progress) -> None:
        self.config, self.problem, self.on_progress = config, problem, on_progress
        rows, settings = problem.train.height, config.settings()
        few = min(rows, config.search_rows)
        self._stages = [rows] if few == rows or len(settings) == 1 else [few, rows]
        ways = len(set(config.train_embeddings))
        self._total = config.steps(self._stages[0]) * len(settings)
        self._total += ways * sum(config.steps(count) for count in self._stages[1:])
        self._done = 0
        self.trials: list[dict[str, Any]] = []
        """Every trial, in the order in which they were run."""

    def best(self) -> dict[str, Any]:
        """The best trial on all rows. With many rows the settings are tried on few of them first."""
        tried = self._tried(self._stages[0], self.config.settings())
        for count in self._stages[1:]:
            tried = self._tried(count, _best_of_each_way(tried))
        return max(tried, key=lambda item: item["score"])

    @property
    def diverged(self) -> bool:
        """Whether the loss stayed finite in none of the trials."""
        return all(item["diverged"] for item in self.trials)

    def _tried(self, rows: int, settings: list[Setting]) -> list[dict[str, Any]]:
        """What `settings` came to on the first `rows` training rows."""
        tried = [self._trial(rows, setting) for setting in settings]
        self.trials += tried
        return tried

    def _trial(self, rows: int, setting: Setting) -> dict[str, Any]:
        frozen = "" if setting.train_embeddings else "-frozen"
        folder = self.problem.scratch / f"trial-{rows}-{setting.learning_rate:g}{frozen}"
        before, share = self._done, self.config.steps(rows)
        if not (folder / DONE).is_file():
            run_trial(
                self.config,
                self.problem,
                rows,
                setting,
                folder,
                lambda part, text: self.on_progress(before + round(part * share), self._total, text),
            )
        self._done += share
        return json.loads((folder / DONE).read_text()) | {"folder": folder}


def _best_of_each_way(tried: list[dict[str, Any]]) -> list[Setting]:
    """The best learning rate with embeddings that learn, and with embeddings that stay.

    A rate that is good on some rows is good on more; whether embeddings should learn turns on how many rows there are.
    """
    best: dict[bool, dict[str, Any]] = {}
    for item in sorted(tried, key=lambda item: item["score"], reverse=True):
        best.setdefault(item["train_embeddings"], item)
    return [Setting(item["learning_rate"], way) for way, item in best.items()]
