"""What a plan says a run will take: its arithmetic, and probes against the real thing."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from flows.estimates import estimating, past, probe, probing, rules, sampled, standing_in
from flows.estimates.quantities import Estimate, Interval
from flows.estimates.rates import Adapting, Pretraining, Rows
from flows.estimates.seats import OPENING, OWN_MEMORY, STARTING, total, with_starts
from flows.estimates.watched import Stage, Watched
from flows.graph.chain import chain, report_refs
from flows.recipe.recipe import Recipe
from models import files
from models.config import leaves
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import load_tokenizer
from models.workplace import Workplace
from tasks.adapt import AdaptConfig
from tasks.environment import Machine
from tasks.graph.refs import Adapted, Model, Ref, ordered
from tasks.graph.step import step_of
from tasks.running import expected
from tasks.storage import artifacts
from tasks.storage.artifacts import Made
from tests.support.recipes import SMALL, write


def exactly(value: float) -> Interval:
    return Interval(value, value, value)


def steps(recipe: Path, **overrides: Any) -> list[Ref]:
    """All steps of a recipe, settings given by their dotted path with `__` for dots."""
    loaded = Recipe.load(recipe, {name.replace("__", "."): value for name, value in overrides.items()})
    made = chain(loaded, [])
    return ordered([*made, *report_refs(loaded, [], made)])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write(tmp_path, SMALL)


@pytest.mark.parametrize(
    ("machine", "seconds", "memory"),
    [
        (Machine(threads=2, jobs=2), 60 + 20 + 10, 40),
        (Machine(threads=1, jobs=2), 60 + 20 + 20 + 10, 40),
        (Machine(threads=2, jobs=2, pretrainings=2), 60 + 20 + 10, 40 + 7),
    ],
)
def test_steps_take_their_turns_and_their_seats(
    recipe: Path, machine: Machine, seconds: float, memory: float
) -> None:
    """A pretraining has all seats, or leaves one to what needs no model where there may be two; two models are adapted
    at once where there are two seats; each waits for its inputs."""
    made = steps(recipe, upstreams__0__train__tokens=30_000)
    adapted = [ref for ref in made if ref.step == "adapt" and ref.about.mode in ("finetune", "baseline")]
    predicted = next(ref for ref in made if ref.step == "predict" and ref.about.mode == "finetune")
    pretrained = next(ref for ref in made if ref.step == "pretrain")
    twenty = Estimate(exactly(20), exactly(7), exactly(2))
    estimates = {
        pretrained: Estimate(exactly(60), exactly(40), exactly(3)),
        **dict.fromkeys(adapted, twenty),
        predicted: Estimate(exactly(10), None, exactly(1)),
    }
    whole = total(estimates, machine)
    assert whole.seconds == exactly(seconds) + OPENING
    assert whole.memory == exactly(memory) + OWN_MEMORY
    assert whole.disk == exactly(3 + 2 + 2 + 1)


def test_the_first_steps_wait_for_their_training_processes_to_start(recipe: Path) -> None:
    """The tokenizer's is there for all that come one by one; the second is started when two are adapted at once."""
    made = steps(recipe)
    found = with_starts(dict.fromkeys(made, Estimate(exactly(20), basis="rule")), Machine(threads=2, jobs=2))
    later = [ref for ref in made if found[ref].seconds == exactly(20) + STARTING]
    assert len(later) == 2 and {ref.step for ref in later} <= {"tokenizer", "adapt"}
    known = with_starts(dict.fromkeys(made, Estimate(exactly(20), basis="past")), Machine(threads=2, jobs=2))
    assert all(item.seconds == exactly(20) for item in known.values())


def test_a_great_many_shards_are_put_on_seats_in_no_time(recipe: Path) -> None:
    """Two steps of a shard, two seats: as many seconds as there are shards."""
    ingested = next(ref for ref in steps(recipe) if ref.step == "ingest")
    estimates: dict[Ref, Estimate] = {}
    for shard in range(2_000):
        first = replace(ingested, key=f"first {shard}")
        second = replace(ingested, key=f"second {shard}", inputs={"rows": first})
        estimates |= dict.fromkeys((first, second), Estimate(exactly(1)))
    begun = process_time()
    assert total(estimates, Machine(threads=2, jobs=2)).seconds == exactly(2_000) + OPENING
    assert process_time() - begun < 5


def test_a_file_that_is_read_in_pieces_counts_once(tmp_path: Path) -> None:
    """A corpus of one file takes as long in three shards as in one, and its sample is the same text."""
    path = tmp_path / "corpus.txt"
    path.write_text("".join(f"{line} and some more words\n" for line in range(100_000)), encoding="utf-8")
    source = {"kind": "files", "paths": [str(path)]}
    small = write(tmp_path, SMALL | {"corpus": {"sources": [source], "shard_megabytes": 1}})
    cut, whole = (steps(small), steps(small, corpus__shard_megabytes=100))
    assert [sum(ref.step == "ingest" for ref in made) - 1 for made in (cut, whole)] == [3, 1]
    read, once = (next(ref for ref in made if ref.step == "hold_out") for made in (cut, whole))
    assert rules.megabytes(read) == pytest.approx(path.stat().st_size / 1e6)
    assert rules.data(read) == rules.data(once)
    assert sampled.texts(read) == sampled.texts(once)


class Watching:
    """A run that has nothing yet, and keeps what is expected of it."""

    def __init__(self, made: list[Ref]) -> None:
        self._made, self.expected = made, dict[Ref, Any]()

    def there(self) -> dict[Ref, Made]:
        return {}

    def missing(self) -> list[Ref]:
        return self._made

    def expect(self, estimates: dict[Ref, Any]) -> None:
        self.expected = estimates


def test_a_grown_corpus_takes_longer_than_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the text, three times the seconds; an earlier run of which that is not known says nothing."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setattr(artifacts, "size", lambda run: 1_000)
    path = tmp_path / "corpus.txt"
    train = {"epochs": 2, "batch_tokens": 512}
    upstream = SMALL["upstreams"][0] | {"train": train}
    source = {"kind": "files", "paths": [str(path)]}
    small = write(tmp_path, SMALL | {"corpus": {"sources": [source]}, "upstreams": [upstream]})
    path.write_text("some words of text\n" * 1_000, encoding="utf-8")
    before, run = steps(small), Watching(steps(small))
    monkeypatch.setattr(artifacts, "finished", lambda recipe: iter(()))
    estimating.expect("small", Machine("cpu", 1), run)  # type: ignore[arg-type]
    path.write_text("some words of text\n" * 3_000, encoding="utf-8")
    for step in ("pretrain", "hold_out", "tokenizer", "ingest"):
        old, new = (next(ref for ref in made if ref.step == step) for made in (before, steps(small)))
        parameters = {name: str(value) for name, value in leaves(old.config.identity())}
        for tags, seconds in ((expected.tags(run.expected[old]), 300), ({}, None)):
            own = {"headwater.step": step, **new.about.tags()}
            made = Made("run", 100, {}, tags=own | tags, parameters=parameters)
            monkeypatch.setattr(artifacts, "finished", lambda recipe, made=made: iter((made,)))
            found = past.Past("small", lambda ref, labels: None).estimate(new)
            assert (found and found.seconds and found.seconds.about) == (seconds and pytest.approx(seconds))


def test_a_search_is_counted_trial_by_trial(recipe: Path) -> None:
    """Two rates with and without embeddings on few rows, then the better of each way on all; every look costs."""
    finetune = {"learning_rates": [1e-3, 2e-3], "train_embeddings": [True, False], "search_rows": 50}
    finetune |= {"epochs": 1, "min_steps": 1, "batch_size": 10, "evaluations": 2}
    made = steps(recipe, downstreams__0__finetune=finetune)
    config = next(ref.config for ref in made if ref.step == "adapt" and ref.about.mode == "finetune")
    assert isinstance(config, AdaptConfig)
    rates, rows = Adapting(once=1, asked=0.01, predicted=0, step=0.1), Rows(300, 60, 100)
    trained = 4 * 5 * 0.1 + 2 * 10 * 0.1
    looks, starts = 6 * 2 * 60 * 0.01, (50 + 60 + 100 + 60) * 0.01
    assert rates.seconds(config, rows) == pytest.approx(1 + trained + looks + starts)
    longer = rates.seconds(config.model_copy(update={"labels": None}), rows)
    assert longer == pytest.approx(rates.seconds(config, rows) + 2 * 20 * 0.1 + 200 * 0.01)


def test_what_changes_no_speed_is_not_probed_again(recipe: Path, tmp_path: Path) -> None:
    """More tokens, labels and seeds scale what is known; another model, or another number of threads, does not."""
    machine = Machine(device="cpu", threads=1)
    kept = probing.Probes(machine)
    wanted = [ref for ref in steps(recipe) if isinstance(ref, Model | Adapted)]

    def same(**overrides: Any) -> set[str]:
        return {
            kept.name(ref) or "" for ref in steps(recipe, **overrides) if isinstance(ref, Model | Adapted)
        }

    assert (
        len({kept.name(ref) for ref in wanted}) == 3
    )  # pretraining, fine-tuning and scratch alike, the baseline
    assert same() == same(upstreams__0__train__tokens=90_000, downstreams__0__labels=[50, 200], seed=1)
    assert not same() & same(upstreams__0__model__hidden_size=64) - same(downstreams__0__modes=["baseline"])
    assert len(same() - same(upstreams__0__encode__across_documents=True)) == 1  # the pretraining
    assert not same() & {probing.Probes(Machine(device="cpu", threads=2)).name(ref) for ref in wanted}


def test_a_probe_says_how_long_the_real_training_takes(recipe: Path, tmp_path: Path) -> None:
    """Of fine-tuning on all rows, tens of steps and several looks, from a probe of a few steps on some."""
    finetune = {"learning_rates": [3e-3], "train_embeddings": [True], "epochs": 1, "min_steps": 80}
    made = steps(recipe, downstreams__0__labels=["all"], downstreams__0__finetune=finetune)
    adapted = next(ref for ref in made if isinstance(ref, Adapted) and ref.about.mode == "scratch")
    stage = Stage(tmp_path / "stage", Workplace("cpu", 1), {})
    rows, measured = probe.adapting(stage, adapted)
    assert (rows.train, rows.validation, rows.test) == pytest.approx((300, 60, 100), rel=0.2)
    config = adapted.config
    assert isinstance(config, AdaptConfig)
    inputs = {ref.key: tmp_path / "stage" / "samples" / ref.key for ref in [adapted.rows]}
    inputs |= {ref.key: stage.folder / "tokenizers" / ref.key for ref in adapted.parents()} | inputs
    job = Watched(stage, "real", inputs)
    begun = stage.clock()
    step_of(adapted).fn(job, config, **adapted.inputs)
    real, told = stage.clock() - begun, measured.seconds(config, sampled.sizes(inputs[adapted.rows.key]))
    assert real / 2.5 < told < real * 2.5
    assert measured.disk == pytest.approx(files.size(job.out), rel=0.2)


def test_a_probe_of_pretraining_counts_tokens(recipe: Path, tmp_path: Path) -> None:
    """Twice the tokens is twice the time, and what is kept is the model's weights."""
    pretrained = next(ref for ref in steps(recipe) if isinstance(ref, Model))
    measured = probe.pretraining(Stage(tmp_path, Workplace("cpu", 1), {}), pretrained)
    assert 1e-7 < measured.judged < measured.token < 1e-3
    assert measured.disk > 4 * 600 * 32
    train = pretrained.config.train  # type: ignore[attr-defined]
    once = measured.seconds(train, 0)
    assert measured.seconds(train, 2e6) - once == pytest.approx(2 * (measured.seconds(train, 1e6) - once))


def test_documents_that_share_sequences_are_probed_so(recipe: Path, tmp_path: Path) -> None:
    """The same tokens, in sequences that are nearly full."""
    pretrained = next(ref for ref in steps(recipe) if isinstance(ref, Model))
    stage = Stage(tmp_path, Workplace("cpu", 1), {})
    tokenizer = load_tokenizer(standing_in.tokenizer(stage, standing_in.tokenizer_of(pretrained)))
    apart, joined = (
        sampled.encoded(
            stage,
            ["나는 학교에 간다"] * 200,
            tokenizer,
            EncodeConfig(sequence_length=64, across_documents=across),
        ).lengths
        for across in (False, True)
    )
    assert sum(apart) == sum(joined)
    assert max(apart) < 32 < sum(joined) / len(joined)


def test_after_a_probe_is_killed_the_others_go_on(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is named with the reason, and of the next the result is kept."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    pretrained = next(ref for ref in steps(recipe) if isinstance(ref, Model))
    adapted = next(ref for ref in steps(recipe) if isinstance(ref, Adapted))
    monkeypatch.setattr(probing, "adapting", killed)
    monkeypatch.setattr(probing, "pretraining", measured)
    probes = probing.Probes(Machine("cpu", 1))
    ((ref, reason),) = probes.run_probes([adapted, pretrained], {}, lambda text: None)
    assert ref == adapted
    assert "memory" in reason
    assert isinstance(probes.known(pretrained), Pretraining)


def killed(stage: Stage, ref: Ref) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def measured(stage: Stage, ref: Ref) -> Pretraining:
    return Pretraining(1.0, 1.0, 1.0, 1.0)


def test_what_cannot_be_probed_is_said_and_estimated_by_rule(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is probed where it was not asked for, and every step has an interval all the same."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    made = steps(recipe)
    found = estimating.estimated("nobody-ran-this", Machine("cpu", 1), made, {}, probe=None)
    assert list(found) == made
    assert {item.basis for ref, item in found.items() if ref.step in ("pretrain", "adapt")} == {"rule"}
    for item in found.values():
        assert item.seconds is None or item.seconds.low < item.seconds.about < item.seconds.high
