"""Registered models: whose they are, and whether what `promote` did is still there."""

import shutil
from pathlib import Path

import pytest

from models.errors import RecipeError
from tasks.graph import refs
from tasks.graph.refs import About
from tasks.promote import PromoteConfig, promote
from tasks.running.execution import RunContext, produce
from tasks.storage import artifacts, connection
from tasks.storage.champions import CHAMPION
from tasks.storage.registry import ENTRY, RECIPE, RegisteredModel
from tests.support.demo_chain import ROWS, adapted
from tests.support.doctored import Changes, doctored
from tests.support.making import make
from tests.support.toy_steps import Toy, write

GOOD = adapted("finetune", labels=None)
YES, NO = (doctored(Changes(says=word), rows=ROWS, adapted=GOOD) for word in ("긍정", "부정"))


# ---- whose a name is


def test_two_entries_that_come_to_one_name_are_told_apart(context: RunContext) -> None:
    RegisteredModel("my-data", "reviews").claim()
    RegisteredModel("my-data", "reviews").check()
    other = RegisteredModel("my", "data-reviews")
    for touched in (other.check, other.claim):
        with pytest.raises(RecipeError, match="rename the recipe or the entry") as caught:
            touched()
        for word in ("'my-data-reviews'", "'my-data'", "'reviews'", "'my'", "'data-reviews'"):
            assert word in str(caught.value)


def test_a_model_of_somebody_else_is_left_alone(context: RunContext, tmp_path: Path) -> None:
    client = connection.client()
    client.create_registered_model("their-model")
    for _ in range(2):  # without a version, and with one that no run of ours has made
        with pytest.raises(RecipeError, match="'their-model' was made by somebody else"):
            RegisteredModel("their", "model").claim()
        client.create_model_version("their-model", str(tmp_path))
    assert client.get_registered_model("their-model").tags == {}


def registered_before_tags(name: str, context: RunContext, entry: str) -> None:
    """As an earlier version of Headwater left a registered model."""
    ref = write(Toy(word=name), about=About(downstream=entry))
    run_id = produce(ref, context).run_id
    connection.client().create_registered_model(name)
    source = str(artifacts.files(ref))
    connection.client().create_model_version(name, source, run_id, tags={"headwater.key": ref.key})


def test_a_model_from_before_there_were_tags_is_taken_over_by_its_entry(
    context: RunContext, request: pytest.FixtureRequest
) -> None:
    recipe = request.node.name
    registered_before_tags(f"{recipe}-old-one", context, "old-one")
    RegisteredModel(recipe, "old-one").claim()
    tags = connection.client().get_registered_model(f"{recipe}-old-one").tags
    assert tags == {RECIPE: recipe, ENTRY: "old-one"}


def test_a_model_from_before_there_were_tags_is_nobody_elses(
    context: RunContext, request: pytest.FixtureRequest
) -> None:
    recipe = request.node.name
    registered_before_tags(f"{recipe}-old-two", context, "old-two")
    with pytest.raises(RecipeError, match=f"is of entry 'old-two' of recipe '{recipe}'"):
        RegisteredModel(f"{recipe}-old", "two").claim()


def test_a_race_for_a_name_is_lost_by_one_and_changes_nothing(context: RunContext) -> None:
    RegisteredModel("race-for", "it").claim()
    ref = promote(PromoteConfig(recipe="race", entry="for-it"), rows=ROWS, adapted=(GOOD,))
    with pytest.raises(RecipeError, match="would share it"):
        make(ref, context)
    assert RegisteredModel("race-for", "it").champion() is None
    assert numbers("race-for-it") == []


# ---- what stands


@pytest.fixture
def promotion(context: RunContext, request: pytest.FixtureRequest) -> refs.Promotion:
    """Two models that are registered, and a hit by now."""
    ref = promote(PromoteConfig(recipe=request.node.name, entry="e"), rows=ROWS, adapted=(YES, NO))
    make(ref, context)
    assert produce(ref, context).status == "hit"
    return ref


def model_of(promotion: refs.Promotion) -> RegisteredModel:
    assert isinstance(promotion.config, PromoteConfig)
    return RegisteredModel(promotion.config.recipe, promotion.config.entry)


def numbers(name: str) -> list[int]:
    return sorted(int(v.version) for v in connection.client().search_model_versions(f"name = '{name}'"))


def keys(name: str) -> list[str]:
    found = connection.client().search_model_versions(f"name = '{name}'")
    return sorted(version.tags["headwater.key"] for version in found)


def test_a_registered_model_that_was_deleted_is_made_again(
    context: RunContext, promotion: refs.Promotion
) -> None:
    name = model_of(promotion).name
    connection.client().delete_registered_model(name)
    assert artifacts.look_up(promotion) is None, "a plan says so too"
    assert produce(promotion, context).status == "run"
    assert keys(name) == sorted([YES.key, NO.key])
    assert model_of(promotion).champion() is not None
    assert produce(promotion, context).status == "hit"


def test_a_version_that_was_deleted_is_made_again_and_no_other_is_doubled(
    context: RunContext, promotion: refs.Promotion
) -> None:
    model = model_of(promotion)
    connection.client().delete_model_version(model.name, "2")
    assert produce(promotion, context).status == "run"
    assert numbers(model.name) == [1, 3]
    assert keys(model.name) == sorted([YES.key, NO.key])


def test_an_alias_that_is_gone_is_set_again(context: RunContext, promotion: refs.Promotion) -> None:
    model = model_of(promotion)
    best = model.champion()
    connection.client().delete_registered_model_alias(model.name, CHAMPION)
    assert produce(promotion, context).status == "run"
    assert model.champion() == best
    assert numbers(model.name) == [1, 2]


def test_an_alias_that_was_moved_by_hand_stays_and_that_is_said(
    context: RunContext, promotion: refs.Promotion, caplog: pytest.LogCaptureFixture
) -> None:
    model = model_of(promotion)
    best = model.champion()
    assert best is not None
    (other,) = {"1", "2"} - {best.number}
    connection.client().set_registered_model_alias(model.name, CHAMPION, other)
    assert produce(promotion, context).status == "hit"
    assert f"version {other} of {model.name} was made the champion by hand and stays" in caplog.text
    moved = model.champion()
    assert moved is not None and moved.number == other


def test_a_version_whose_files_are_gone_is_made_again(context: RunContext, promotion: refs.Promotion) -> None:
    model = model_of(promotion)
    champion = model.champion()
    assert champion is not None
    folder = champion.folder()
    assert folder is not None
    shutil.rmtree(folder)
    assert artifacts.look_up(promotion) is None
    make(promotion, context)
    assert produce(promotion, context).status == "hit"
    mended = model.champion()
    assert mended is not None and mended.key == champion.key and mended.stands


def test_a_version_whose_run_was_deleted_stands_as_long_as_its_files_do(
    context: RunContext, promotion: refs.Promotion
) -> None:
    model = model_of(promotion)
    made = artifacts.find(YES.key)
    assert made is not None
    connection.client().delete_run(made.run_id)
    assert produce(promotion, context).status == "hit"
    assert produce(YES, context).status == "run"
    again = promote(
        PromoteConfig(recipe=model.recipe, entry=model.entry, seed=2), rows=ROWS, adapted=(YES, NO)
    )
    make(again, context)
    assert numbers(model.name) == [1, 2], "the same model is no second version"
