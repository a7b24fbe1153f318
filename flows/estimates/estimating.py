"""What all steps of a run will take: as they took before, as a probe has shown, or by rule of thumb."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.estimates import rules
from flows.estimates.past import WORK, Past
from flows.estimates.probing import Measured, Probes
from flows.estimates.quantities import Estimate, Interval
from flows.estimates.rates import Adapting, Pretraining, Rows
from flows.estimates.seats import with_starts
from models.pretraining.pretrain import PretrainConfig
from tasks.adapt import AdaptConfig
from tasks.environment import Machine
from tasks.graph import refs
from tasks.graph.refs import Ref, ordered
from tasks.promote import PromoteConfig
from tasks.storage import artifacts
from tasks.storage.artifacts import Made
from tasks.storage.decoration import decorating

if TYPE_CHECKING:  # it imports Prefect, which a plan does not need
    from tasks.running.flow_run import FlowRun

SPREAD = 1.25, 1.35
"""By what a probe may be above and below what comes: real runs have the machine less to themselves."""


def estimated(
    recipe: str,
    machine: Machine,
    steps: Sequence[Ref],
    there: Mapping[Ref, Made],
    *,
    probe: Callable[[str], None] | None,
) -> dict[Ref, Estimate]:
    """What each of the `steps` that is not there will take.

    Args:
        recipe: its name, under which earlier runs are found.
        machine: where it will run.
        steps: all of a run, each after what it is made from.
        there: those that are there already.
        probe: what is told how it goes while steps without a past are probed; None: nothing is, but what is
            remembered of probes counts.
    """
    missing = [ref for ref in steps if ref not in there]
    probes = Probes(machine)
    estimating = _Estimating(recipe, probes, there)
    if probe is not None:
        unknown = probes.missing([ref for ref in missing if estimating.past(ref) is None])
        if unknown:
            folders = _folders(unknown, there)
            for ref, reason in probes.run_probes(unknown, folders, probe):
                probe(f"{ref.title} cannot be probed: {reason}")
    return with_starts({ref: estimating.of(ref) for ref in missing}, machine)


def expect(recipe: str, machine: Machine, run: "FlowRun") -> None:
    """Keep with the steps that a run is going to make what they will probably take; nothing is probed."""
    with decorating("what steps will take"):
        there = run.there()
        found = estimated(recipe, machine, [*there, *run.missing()], there, probe=None)
        run.expect(
            {
                ref: {**estimate.described(), WORK: rules.work(ref)}
                for ref, estimate in found.items()
                if estimate.basis
            }
        )


def _folders(unknown: Sequence[Ref], there: Mapping[Ref, Made]) -> dict[str, Path]:
    """Where what probes can use lies, as far as it is there."""
    wanted = [
        ref for ref in ordered(list(unknown)) if isinstance(ref, refs.Tokenizer | refs.Model | refs.Split)
    ]
    return {ref.key: artifacts.files(ref) for ref in wanted if ref in there}


class _Estimating:
    def __init__(self, recipe: str, probes: Probes, there: Mapping[Ref, Made]) -> None:
        self._past, self._probes, self._there = Past(recipe, self._work), probes, there
        self._before: dict[Ref, Estimate | None] = {}
        self._measured: dict[Ref, Measured | None] = {}

    def of(self, ref: Ref) -> Estimate:
        """Of one step."""
        return self.past(ref) or self._probed(ref) or self._by_rule(ref)

    def past(self, ref: Ref) -> Estimate | None:
        """As it was before."""
        if ref not in self._before:
            self._before[ref] = self._past.estimate(ref)
        return self._before[ref]

    def _work(self, ref: Ref, labels: int | None) -> float | None:
        """What an adaptation would take at another number of labels, by probe or in training steps."""
        config, rows = ref.config, self._rows(ref)
        if not isinstance(ref, refs.Adapted) or not isinstance(config, AdaptConfig) or rows is None:
            return None
        config = config if labels is None else config.model_copy(update={"labels": labels})
        measured = self._measure(ref)
        if isinstance(measured, tuple):
            return measured[1].seconds(config, rows)
        return Adapting(once=0.0, asked=0.2, predicted=0.2, step=10.0, row=1.0).seconds(config, rows)

    def _measure(self, ref: Ref) -> Measured | None:
        if ref not in self._measured:
            self._measured[ref] = self._probes.known(ref)
        return self._measured[ref]

    def _rows(self, ref: Ref) -> Rows | None:
        """How many labelled rows a step has before it, where that is known."""
        split = ref.inputs.get("rows")
        made = self._there.get(split) if isinstance(split, refs.Split) else None
        if made is not None:
            sizes = (int(made.metrics.get(f"parts/{part}", 0)) for part in ("train", "validation", "test"))
            return Rows(*sizes)
        adapted = ref if isinstance(ref, refs.Adapted) else ref.inputs.get("adapted")
        measured = self._measure(adapted) if isinstance(adapted, refs.Adapted) else None
        return measured[0] if isinstance(measured, tuple) else None

    def _probed(self, ref: Ref) -> Estimate | None:
        """By what a probe of it, or of the model that it asks, has measured."""
        config = ref.config
        if isinstance(config, PretrainConfig):
            return self._pretraining(ref, config)
        if isinstance(ref, refs.Predictions):
            measured, rows = self._measure(ref.adapted), self._rows(ref)
            if not isinstance(measured, tuple) or rows is None:
                return None
            seconds = rules.STEP + rows.test * measured[1].predicted
            memory = Interval.around(measured[1].memory, 1.2, 1.2)
            return Estimate(
                Interval.around(seconds, 1.5, 2.0),
                memory,
                Interval.around(1e3 * rows.test, 3, 3),
                "probe",
            )
        if isinstance(ref, refs.Promotion) and isinstance(config, PromoteConfig):
            return self._promotion(ref, config)
        measured, rows = self._measure(ref), self._rows(ref)
        if not isinstance(measured, tuple) or rows is None or not isinstance(config, AdaptConfig):
            return None
        less, more = SPREAD if config.way else (2.0, 2.0)
        found = measured[1]
        more_rows = 3e3 * rows.learnt(config)
        return Estimate(
            Interval.around(rules.STEP + found.seconds(config, rows), less, more),
            Interval(found.memory / 1.1, found.memory + more_rows, 1.2 * found.memory + 3 * more_rows),
            Interval.around(found.disk, 1.1, 1.2),
            "probe",
        )

    def _promotion(self, ref: refs.Promotion, config: PromoteConfig) -> Estimate | None:
        measured = [self._measure(item) for item in ref.adapted]
        known = [item for item in measured if isinstance(item, tuple)]
        if not known or len(known) < len(measured):
            return None
        seconds = sum(
            1.0 + rows.judged_by_all(config.validation_rows) * found.predicted for rows, found in known
        )
        return Estimate(
            Interval.around(seconds, 2.0, 2.0),
            None,
            Interval.around(1e6, 3.0, 3.0),
            "probe",
        )

    def _pretraining(self, ref: Ref, config: PretrainConfig) -> Estimate | None:
        found = self._measure(ref)
        if not isinstance(found, Pretraining):
            return None
        tokens = config.train.tokens
        if tokens is None and (read := rules.megabytes(ref)) is not None:
            tokens = (config.train.epochs or 1.0) * read * 1e6 * found.tokens_a_byte
        if tokens is None:
            return None
        return Estimate(
            Interval.around(rules.STEP + found.seconds(config.train, tokens), *SPREAD),
            Interval.around(found.memory, 1.1, 1.3),
            Interval.around(found.disk, 1.05, 1.1),
            "probe",
        )

    def _by_rule(self, ref: Ref) -> Estimate:
        config = ref.config
        if isinstance(config, PretrainConfig):
            return rules.pretraining(ref, config)
        if isinstance(config, AdaptConfig):
            return rules.adapting(ref, config, self._rows(ref))
        return rules.data(ref) or Estimate()
