"""What a recipe's `promote` lets become the champion, what keeps the last one, and what people have decided."""

import pytest

from models.adapted.rule import Rule, objection
from tasks.graph import refs
from tasks.promote import PromoteConfig, promote
from tasks.running.execution import RunContext, produce
from tasks.storage import connection
from tasks.storage.champions import CHAMPION, REASON, Champions
from tests.support.demo_chain import LEAKS, ROWS, adapted
from tests.support.doctored import Changes, doctored
from tests.support.making import make

ENTRY = "classification"
GOOD = adapted("finetune", labels=None)
YES, AGAIN = (doctored(Changes(says="긍정", word=word), rows=ROWS, adapted=GOOD) for word in ("", "again"))
"""Two that are right on the rows of one class alone, and just as good."""


@pytest.fixture
def recipe(request: pytest.FixtureRequest) -> str:
    """A registered model for this test alone."""
    return request.node.name


def promotion(recipe: str, *models: refs.Adapted, seed: int = 1, **rule) -> refs.Promotion:
    config = PromoteConfig(recipe=recipe, entry=ENTRY, rule=Rule.model_validate(rule), seed=seed)
    return promote(config, rows=ROWS, adapted=models, leaks=LEAKS)


def champions(recipe: str) -> Champions:
    return Champions(f"{recipe}-{ENTRY}")


def reason(recipe: str, number: str) -> str:
    """What stands on a version."""
    return connection.client().get_model_version(f"{recipe}-{ENTRY}", number).tags[REASON]


def test_with_manual_there_are_versions_and_the_alias_is_a_persons_business(
    context: RunContext, recipe: str
) -> None:
    ref = promotion(recipe, YES, GOOD, when="manual")
    make(ref, context)
    assert champions(recipe).current is None
    assert produce(ref, context).status == "hit"
    assert "not the champion: promotion is manual" in reason(recipe, "2")
    connection.client().set_registered_model_alias(f"{recipe}-{ENTRY}", CHAMPION, "1")
    make(promotion(recipe, YES, GOOD, when="manual", seed=2), context)
    assert champions(recipe).current == "1"


def test_an_alias_set_by_hand_stays_until_a_person_gives_it_back(context: RunContext, recipe: str) -> None:
    make(promotion(recipe, YES), context)
    client, name = connection.client(), f"{recipe}-{ENTRY}"
    theirs = client.create_model_version(name, client.get_model_version(name, "1").source)
    client.set_registered_model_alias(name, CHAMPION, theirs.version)
    make(promotion(recipe, AGAIN), context)
    assert champions(recipe).current == "2"
    assert champions(recipe).by_hand
    assert "version 2 was made the champion by hand" in reason(recipe, "3")
    assert reason(recipe, "1") == "no longer the champion: version 2 was made it by hand"
    champions(recipe).crown("1", "promote", "champion: mine")
    assert reason(recipe, "2").startswith("no longer the champion: version 1 is")
    assert not champions(recipe).by_hand
    make(promotion(recipe, AGAIN, seed=2), context)
    assert champions(recipe).current == "1", "version 3 was there when the person chose"
    make(promotion(recipe, GOOD), context)
    assert champions(recipe).current == "4", "and this one was not"
    assert [item.version for item in champions(recipe).history] == ["1", "1", "4"]


def test_better_means_that_the_rows_can_tell(context: RunContext, recipe: str) -> None:
    make(promotion(recipe, YES, when="better"), context)
    assert champions(recipe).current == "1", "where there is none, the first is the champion"
    make(promotion(recipe, AGAIN, when="better"), context)
    assert champions(recipe).current == "1"
    assert "the rows cannot tell that it is better" in reason(recipe, "2")
    make(promotion(recipe, AGAIN), context)
    assert champions(recipe).current == "2"
    assert reason(recipe, "2").startswith(
        "champion: accuracy 0.500 on 60 validation rows; version 1 has 0.500"
    )


def test_a_class_that_would_be_lost_keeps_the_champion(context: RunContext, recipe: str) -> None:
    make(promotion(recipe, GOOD), context)
    make(promotion(recipe, YES), context)
    assert champions(recipe).current == "1"
    assert "worse by more than 0.05 where label is 부정" in reason(recipe, "2")
    make(promotion(recipe, YES, margin=1), context)
    assert champions(recipe).current == "2", "on all rows together they cannot be told apart"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"quarantined": 0}, "of the labelled rows are in quarantine, and 'promote' allows 0.0%"),
        ({"leaked": 0.01}, "of the test rows stand in the corpus, and 'promote' allows 1.0%"),
    ],
    ids=["quarantine", "leaks"],
)
def test_rows_that_cannot_be_trusted_crown_nobody(
    context: RunContext, recipe: str, limit: dict[str, float], words: str
) -> None:
    recipe = recipe.translate(str.maketrans("[]", "--"))
    ref = promotion(recipe, YES, **limit)
    make(ref, context)
    assert champions(recipe).current is None
    assert words in reason(recipe, "1")
    assert produce(ref, context).status == "hit", "that nobody was crowned is what it found"


@pytest.mark.parametrize(
    ("when", "difference", "smaller", "wins"),
    [
        ("not_worse", -0.01, False, True),
        ("not_worse", -0.5, True, False),
        ("better", 0.01, True, False),
        ("better", 0.5, False, True),
        ("better_or_smaller", -0.01, True, True),
        ("better_or_smaller", -0.01, False, False),
        ("better_or_smaller", 0.5, False, True),
        ("better_or_smaller", -0.5, True, False),
    ],
)
def test_what_wins_by_which_rule(when: str, difference: float, smaller: bool, wins: bool) -> None:
    low, high = difference - 0.1, difference + 0.1
    found = {"value": difference, "low": low, "high": high, "better": low > 0, "worse": high < 0}
    assert (objection(Rule.model_validate(when), found, {}, smaller) == "") == wins
