"""Settings drawn by optuna one after another, each by what those before have come to.

What is drawn is a function of the seed and of the scores alone: whoever tells a new study the scores of an old one, in
their order, is asked to try the same settings. So nothing of a study is kept beside its trials.
"""

import math
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from models.tuning.hyperparameters import Hyperparameters, Setting
from models.tuning.space import Range, SearchConfig, Values

RANDOM_AT_FIRST = 10
"""Trials at most that are drawn at random before the estimator has something to go by; a third of few."""


class Study:
    """A search of one way of transfer."""

    def __init__(self, config: Hyperparameters, search: SearchConfig, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = {
            name: _distribution(values, whole=type(config.value(name)) is int)
            for name, values in config.space(search).items()
        }
        self._study = optuna.create_study(direction="maximize", sampler=_sampler(search, seed % 2**32))
        self._study.enqueue_trial(
            {
                name: config.value(name)
                for name, known in self._space.items()
                if _holds(known, config.value(name))
            }
        )

    def ask(self) -> tuple[int, Setting]:
        """The next setting to try, with its number."""
        trial = self._study.ask(self._space)
        return trial.number, Setting.of(trial.params)

    def tell(self, number: int, score: float) -> None:
        """What it has come to, higher is better."""
        if math.isfinite(score):
            self._study.tell(number, score)
        else:
            self._study.tell(number, state=TrialState.FAIL)


def _sampler(search: SearchConfig, seed: int) -> BaseSampler:
    if search.sampler == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=max(1, min(RANDOM_AT_FIRST, search.trials // 3)))


def _distribution(values: Values, *, whole: bool) -> BaseDistribution:
    if not isinstance(values, Range):
        return CategoricalDistribution(list(values))
    if whole:
        return IntDistribution(math.ceil(values.low), math.floor(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _holds(known: BaseDistribution, value: Any) -> bool:
    if isinstance(known, CategoricalDistribution):
        return value in known.choices
    return isinstance(known, IntDistribution | FloatDistribution) and known.low <= value <= known.high
