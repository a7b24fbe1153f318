"""The invented world is the same for the same seed, and its dirt comes back out in the numbers that went in."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from models.data import duplicates
from models.data.cleaning import CleanConfig
from models.demo_world import dirt
from models.demo_world.world import LABELS, World

DOCUMENTS = 14_000
"""As in `recipes/demo.yaml`."""


def test_the_same_seed_makes_the_same_world_and_another_seed_another() -> None:
    first, again, other = (list(islice(World(seed).documents(), 200)) for seed in (1, 1, 2))
    assert first == again != other


def test_asking_for_more_changes_nothing_that_came_before() -> None:
    small, large = World(3), World(3)
    few = list(islice(small.reviews("test"), 10))
    list(islice(large.documents(), 500))
    assert list(islice(large.reviews("test"), 50))[:10] == few


def test_labels_are_balanced_and_texts_unique_over_all_parts() -> None:
    world = World(1)
    rows = [row for part in ("train", "validation", "test") for row in islice(world.reviews(part), 1000)]
    assert len({text for text, _ in rows}) == 3000
    assert Counter(label for _, label in rows) == dict.fromkeys(LABELS, 1500)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_dirt_in_a_corpus_is_what_is_published(seed: int) -> None:
    planted = dirt.corpus_dirt(2000)
    texts = dirt.corpus(World(seed), seed, 2000)
    assert len(texts) == 2000 + planted.extra
    assert texts.count(None) == planted.missing and texts.count("{") == planted.not_json
    kept = [text for text in texts if text is not None and text.strip() and text != "{"]
    assert len(kept) - len(set(kept)) == planted.exact_duplicates
    assert sum("\x07" in text for text in set(kept)) == planted.controls
    assert sum("&nbsp;" in text for text in set(kept)) == planted.entities
    held_out = {text for text, _ in islice(World(seed).reviews("test"), 200)}
    assert len(held_out & set(kept)) == planted.leaks_equal


def test_no_text_of_the_demo_is_a_near_duplicate_by_chance() -> None:
    planted = dirt.corpus_dirt(DOCUMENTS)
    texts = list(
        dict.fromkeys(
            text for text in dirt.corpus(World(1), 1, DOCUMENTS) if text and text.strip() and text != "{"
        )
    )
    made = duplicates.sketches(texts, CleanConfig().near_minimum)
    records = np.array(
        [(at, np.frombuffer(sketch, "<u4")) for at, sketch in enumerate(made) if sketch],
        duplicates.SKETCHED,
    )
    assert len(duplicates.near(records, 0.9, texts.__getitem__)) == planted.near_duplicates


def test_the_dirt_in_labelled_rows_is_what_is_published() -> None:
    sizes = {"train": 1000, "validation": 100, "test": 200}
    planted = dirt.labelled_dirt(**sizes)
    parts = dirt.labelled(World(1), 1, sizes)
    train = parts["train"]
    assert {part: len(rows) for part, rows in parts.items()} == sizes | {"train": 1000 + planted.extra}
    assert sum(text is None for text, _ in train) == planted.missing
    assert sum(label not in LABELS for _, label in train) == planted.wrong_label
    assert len({text for text, _ in train} & {text for text, _ in parts["test"]}) == planted.repeat_test
    assert (
        len({text for text, _ in train} & {text for text, _ in parts["validation"]})
        == planted.repeat_validation
    )
