"""What words and names mean stands in the corpus of the invented world, and hardly in its labelled rows."""

from collections import Counter, defaultdict
from itertools import islice

import polars as pl
import pytest

from models.demo_world import names, opinions
from models.demo_world import rows as world_rows
from models.demo_world.grammar import Predicate
from models.demo_world.world import FACETS, LABELS, World
from models.downstream.classification import Classification

SIZES = {"train": 64, "validation": 32, "test": 300}


@pytest.fixture(scope="module")
def world() -> World:
    return World(1)


@pytest.fixture(scope="module")
def corpus(world: World) -> list[str]:
    return list(islice(world.documents(), 14_000))


def test_the_company_of_a_word_in_the_corpus_tells_its_side(corpus: list[str]) -> None:
    stars: dict[str, Counter[bool]] = defaultdict(Counter)
    for text in corpus:
        if "별점" in text:
            for word in text.split():
                stars[word.strip(".!~")][text.rstrip(".점")[-1] in "45"] += 1
    sides = {Predicate(word).and_(): good for (_, good), own in opinions.OWN.items() for word in own}
    met = {form.split()[-1]: good for form, good in sides.items() if stars[form.split()[-1]].total() > 1}
    right = sum(stars[form].most_common(1)[0][0] == good for form, good in met.items())
    assert len(met) > 200 and right / len(met) > 0.95


def test_the_company_of_a_name_in_the_corpus_tells_its_type(world: World, corpus: list[str]) -> None:
    """By the words that stand beside half of the names, the types of the other half."""
    beside: dict[str, Counter[str]] = {name: Counter() for name, _ in world.named}
    for text in corpus:
        for name in {word[:2] for word in text.split()} & beside.keys():
            beside[name].update(word for word in text.split() if not word.startswith(name))
    known = {kind: sum((beside[name] for name in own[::2]), Counter()) for kind, own in world.names.items()}
    unknown = [(name, kind) for kind, own in world.names.items() for name in own[1::2]]
    guessed = [
        max(known, key=lambda kind, words=beside[name]: sum(known[kind][word] > 0 for word in words))
        for name, _ in unknown
    ]
    assert guessed == [kind for _, kind in unknown]


def test_few_labels_tell_little_of_words_that_they_do_not_show(world: World) -> None:
    parts = {
        part: pl.DataFrame(
            [{"id": str(at), "text": text, "label": label} for at, (text, label) in enumerate(found)]
        )
        for part, size in SIZES.items()
        for found in [list(islice(world.reviews(part), size))]
    }
    downstream = Classification(classes=LABELS)
    baseline = downstream.fit_baseline(parts["train"], parts["validation"], 1)
    assert downstream.evaluate(parts["test"], baseline.predict(parts["test"]))["accuracy"] < 0.7


def test_what_is_asked_and_what_answers_share_few_words_that_tell(world: World) -> None:
    made = [row for part, row in world_rows.rows(world, 1, "retrieval", SIZES) if part]
    passages = {row["id"]: telling(row["text"]) for row in world_rows.passages(world)}
    shared = [
        len(telling(row["text"]) & passages[relevant["passage_id"]])
        for row in made
        for relevant in row["relevant"]
    ]
    assert 0.4 * FACETS * len(shared) > sum(shared) > 0.1 * FACETS * len(shared)
    for _, row in world_rows.rows(world, 1, "pair", SIZES):
        assert not telling(row["text_a"]) & telling(row["text_b"])
    for _, row in world_rows.rows(world, 1, "qa", SIZES):
        assert not any(word in row["context"] for roles in names.ROLES.values() for word in roles)


def telling(text: str) -> set[str]:
    """The words of a text without those, 있고 and 없고 say, that mean nothing by themselves."""
    return {word for word in text.rstrip(".?").split() if word[0] not in "있없"}
