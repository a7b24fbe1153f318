"""The search over settings: trials one after another, chosen, as checkpoints are, on validation rows only.

Each trial that has ended stays in the problem's folder, and one that was killed goes on from its checkpoint, so no
trial runs twice.
"""

from pathlib import Path

from models.interfaces.transfer import Progress
from models.tuning.hyperparameters import Hyperparameters, Setting
from models.tuning.result import Result, read
from models.tuning.start import Start
from models.tuning.trial import run_trial


class Search:
    """Trials one after another; those that have ended before are read, not run."""

    def __init__(self, config: Hyperparameters, start: Start, on_progress: Progress) -> None:
        self.config, self.start, self.on_progress = config, start, on_progress
        rows, settings = start.problem.train.height, config.settings()
        few = min(rows, config.search_rows)
        self._stages = [rows] if few == rows or len(settings) == 1 else [few, rows]
        ways = len(set(config.train_embeddings))
        self._total = config.steps(self._stages[0]) * len(settings)
        self._total += ways * sum(config.steps(count) for count in self._stages[1:])
        self._done = 0
        self.results: list[Result] = []
        """Of every trial, in the order in which they were run."""

    def best(self) -> tuple[Result, Path]:
        """The best trial on all rows, and its folder. Where rows are many, settings are tried on few of them first."""
        results = self._try(self._stages[0], self.config.settings())
        for count in self._stages[1:]:
            results = self._try(count, best_of_each_way(results))
        best = max(results, key=lambda result: result.score)
        return best, self._folder(best.rows, Setting(best.learning_rate, best.train_embeddings))

    @property
    def diverged(self) -> bool:
        """Whether the loss stayed finite in none of the trials."""
        return all(result.diverged for result in self.results)

    def _try(self, rows: int, settings: list[Setting]) -> list[Result]:
        """What `settings` come to on the first `rows` training rows."""
        results = [self._trial(rows, setting) for setting in settings]
        self.results += results
        return results

    def _trial(self, rows: int, setting: Setting) -> Result:
        before, share = self._done, self.config.steps(rows)
        self._done += share
        folder = self._folder(rows, setting)
        return read(folder) or run_trial(
            self.config,
            self.start,
            rows,
            setting,
            folder,
            lambda part, text: self.on_progress(before + round(part * share), self._total, text),
        )

    def _folder(self, rows: int, setting: Setting) -> Path:
        frozen = "" if setting.train_embeddings else "-frozen"
        return self.start.problem.folder / f"trial-{rows}-{setting.learning_rate:g}{frozen}"


def best_of_each_way(results: list[Result]) -> list[Setting]:
    """The best learning rate with embeddings that learn, and with embeddings that stay.

    A rate that is good on some rows is good on more; whether embeddings should learn turns on how many rows there are.
    """
    best: dict[bool, Result] = {}
    for result in sorted(results, key=lambda result: result.score, reverse=True):
        best.setdefault(result.train_embeddings, result)
    return [Setting(result.learning_rate, way) for way, result in best.items()]
