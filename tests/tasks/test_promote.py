"""The champion: the best on all validation rows, and never one that is worse on them than the last."""

import json
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from models.adapted.contest import told
from models.adapted.predicting import load
from models.data.draws import draw
from models.seeds import derive
from models.transfer.in_context import InContext
from tasks import serving
from tasks.graph import refs
from tasks.promote import PromoteConfig, promote
from tasks.running.execution import RunContext, produce
from tasks.split import SplitConfig, split
from tasks.storage import artifacts, connection
from tasks.storage.champions import CHAMPION, Champions
from tasks.storage.registry import RegisteredModel
from tests.support.demo_chain import ROWS, adapted
from tests.support.doctored import Changes, doctored
from tests.support.making import make

ENTRY = "classification"
GOOD = adapted("finetune", labels=None)
OTHER_ROWS = split(SplitConfig(seed=7), rows=ROWS.rows)


def changed(rows: refs.Split = ROWS, **changes) -> refs.Adapted:
    return doctored(Changes(**changes), rows=rows, adapted=GOOD)


YES = changed(says="긍정")
"""Right on the rows of one class alone."""
LOST = changed(says="중립", classes=("긍정", "부정", "중립"))
"""Right on none: rows have no such class."""


@pytest.fixture
def recipe(request: pytest.FixtureRequest) -> str:
    """A registered model for this test alone."""
    return request.node.name.translate(str.maketrans("[]", "--"))


def promoted(recipe: str, context: RunContext, *models: refs.Adapted, **settings) -> dict:
    config = PromoteConfig(recipe=recipe, entry=ENTRY, **settings)
    made = make(promote(config, rows=ROWS, adapted=models), context)
    return json.loads((made / "promotion.json").read_text())


def champion(recipe: str) -> str:
    """The key of the model that the alias names."""
    version = RegisteredModel(recipe, ENTRY).champion()
    assert version is not None
    return version.key


def registered(recipe: str, context: RunContext, model: refs.Adapted) -> str:
    """The version that a model is."""
    make(model, context)
    RegisteredModel(recipe, ENTRY).claim()
    return RegisteredModel(recipe, ENTRY).register(model)


def crowned(recipe: str, context: RunContext, model: refs.Adapted) -> str:
    """Registers a model and makes it the last champion; its version."""
    version = registered(recipe, context, model)
    Champions(f"{recipe}-{ENTRY}").crown(version, "run", "champion: the first")
    return version


def by_hand(recipe: str, context: RunContext, model: refs.Adapted) -> str:
    """Registers a model and gives it the alias past Headwater; its version."""
    version = registered(recipe, context, model)
    connection.client().set_registered_model_alias(f"{recipe}-{ENTRY}", CHAMPION, version)
    return version


def validation() -> pl.DataFrame:
    return pl.read_parquet(artifacts.files(ROWS) / "validation.parquet")


def right(model: refs.Adapted, rows: pl.DataFrame) -> list[bool]:
    """Which rows a model is right on, as it answers when it is served."""
    answers = serving._load_pyfunc(str(artifacts.files(model))).predict(rows.select("text").to_pandas())
    return [answer["label"] == label for answer, label in zip(answers, rows["label"], strict=True)]


def test_every_model_is_a_version_and_is_judged_on_all_validation_rows(
    context: RunContext, recipe: str
) -> None:
    found = promoted(recipe, context, YES, GOOD)
    versions = connection.client().search_model_versions(f"name = '{recipe}-{ENTRY}'")
    assert {version.tags["headwater.key"] for version in versions} == {GOOD.key, YES.key}
    assert {version.run_id for version in versions} == {
        artifacts.find(item.key).run_id for item in (GOOD, YES)
    }
    rows = validation()
    for version in versions:
        (model,) = (item for item in (GOOD, YES) if item.key == version.tags["headwater.key"])
        assert found["validation"][str(version.version)] == pytest.approx(
            sum(right(model, rows)) / rows.height
        )
    assert found["rows"] == rows.height
    assert champion(recipe) == GOOD.key


def lucky_draw() -> Iterator[int]:
    """Seeds by which three rows are drawn that one class explains and the good model does not."""
    rows = validation()
    known = dict(zip(rows["id"], right(GOOD, rows), strict=True))
    for seed in count(1):
        drawn = draw(rows, 3, derive(seed, "validation"))
        if set(drawn["label"]) == {"긍정"} and not all(known[row] for row in drawn["id"]):
            yield seed


def test_luck_on_a_few_rows_makes_no_champion_where_there_are_more(context: RunContext, recipe: str) -> None:
    make(GOOD, context)
    seed = next(lucky_draw())
    assert promoted(f"{recipe}-few", context, YES, GOOD, validation_rows=3, seed=seed)["rows"] == 3
    assert champion(f"{recipe}-few") == YES.key, "on the few rows it is the better one"
    promoted(recipe, context, YES, GOOD, seed=seed)
    assert champion(recipe) == GOOD.key


def test_of_equals_the_one_of_more_labels_goes_first_then_that_of_fewer_weights(
    context: RunContext, recipe: str
) -> None:
    few = changed(labels=60, trainable=1)
    large, small = changed(labels=300, trainable=900), changed(labels=300, trainable=9)
    promoted(recipe, context, few, large, small)
    assert champion(recipe) == small.key


def test_a_champion_stays_where_the_new_one_is_worse(context: RunContext, recipe: str) -> None:
    version = crowned(recipe, context, GOOD)
    found = promoted(recipe, context, LOST)
    assert champion(recipe) == GOOD.key
    assert not found["crowned"] and found["last"]["version"] == version and found["last"]["note"] == ""
    assert found["last"]["validation"] > found["validation"][found["best"]]


def test_a_champion_that_is_worse_on_the_same_rows_makes_room(context: RunContext, recipe: str) -> None:
    crowned(recipe, context, YES)
    assert promoted(recipe, context, GOOD)["crowned"]
    assert champion(recipe) == GOOD.key


def test_other_classes_and_other_rows_are_no_free_pass(context: RunContext, recipe: str) -> None:
    old = changed(OTHER_ROWS)
    crowned(recipe, context, old)
    found = promoted(recipe, context, LOST)
    assert champion(recipe) == old.key
    rows = validation()
    assert found["last"]["validation"] == pytest.approx(sum(right(old, rows)) / rows.height)
    assert "other labelled rows" in found["last"]["note"]


def test_a_class_that_the_new_rows_do_not_have_is_simply_wrong(context: RunContext, recipe: str) -> None:
    crowned(recipe, context, LOST)
    found = promoted(recipe, context, YES)
    assert found["last"]["validation"] == 0
    assert champion(recipe) == YES.key


def test_a_champion_that_nobody_can_use_any_more_makes_room(context: RunContext, recipe: str) -> None:
    gone = changed(word=recipe)
    crowned(recipe, context, gone)
    shutil.rmtree(artifacts.files(gone))
    found = promoted(recipe, context, YES)
    assert champion(recipe) == YES.key
    assert found["crowned"] and found["last"]["note"] == "the files of version 1 are gone"


def test_a_champion_that_cannot_be_loaded_makes_room(context: RunContext, recipe: str) -> None:
    crowned(recipe, context, changed(way="of_another_headwater"))
    found = promoted(recipe, context, YES)
    assert champion(recipe) == YES.key
    assert "can no longer be loaded" in found["last"]["note"] and "of_another" in found["last"]["note"]


def test_a_champion_of_another_kind_keeps_the_alias(context: RunContext, recipe: str) -> None:
    other = changed(kind="spacing")
    crowned(recipe, context, other)
    found = promoted(recipe, context, GOOD)
    assert champion(recipe) == other.key
    assert not found["crowned"]
    said = told("it", found)
    assert said.count("it cannot be compared with version 1, which is for spacing, and this entry for") == 1
    assert said.endswith("; `headwater promote it 2` makes it the champion")


def test_a_model_of_somebody_else_keeps_the_alias(context: RunContext, recipe: str, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("theirs")
    registered = RegisteredModel(recipe, ENTRY)
    registered.claim()
    client = connection.client()
    theirs = client.create_model_version(registered.name, str(tmp_path))
    client.set_registered_model_alias(registered.name, CHAMPION, theirs.version)
    config = PromoteConfig(recipe=recipe, entry=ENTRY)
    ref = promote(config, rows=ROWS, adapted=(GOOD,))
    found = json.loads((make(ref, context) / "promotion.json").read_text())
    assert client.get_model_version_by_alias(registered.name, CHAMPION).version == theirs.version
    assert not found["crowned"] and "not a model that Headwater" in found["last"]["note"]
    assert produce(ref, context).status == "hit"


def test_a_model_that_was_asked_with_several_demonstrations_has_their_mean(
    context: RunContext, recipe: str
) -> None:
    shown = adapted("few_shot", way=InContext(draws=2, shots=4), labels=4)
    found = promoted(recipe, context, shown)
    rows, scores = validation(), []
    downstream, predictor = load(artifacts.files(shown), "cpu")
    for number in range(2):
        features, outputs = predictor.outputs(rows, False, number)
        scores.append(downstream.evaluate(rows, downstream.decode(outputs, features, rows))["accuracy"])
    assert found["validation"][found["best"]] == pytest.approx(sum(scores) / 2)
