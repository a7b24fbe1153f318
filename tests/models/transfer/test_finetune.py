"""Fine-tuning: chosen on validation rows, the same bytes whether or not it was interrupted."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from models.backbone import build
from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch, load, transferred
from models.downstream.classification import Classification
from models.errors import DataError
from models.inference.inputs import Inputs
from models.interfaces.transfer import Problem, Tuned
from models.transfer.finetune import Finetune
from models.tuning.linear_start import fit_last_layer
from models.tuning.trial import Batches
from models.workplace import Workplace

GOOD, BAD = ("좋은", "멋진", "훌륭한", "재미있는"), ("나쁜", "지루한", "아까운", "시시한")
THINGS = ("영화", "음악", "연기", "이야기", "결말", "장면", "배우", "대사")
CONFIG = Finetune(
    learning_rates=(1e-3, 1e-2),
    train_embeddings=(True,),
    epochs=2,
    min_steps=12,
    batch_size=8,
    evaluations=3,
    search_rows=1000,
)


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told how it goes."""


def reviews(count: int, seed: int) -> pl.DataFrame:
    """Sentences of one to six words, one of which tells the label."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        label = number % 2
        words = list(generator.choice(THINGS, size=generator.integers(1, 6)))
        words.insert(int(generator.integers(0, len(words) + 1)), str(generator.choice((BAD, GOOD)[label])))
        rows.append({"id": f"{seed}-{number}", "text": " ".join(words), "label": str(label)})
    return pl.DataFrame(rows)


@pytest.fixture
def tokenizer(make_tokenizer) -> PreTrainedTokenizerFast:
    return make_tokenizer([*GOOD, *BAD, *THINGS] * 3)


@pytest.fixture
def make_problem(tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig) -> Callable[[Path], Problem]:
    downstream = Classification(classes=("0", "1"))

    def make(folder: Path, count: int = 40) -> Problem:
        tokenizer.save_pretrained(folder / "tokenizer")
        train, validation = reviews(count, 1), reviews(16, 2)
        return Problem(
            downstream,
            folder / "tokenizer",
            small_model,
            train,
            validation,
            train.clear(),
            1,
            Workplace("cpu", 1, folder),
            lambda number: train,
        )

    return make


def digest(tuned: Tuned) -> str:
    return hashlib.sha256((tuned.model / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_interrupted_anywhere_it_ends_with_the_same_weights(make_problem, tmp_path: Path) -> None:
    undisturbed = CONFIG.carry(make_problem(tmp_path / "once"), silent)

    class Killed(Exception):
        pass

    def kill_at(moment: int):
        def progress(done: int, total: int, text: str) -> None:
            if done == moment:
                raise Killed

        return progress

    for moment in (5, 14, 20):
        with pytest.raises(Killed):
            CONFIG.carry(make_problem(tmp_path / "killed"), kill_at(moment))
    resumed = CONFIG.carry(make_problem(tmp_path / "killed"), silent)
    assert digest(resumed) == digest(undisturbed)
    assert (resumed.setting, resumed.metrics, resumed.trials) == (
        undisturbed.setting,
        undisturbed.metrics,
        undisturbed.trials,
    )


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_ended_trials_do_not_run_again(make_problem, tmp_path: Path) -> None:
    CONFIG.carry(make_problem(tmp_path), silent)
    steps: list[int] = []
    CONFIG.carry(make_problem(tmp_path), lambda done, total, text: steps.append(done))
    assert steps == []


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_it_learns_and_keeps_what_is_best_on_validation_rows(make_problem, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    tuned = CONFIG.carry(make_problem(tmp_path, 160), lambda now, total, text: done.append((now, total)))
    assert tuned.metrics["accuracy"] >= 0.75
    assert tuned.metrics["accuracy"] == max(trial.metrics["accuracy"] for trial in tuned.trials)
    evaluated = [record["eval/accuracy"] for record in tuned.history if "eval/accuracy" in record]
    assert len(evaluated) == 1 + CONFIG.evaluations
    assert tuned.metrics["accuracy"] == max(evaluated)
    assert [now for now, _ in done] == list(range(1, 2 * CONFIG.steps(160) + 1))
    assert {total for _, total in done} == {2 * CONFIG.steps(160)}


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_a_start_that_training_only_spoils_is_kept(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path, 160)
    begun = CONFIG.start(problem)
    model = begun.model()
    right = (
        Inputs(problem.downstream, begun.tokenizer, rows, True)
        for rows in (problem.train, problem.validation)
    )
    fit_last_layer(model, *right)
    for part in (model, begun.tokenizer):
        part.save_pretrained(tmp_path / "fitted")

    wrong = problem.train.with_columns(label=pl.col("label").replace({"0": "1", "1": "0"}))
    config = CONFIG.model_copy(update={"linear_start": False})
    tuned = config.carry(replace(problem, source=tmp_path / "fitted", fresh=None, train=wrong), silent)
    assert tuned.setting["best_step"] == 0
    kept = load(tuned.model, problem.downstream)
    assert all(
        torch.equal(one, other) for one, other in zip(kept.parameters(), model.parameters(), strict=True)
    )


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_a_rate_that_diverges_is_a_poor_one_unless_all_do(make_problem, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"learning_rates": (1e30, 1e-3)})
    tuned = config.carry(make_problem(tmp_path / "one"), silent)
    assert [trial.diverged for trial in tuned.trials] == [True, False]
    with pytest.raises(DataError, match="add lower ones"):
        CONFIG.model_copy(update={"learning_rates": (1e30,)}).carry(make_problem(tmp_path / "all"), silent)


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_many_rows_are_searched_on_few_and_trained_on_all(make_problem, tmp_path: Path) -> None:
    tuned = CONFIG.model_copy(update={"search_rows": 16}).carry(make_problem(tmp_path, 40), silent)
    assert [trial.rows for trial in tuned.trials] == [16, 16, 40]
    searched = max(tuned.trials[:2], key=lambda trial: (trial.metrics["accuracy"], -trial.metrics["loss"]))
    assert tuned.setting["learning_rate"] == searched.learning_rate


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_whether_embeddings_learn_is_tried_on_all_rows(make_problem, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"search_rows": 16, "train_embeddings": (True, False)})
    tuned = config.carry(make_problem(tmp_path, 40), silent)
    assert [trial.rows for trial in tuned.trials] == [16] * 4 + [40] * 2
    assert {trial.train_embeddings for trial in tuned.trials[4:]} == {True, False}


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_one_rate_needs_no_search(make_problem, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"search_rows": 16, "learning_rates": (1e-3,)})
    tuned = config.carry(make_problem(tmp_path, 40), silent)
    assert [trial.rows for trial in tuned.trials] == [40]


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_frozen_embeddings_stay_as_they_are_and_both_ways_are_tried(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path / "frozen", 160)
    config = CONFIG.model_copy(update={"train_embeddings": (False,), "linear_start": False})
    tuned = config.carry(problem, silent)
    start = config.start(problem).model()
    kept = load(tuned.model, problem.downstream)
    assert tuned.setting["best_step"] > 0
    assert torch.equal(kept.get_input_embeddings().weight, start.get_input_embeddings().weight)
    frozen = start.get_input_embeddings().weight.numel()
    assert tuned.trainable_parameters == start.num_parameters() - frozen
    both = CONFIG.model_copy(update={"train_embeddings": (True, False), "learning_rates": (1e-3,)})
    tried = both.carry(make_problem(tmp_path / "both"), silent).trials
    assert [trial.train_embeddings for trial in tried] == [True, False]


def test_each_epoch_holds_every_row_once_and_batches_are_functions_of_the_step(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    inputs = Inputs(Classification(classes=("0", "1")), tokenizer, reviews(37, 3), labelled=True)
    config = CONFIG.model_copy(update={"word_dropout": 0.5})
    batches = Batches(inputs, config, seed=1)
    forward = [batches(step) for step in range(10)]
    backward = [Batches(inputs, config, seed=1)(step) for step in reversed(range(10))][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    for epoch in range(2):
        assert sorted(index for batch in batches.epoch(epoch) for index in batch) == list(range(37))
    assert batches.epoch(0) != batches.epoch(1)


def test_word_dropout_hides_words_and_nothing_else(tokenizer: PreTrainedTokenizerFast) -> None:
    inputs = Inputs(Classification(classes=("0", "1")), tokenizer, reviews(64, 3), labelled=True)
    config = CONFIG.model_copy(update={"batch_size": 64, "word_dropout": 0.3})
    plain, hidden = (
        Batches(inputs, item, seed=1)(0) for item in (config.model_copy(update={"word_dropout": 0.0}), config)
    )
    changed = plain["input_ids"] != hidden["input_ids"]
    special = torch.isin(plain["input_ids"], torch.tensor(tokenizer.all_special_ids))
    assert not (changed & special).any()
    assert (hidden["input_ids"][changed] == tokenizer.mask_token_id).all()
    assert 0.2 < (changed.sum() / (~special).sum()).item() < 0.4


def test_linear_start_sets_the_last_layer_alone(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path, 160)
    begun = CONFIG.start(problem)
    model = begun.model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs, validation = (
        Inputs(problem.downstream, begun.tokenizer, rows, labelled=True)
        for rows in (problem.train, problem.validation)
    )
    assert fit_last_layer(model, inputs, validation)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    batch = inputs.batch(range(160))
    with torch.inference_mode():
        right = model.eval()(**batch).logits.argmax(dim=1) == batch["labels"]
    assert right.float().mean() > 0.6


def test_an_input_longer_than_the_model_is_refused(
    tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig
) -> None:
    downstream = Classification(classes=("0", "1"), max_length=512)
    with pytest.raises(DataError, match="max_length is 512, but the model has 128 positions"):
        from_scratch(downstream, tokenizer, small_model, dropout=0.0, seed=1)


def test_pretrained_weights_are_carried_over_and_only_the_head_is_new(
    tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig, tmp_path: Path
) -> None:
    pretrained = build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=7)
    pretrained.save_pretrained(tmp_path)
    model = transferred(Classification(classes=("a", "b", "c")), tokenizer, tmp_path, dropout=0.2, seed=1)
    for name, tensor in pretrained.base_model.state_dict().items():
        assert torch.equal(model.base_model.state_dict()[name], tensor), name
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.classifier_dropout == 0.2
    again = transferred(Classification(classes=("a", "b", "c")), tokenizer, tmp_path, dropout=0.2, seed=1)
    assert all(
        torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True)
    )


def test_scratch_of_a_given_model_shares_its_architecture_but_no_weight(
    tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig, tmp_path: Path
) -> None:
    downstream = Classification(classes=("0", "1"))
    pretrained = build.build(small_model, tokenizer, "AutoModelForMaskedLM", seed=7)
    pretrained.save_pretrained(tmp_path)
    scratch = from_scratch(downstream, tokenizer, ModelConfig(pretrained=str(tmp_path)), dropout=0.0, seed=1)
    mine, theirs = scratch.base_model.state_dict(), pretrained.base_model.state_dict()
    assert {name: item.shape for name, item in theirs.items()}.items() <= {
        name: item.shape for name, item in mine.items()
    }.items()
    embeddings = [model.get_input_embeddings().weight for model in (scratch, pretrained)]
    assert not torch.equal(*embeddings)


def test_a_tokenizer_of_another_model_is_refused(
    tokenizer: PreTrainedTokenizerFast, make_tokenizer, small_model: ModelConfig, tmp_path: Path
) -> None:
    build.build(small_model, make_tokenizer(["짧은 글"]), "AutoModelForMaskedLM", seed=7).save_pretrained(
        tmp_path
    )
    with pytest.raises(DataError, match="do not fit"):
        transferred(Classification(classes=("0", "1")), tokenizer, tmp_path, dropout=0.0, seed=1)
