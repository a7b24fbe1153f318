"""What every downstream in the folder must keep; a new one is found and checked by itself."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pandera.errors
import polars as pl
import pytest
import torch
import transformers
from polars.testing import assert_frame_equal

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.inference.inputs import Inputs, predict
from models.interfaces.downstream import Downstream
from models.kinds import find, kinds

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "classification": [
        {},
        {"target": "labels"},
        {"long": "windows", "max_length": 8, "stride": 2},
    ],
    "pair": [{}, {"target": "score"}, {"target": "score", "encoder": "bi"}],
    "qa": [{}, {"unanswerable": True}],
}
"""Settings that make a downstream another one; most have one form."""
FORMS = [(kind, form) for kind in kinds("models.downstream") for form in VARIANTS.get(kind, [{}])]


@pytest.fixture(params=FORMS, ids=lambda form: "-".join(map(str, (form[0], *form[1].values()))))
def downstream(request: pytest.FixtureRequest) -> Downstream:
    kind, settings = request.param
    found: Any = find("models.downstream", kind, Downstream)
    made = found.model_validate({"kind": kind, **settings})
    return made.settle(made.examples())


@pytest.fixture
def texts(downstream: Downstream) -> list[str]:
    rows = downstream.examples()
    return [text for name in rows.columns if rows[name].dtype == pl.String for text in rows[name]]


@pytest.fixture
def inputs(downstream: Downstream, texts: list[str], make_tokenizer) -> Inputs:
    return Inputs(downstream, make_tokenizer(texts), downstream.examples(), labelled=True)


@pytest.fixture(params=[0, 1], ids=["classic", "modern"])
def model(inputs: Inputs, request: pytest.FixtureRequest) -> transformers.PreTrainedModel:
    presets = ("gpt2", "llama") if inputs.downstream.decoder else ("bert", "modernbert")
    config = ModelConfig(preset=presets[request.param], hidden_size=32, layers=2, heads=2, max_positions=128)
    return from_scratch(inputs.downstream, inputs.tokenizer, config, dropout=0.0, seed=1)


def examples(inputs: Inputs) -> pl.DataFrame:
    """Rows that are predicted, without those that they speak of."""
    pool = inputs.downstream.pool
    return inputs.rows if pool is None else inputs.rows.filter(~pl.col(pool))


def trained(inputs: Inputs) -> list[int]:
    """Features that a model is trained on."""
    return [number for number, feature in enumerate(inputs.features) if not feature.pool]


def gold(inputs: Inputs) -> pl.DataFrame:
    """Predictions decoded from the outputs of a model that knows every answer."""
    oracle = [inputs.downstream.oracle(feature) for feature in inputs.features]
    return inputs.downstream.decode(oracle, inputs.features, inputs.rows)


def learning(model: transformers.PreTrainedModel, inputs: Inputs) -> Iterator[None]:
    """Each turn is a step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = inputs.batch(trained(inputs))
    while True:
        optimizer.zero_grad()
        inputs.downstream.loss(model.train(), batch).backward()
        optimizer.step()
        yield


def learn(model: transformers.PreTrainedModel, inputs: Inputs, steps: int) -> None:
    for _ in islice(learning(model, inputs), steps):
        pass


def test_schema_accepts_its_examples(downstream: Downstream) -> None:
    rows = downstream.examples()
    assert (rows if downstream.pool is None else rows.filter(~pl.col(downstream.pool))).height >= 8
    downstream.schema().validate(downstream.examples(), lazy=True)


def test_schema_rejects_each_corrupted_row(downstream: Downstream) -> None:
    corrupted = downstream.corrupted()
    assert corrupted.height > 0
    for number in range(corrupted.height):
        with pytest.raises(pandera.errors.SchemaErrors):
            downstream.schema().validate(corrupted[number : number + 1], lazy=True)


@pytest.mark.parametrize("form", ["a missing column", "a null", "another type"])
def test_schema_rejects_rows_of_another_form(downstream: Downstream, form: str) -> None:
    rows = downstream.examples()
    for name in downstream.schema().columns:
        broken = {
            "a missing column": rows.drop(name),
            "a null": rows.with_columns(pl.lit(None, rows[name].dtype).alias(name)),
            "another type": rows.with_columns(pl.lit(True).alias(name)),
        }[form]
        with pytest.raises(pandera.errors.SchemaErrors):
            downstream.schema().validate(broken, lazy=True)


def test_gold_comes_back_from_oracle_outputs_with_a_perfect_score(inputs: Inputs) -> None:
    predictions = gold(inputs)
    assert predictions["id"].to_list() == examples(inputs)["id"].to_list()
    scores = inputs.downstream.evaluate(inputs.rows, predictions)
    best = {name: score for name, score in scores.items() if name not in inputs.downstream.lower_is_better}
    assert best
    assert best == pytest.approx(dict.fromkeys(best, 1.0))


def test_shuffled_predictions_score_worse(inputs: Inputs) -> None:
    predictions = gold(inputs)
    turned = pl.concat([predictions[1:], predictions[:1]]).with_columns(id=predictions["id"])
    name = inputs.downstream.headline
    better, worse = (inputs.downstream.evaluate(inputs.rows, item)[name] for item in (predictions, turned))
    assert worse > better if name in inputs.downstream.lower_is_better else worse < better


def test_score_is_the_metric_of_the_summed_statistics(inputs: Inputs) -> None:
    predictions = gold(inputs)
    statistics = inputs.downstream.statistics(inputs.rows, predictions)
    assert statistics.dtype == np.float64
    assert len(statistics) == predictions.height
    stacked = inputs.downstream.metrics(np.stack([statistics.sum(axis=0)] * 3))
    assert all(values.shape == (3,) for values in stacked.values())


def test_details_are_json_and_name_the_rows(inputs: Inputs) -> None:
    import json

    predictions = gold(inputs)
    turned = pl.concat([predictions[1:], predictions[:1]]).with_columns(id=predictions["id"])
    details = json.loads(json.dumps(inputs.downstream.details(inputs.rows, turned)))
    assert {item["id"] for item in details["worst"]} <= set(inputs.rows["id"])


def test_every_trained_parameter_gets_a_finite_gradient(
    inputs: Inputs, model: transformers.PreTrainedModel
) -> None:
    inputs.downstream.loss(model, inputs.batch(trained(inputs))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_the_loss_of_a_batch_is_that_of_its_parts_by_their_targets(
    inputs: Inputs, model: transformers.PreTrainedModel
) -> None:
    if inputs.downstream.kind == "retrieval":
        pytest.skip("tells the passages of one batch apart, and so depends on which are together")
    rows = sorted(trained(inputs), key=lambda number: len(inputs.features[number].input_ids))
    whole, *parts = (inputs.batch(some) for some in (rows, rows[:1], rows[1:4], rows[4:]))
    if (
        inputs.downstream.kind == "qa"
    ):  # its head gives padding a little of the probability: that stays the same
        cuts = (slice(1), slice(1, 4), slice(4, None))
        parts = [{name: tensor[at] for name, tensor in whole.items()} for at in cuts]
    with torch.no_grad():
        losses = [float(inputs.downstream.loss(model.eval(), part)) for part in parts]
        expected = float(inputs.downstream.loss(model, whole))
    weights = [inputs.downstream.targets(part) for part in parts]
    assert sum(weights) == pytest.approx(inputs.downstream.targets(whole))
    assert np.average(losses, weights=weights) == pytest.approx(expected, rel=1e-4)


def test_eight_rows_are_learnt_by_heart(inputs: Inputs, model: transformers.PreTrainedModel) -> None:
    pool = inputs.rows.join(examples(inputs), on="id", how="anti")
    eight = replace(inputs, rows=pl.concat([examples(inputs)[:8], pool]))
    for step, _ in enumerate(islice(learning(model, eight), 300), start=1):
        if step % 20 == 0:
            predictions, loss = predict(model, eight)
            scores = eight.downstream.evaluate(eight.rows, predictions)
            if loss is not None and loss < 0.1 and scores[eight.downstream.headline] > 1 - 1e-6:
                return
    pytest.fail(f"after 300 steps the loss is {loss}, and the scores are {scores}")


def test_saved_model_gives_the_same_outputs_in_plain_transformers(
    inputs: Inputs, model: transformers.PreTrainedModel, tmp_path: Path
) -> None:
    learn(model, inputs, steps=3)
    model.eval().save_pretrained(tmp_path)
    inputs.tokenizer.save_pretrained(tmp_path)
    loaded = getattr(transformers, inputs.downstream.model_class).from_pretrained(tmp_path)
    again = Inputs(
        inputs.downstream, transformers.AutoTokenizer.from_pretrained(tmp_path), inputs.rows, labelled=True
    )
    for mine, theirs in zip(predict(model, inputs), predict(loaded, again), strict=True):
        assert mine.equals(theirs) if isinstance(mine, pl.DataFrame) else mine == theirs


def test_predictions_depend_neither_on_batch_size_nor_on_row_order(
    inputs: Inputs, model: transformers.PreTrainedModel
) -> None:
    learn(model, inputs, steps=3)
    whole, _ = predict(model, inputs, batch_size=64)
    single, _ = predict(model, inputs, batch_size=1)
    assert_frame_equal(whole, single, abs_tol=1e-5, rel_tol=0)
    turned = replace(inputs, rows=inputs.rows[::-1])
    assert_frame_equal(whole, predict(model, turned, batch_size=3)[0][::-1], abs_tol=1e-5, rel_tol=0)


def test_rows_without_labels_can_be_predicted(inputs: Inputs, model: transformers.PreTrainedModel) -> None:
    bare = Inputs(inputs.downstream, inputs.tokenizer, inputs.rows, labelled=False)
    predictions, loss = predict(model, bare)
    assert predictions.height == examples(inputs).height
    assert loss is None


def in_letters(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows with every text in NFD, and places in them moved along."""

    def moved(row: dict[str, Any]) -> dict[str, Any]:
        def at(name: str, place: int) -> int:
            return len(normalize("NFD", row[name][:place]))

        made = {
            name: normalize("NFD", value) if isinstance(value, str) else value for name, value in row.items()
        }
        if "entities" in row:
            ends = [(at("text", item["start"]), at("text", item["end"])) for item in row["entities"]]
            made["entities"] = [
                item | {"start": start, "end": end}
                for item, (start, end) in zip(row["entities"], ends, strict=True)
            ]
        if "answers" in row:
            made["answers"] = [
                {"start": at("context", item["start"]), "text": normalize("NFD", item["text"])}
                for item in row["answers"]
            ]
        return made | {name: row[name] for name in ("id", "label") if name in row}

    return pl.DataFrame([moved(row) for row in rows.iter_rows(named=True)], schema=rows.schema)


def test_rows_in_letters_are_the_same_to_models_baselines_and_metrics(inputs: Inputs) -> None:
    downstream, rows = inputs.downstream, in_letters(inputs.rows)
    assert not rows.equals(inputs.rows)
    read = Inputs(downstream, inputs.tokenizer, rows, labelled=True)
    assert [item.input_ids for item in read.features] == [item.input_ids for item in inputs.features]
    expected = downstream.evaluate(inputs.rows, gold(inputs))
    assert downstream.evaluate(rows, gold(read)) == expected
    fitted = [downstream.fit_baseline(own, own, 1) for own in (inputs.rows, rows)]
    scores = [
        [downstream.evaluate(own, baseline.predict(own)) for own in (inputs.rows, rows)]
        for baseline in fitted
    ]
    assert scores[0][0] == scores[0][1] == scores[1][0] == scores[1][1]


def test_baseline_learns_saves_and_loads(downstream: Downstream, tmp_path: Path) -> None:
    rows = downstream.examples()
    baseline = downstream.fit_baseline(rows, rows, seed=1)
    predictions = baseline.predict(rows)
    assert downstream.evaluate(rows, predictions)[downstream.headline] == pytest.approx(1.0)
    baseline.save(tmp_path)
    assert downstream.load_baseline(tmp_path).predict(rows).equals(predictions)
