"""Contrastive few-shot learning: what it is worth, what it learns from, and the plain model it leaves."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from models.backbone import mean_layer
from models.backbone.heads import from_scratch
from models.downstream.classification import Classification
from models.downstream.pair import Pair
from models.inference.inputs import Inputs
from models.modes import fitting
from models.transfer.contrastive import Contrastive
from models.transfer.linear_probe import LinearProbe
from models.tuning.contrastive import Pairs, pair_loss
from tests.support.reviews import reviews
from tests.support.ways import answers, kept, silent

WAY = Contrastive(learning_rates=(3e-3,), train_embeddings=True, steps=80, batch_size=16)


@pytest.mark.parametrize("small_model", ["bert"], indirect=True)
def test_it_is_better_than_chance_and_than_a_linear_probe_where_no_vector_tells_classes_yet(
    make_problem: Callable, tmp_path: Path
) -> None:
    problem = make_problem(tmp_path / "work", 32)  # of random weights, so that a probe has little to see
    tuned = WAY.carry(problem, silent)
    probe = LinearProbe(learning_rates=(1e-3,), min_steps=12, batch_size=8, evaluations=1)
    probed = probe.carry(make_problem(tmp_path / "probe", 32), silent)
    test, scores = reviews(100, seed=9), {}
    for name, (way, made) in {"contrastive": (WAY, tuned), "probe": (probe, probed)}.items():
        predictor = way.load(kept(made, problem, tmp_path / f"kept-{name}"), problem.downstream, "cpu")
        features, outputs = predictor.outputs(test, False)
        found = problem.downstream.decode(outputs, features, test)
        scores[name] = problem.downstream.evaluate(test, found)["accuracy"]
    assert scores["contrastive"] > max(0.75, scores["probe"] + 0.1)


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
@pytest.mark.parametrize("downstream", [Classification(), Pair()], ids=lambda item: item.kind)
def test_what_it_leaves_is_a_plain_model_and_the_same_each_time(
    downstream: Classification | Pair, preset: str, make: Callable, tmp_path: Path
) -> None:
    problem, way = make(downstream, preset), WAY.model_copy(update={"steps": 3})
    first = way.carry(problem, silent)
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(first.model)
    assert loaded.config.num_hidden_layers == {"bert": 3, "modernbert": 2}[preset]
    folder = kept(first, problem, tmp_path / "kept")
    found = answers(way, folder, problem)
    assert problem.downstream.evaluate(problem.validation, found) == pytest.approx(
        {name: value for name, value in first.metrics.items() if name != "loss"}
    )
    digest = hashlib.sha256((first.model / "model.safetensors").read_bytes()).hexdigest()
    (problem.folder / "pairs-0.003").rename(problem.folder / "before")
    again = way.carry(problem, silent)
    assert hashlib.sha256((again.model / "model.safetensors").read_bytes()).hexdigest() == digest


def test_pairs_are_drawn_of_every_class_alike_and_depend_on_the_seed_alone(review_tokenizer) -> None:
    rows = reviews(20, seed=1).sort("label")[:14]  # ten of one class, four of the other
    inputs = Inputs(Classification(classes=("0", "1")), review_tokenizer, rows, labelled=True)
    for step in range(5):
        labels = Pairs(inputs, 8, seed=1)(step)[0]["labels"].tolist()
        assert sorted(labels) == [0, 0, 0, 0, 1, 1, 1, 1]
    batches = [
        [Pairs(inputs, 8, seed)(step)[0]["input_ids"].tolist() for step in range(5)] for seed in (1, 1, 2)
    ]
    assert batches[0] == batches[1] != batches[2]


def test_the_loss_is_that_of_cosines_wanted_to_be_1_within_a_class_and_0_across() -> None:
    states = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    cosine = float(np.sqrt(0.5))
    within, across = (0 - 1) ** 2, (cosine**2 + cosine**2) / 2
    assert float(pair_loss(states, torch.tensor([1, 1, 0]))) == pytest.approx((within + across) / 2)
    assert float(pair_loss(states, torch.tensor([0, 1, 2]))) == pytest.approx(2 * cosine**2 / 3)


@pytest.mark.parametrize("small_model", ["bert"], indirect=True)
def test_the_added_layer_gives_the_head_the_mean_of_all_tokens(review_tokenizer, small_model) -> None:
    downstream = Classification(classes=("0", "1"))
    model = from_scratch(downstream, review_tokenizer, small_model, dropout=0.0, seed=1).eval()
    texts = review_tokenizer(["좋은 영화", "지루한 음악 나쁜 결말 장면"], padding=True, return_tensors="pt")
    texts = {name: texts[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        mask = texts["attention_mask"].unsqueeze(-1)
        states = model.base_model(**texts).last_hidden_state
        mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
        assert mean_layer.add(model)
        first = model.base_model(**texts).last_hidden_state[:, 0]
    assert torch.allclose(first, torch.nn.functional.layer_norm(mean, mean.shape[-1:]), atol=0.02)


def test_it_means_something_for_classes_and_a_model_that_reads_both_ways() -> None:
    assert all("contrastive" in fitting(item, False) for item in (Classification(), Pair()))
    assert "contrastive" not in fitting(Classification(), True) | fitting(Pair(target="score"), False)
