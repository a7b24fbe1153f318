"""Ways of transfer: what learns and what stays, and how a model is asked without learning."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
import transformers
from pydantic import ValidationError

from models.backbone.config import DECODERS
from models.backbone.layers import inner_matrices
from models.downstream.classification import Classification
from models.downstream.generation import Generation
from models.downstream.ner import NamedEntities
from models.downstream.pair import Pair
from models.downstream.qa import QuestionAnswering
from models.downstream.retrieval import Retrieval
from models.interfaces.asked import IN_CONTEXT
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Problem, Transfer
from models.kinds import find, kinds
from models.modes import fitting
from models.tokens.special import soft_prompt
from models.tokens.tokenizer import load_tokenizer
from models.transfer.in_context import InContext
from models.transfer.linear_probe import LinearProbe
from models.transfer.prompt_tuning import PromptTuning
from models.tuning.trained import Trained
from tests.support.ways import answers, kept, silent

TRAINED = {"finetune", "lora", "linear_probe", "scratch", "baseline"}
QUICK = {"learning_rates": (1e-2,), "min_steps": 12, "epochs": 1, "batch_size": 4, "evaluations": 2}
WAYS = [find("models.transfer", kind, Transfer) for kind in kinds("models.transfer")]
FEW = [
    way
    for way in WAYS
    if issubclass(way, Trained) and way.model_fields["train_embeddings"].default == (False,)
]
"""Every way that trains few of the weights."""
TRAINING = [way.model_validate(QUICK) for way in FEW]
PROMPTED = PromptTuning(**QUICK, tokens=3)


@pytest.mark.parametrize("preset", ["bert", "modernbert", "llama", "gpt2"])
@pytest.mark.parametrize("way", TRAINING, ids=lambda way: way.kind)
def test_few_weights_learn_and_the_model_is_a_plain_one(
    way: Transfer, preset: str, make: Callable, tmp_path: Path
) -> None:
    problem = make(Classification(), preset)
    tuned = way.carry(problem, silent)
    before, after = (
        LinearProbe().start(problem).model(),
        transformers.AutoModelForSequenceClassification.from_pretrained(tuned.model),
    )
    assert 0 < tuned.trainable_parameters < before.num_parameters() / 2
    words, others = before.get_input_embeddings().weight, after.get_input_embeddings().weight
    assert torch.equal(words, others[: len(words)])
    matrices = [f"{name}.weight" for name in inner_matrices(before.base_model)]
    changed = [
        name
        for name in matrices
        if not torch.equal(before.base_model.state_dict()[name], after.base_model.state_dict()[name])
    ]
    assert bool(changed) is (way.kind == "lora" and tuned.setting["best_step"] > 0)
    folder = kept(tuned, problem, tmp_path / "kept")
    assert problem.downstream.evaluate(problem.validation, answers(way, folder, problem))["accuracy"] >= 0.5


def test_a_soft_prompt_stands_before_each_text(make: Callable, tmp_path: Path) -> None:
    problem = make(Pair(), "bert")
    tuned = PROMPTED.carry(problem, silent)
    loaded = transformers.AutoTokenizer.from_pretrained(kept(tuned, problem, tmp_path / "kept") / "model")
    soft = soft_prompt(loaded)
    plain = load_tokenizer(problem.source)("비가 온다", "날이 맑다")["input_ids"]
    assert len(soft) == 3
    assert loaded("비가 온다", "날이 맑다")["input_ids"] == [plain[0], *soft, *plain[1:]]
    assert loaded("비가 온다")["input_ids"][1:4] == soft


def test_a_soft_prompt_of_a_causal_model_is_part_of_no_answer(make: Callable, tmp_path: Path) -> None:
    problem = make(Generation(max_new_tokens=8), "llama")
    tuned = PROMPTED.carry(problem, silent)
    texts = answers(PROMPTED, kept(tuned, problem, tmp_path / "kept"), problem)["text"]
    assert not any("prompt" in text for text in texts)


ASKED = [
    (Classification(), "bert"), (Classification(), "llama"), (Pair(), "modernbert"), (Pair(), "gpt2"),
    (Pair(target="score"), "bert"), (NamedEntities(), "bert"), (QuestionAnswering(), "llama"),
    (QuestionAnswering(unanswerable=True), "gpt2"),
    (Retrieval(), "bert"), (Retrieval(), "llama"), (Generation(max_new_tokens=8), "llama"),
]  # fmt: skip


@pytest.mark.parametrize(("downstream", "preset"), ASKED, ids=lambda item: getattr(item, "kind", item))
def test_a_model_is_asked_in_every_mode_that_means_something(
    downstream: Downstream, preset: str, make: Callable, tmp_path: Path
) -> None:
    problem = make(downstream, preset)
    modes = fitting(problem.downstream, preset in DECODERS)
    assert modes >= TRAINED and modes & {*IN_CONTEXT}
    for mode in sorted(modes & {*IN_CONTEXT}):
        empty = problem.train.clear()
        given = Problem(**{**vars(problem), "train": empty if mode == "zero_shot" else problem.train})
        way = InContext(draws=2)
        folder = kept(way.carry(given, silent), given, tmp_path / mode)
        predictor = way.load(folder, given.downstream, "cpu")
        assert predictor.draws == (1 if mode == "zero_shot" else 2)
        found = answers(way, folder, given, predictor.draws - 1)
        assert found["id"].to_list() == problem.validation["id"].to_list()
        assert given.downstream.evaluate(pl.concat([given.validation, given.pool]), found)
        assert answers(way, folder, given).equals(answers(way, folder, given))


def test_prototypes_tell_shown_rows_apart(make: Callable, tmp_path: Path) -> None:
    problem = make(Classification(), "bert")
    shown = Problem(**{**vars(problem), "draw": lambda number: problem.train})
    way = InContext(draws=1)
    found = answers(way, kept(way.carry(shown, silent), shown, tmp_path / "kept"), shown)
    assert problem.downstream.evaluate(problem.validation, found)["accuracy"] > 0.5


@pytest.mark.parametrize("way", FEW)
@pytest.mark.parametrize("asked", [[True], [False, True], []], ids=str)
def test_embeddings_that_stay_cannot_be_asked_to_learn(way: type[Transfer], asked: list[bool]) -> None:
    with pytest.raises(ValidationError, match="train_embeddings"):
        way.model_validate({"train_embeddings": asked})
