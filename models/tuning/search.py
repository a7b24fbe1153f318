"""The search over settings: trials one after another, chosen, as checkpoints are, on validation rows only.

Each trial that has ended stays in the problem's folder, and one that was killed goes on from its checkpoint, so no
trial runs twice. A study is told again what its trials came to, and goes on as if nothing had happened.
"""

import math
from pathlib import Path

import polars as pl

from models.inference.inputs import Inputs
from models.interfaces.transfer import Progress
from models.seeds import derive
from models.tuning.hyperparameters import Hyperparameters, Setting
from models.tuning.result import Result, read
from models.tuning.start import Start
from models.tuning.trial import run_trial


class Search:
    """Trials one after another; those that have ended before are read, not run."""

    def __init__(self, config: Hyperparameters, start: Start, on_progress: Progress) -> None:
        self.config, self._start, self.on_progress = config, start, on_progress
        rows = start.problem.train.height
        few = min(rows, config.search_rows)
        self._stages = [rows] if few == rows or config.trials == 1 else [few, rows]
        ways = len(config.ways)
        self._total = config.steps(self._stages[0]) * config.trials
        self._total += ways * sum(config.steps(count) for count in self._stages[1:])
        self._done = 0
        self._read: dict[tuple[int, str], tuple[Inputs, Inputs]] = {}
        self.results: list[Result] = []
        """Of every trial, in the order in which they were run."""

    def best(self) -> Result:
        """The best trial on all rows. Where rows are many, settings are tried on few of them first."""
        results = self._tried(self._stages[0])
        for count in self._stages[1:]:
            results = [self._trial(count, setting) for setting in best_of_each_way(results)]
        return max(results, key=lambda result: result.score)

    @property
    def diverged(self) -> bool:
        """Whether the loss stayed finite in none of the trials."""
        return all(result.diverged for result in self.results)

    def start(self, setting: Setting) -> Start:
        """What a trial starts from."""
        return self.config.at(setting).start(self._start.problem) if setting.others else self._start

    def folder(self, result: Result) -> Path:
        """What a trial has left."""
        return self._folder(result.rows, result.setting)

    def _tried(self, rows: int) -> list[Result]:
        """What all settings come to on the first `rows` training rows: those of the grid, or of a study."""
        search = self.config.search
        if search is None:
            return [self._trial(rows, setting) for setting in self.config.settings()]
        from models.tuning.study import Study  # optuna, which few searches need

        study, results = Study(self.config, search, derive(self._start.problem.seed, "search")), []
        for _ in range(search.trials):
            number, setting = study.ask()
            results.append(self._trial(rows, setting))
            study.tell(number, results[-1].score)
        return results

    def _trial(self, rows: int, setting: Setting) -> Result:
        before, share = self._done, self.config.steps(rows)
        self._done += share
        folder, config, start = self._folder(rows, setting), self.config.at(setting), self.start(setting)
        result = read(folder) or run_trial(
            config,
            start,
            self._data(config, start, rows),
            setting,
            folder,
            self._to_beat(rows),
            lambda part, text: self.on_progress(before + round(part * share), self._total, text),
        )
        self.results.append(result)
        self._start.problem.on_trial(len(self.results), result.trial())
        return result

    def _data(self, config: Hyperparameters, start: Start, rows: int) -> tuple[Inputs, Inputs]:
        """The first `rows` training rows and the validation rows, each with the pool after them; read once for all
        trials with one beginning."""
        problem, place = start.problem, (rows, config.beginning)
        if place not in self._read:
            parts = (problem.train.head(rows), problem.validation)
            train, validation = (
                Inputs(problem.downstream, start.tokenizer, pl.concat([part, problem.pool]), labelled=True)
                for part in parts
            )
            self._read = {place: (train, validation)}
        return self._read[place]

    def _to_beat(self, rows: int) -> float | None:
        """What a model on so many rows must be better than to be kept: none of those that were only tried."""
        if rows != self._stages[-1]:
            return math.inf
        return max((result.score for result in self.results if result.rows == rows), default=None)

    def _folder(self, rows: int, setting: Setting) -> Path:
        return self._start.problem.folder / f"trial-{rows}-{setting.slug}"


def best_of_each_way(results: list[Result]) -> list[Setting]:
    """The best setting with embeddings that learn, and with embeddings that stay.

    A rate that is good on some rows is good on more; whether embeddings should learn turns on how many rows there are.
    """
    best: dict[bool, Result] = {}
    for result in sorted(results, key=lambda result: result.score, reverse=True):
        best.setdefault(result.train_embeddings, result)
    return [result.setting for result in best.values()]
