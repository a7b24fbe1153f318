"""The sample that a tokenizer learns from: bounded, drawn by seed, without held-out texts, and steady under growth."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data import sampling
from models.data.sampling import Sample
from models.data.splits import held_out
from tests.support.toy_text import sentences

MB = 1_000_000
TEXTS = [f"{text} {number}" for number, text in enumerate(sentences(3_000))]
HASHES = np.random.default_rng(0).integers(0, 2**64, len(TEXTS), dtype=np.uint64)


@given(st.integers(1, 400), st.integers(0, 3), st.integers(1, 100))
def test_shards_that_come_later_change_nothing_until_there_are_twice_as_many(
    number: int, seed: int, most: int
) -> None:
    sizes, known = [MB] * 1_000, 1 << (number.bit_length() - 1)
    chosen = sampling.shards(sizes[:number], [0] * number, most * MB, seed)
    assert chosen == sorted(set(chosen)) and 0 <= chosen[0] <= chosen[-1] < number
    if number < sampling.FEW:
        assert chosen == list(range(min(number, len(chosen)))) or most * sampling.SPREAD < number
    else:
        later = 2 * known - 1
        assert chosen == sampling.shards(sizes[:later], [0] * later, most * MB, seed)
        assert len(chosen) == min(known, most * sampling.SPREAD)


def test_a_small_corpus_is_used_whole_and_each_source_of_a_large_one_is_in_the_sample() -> None:
    assert sampling.shards([MB] * 14, [0] * 14, 50 * MB, 1) == list(range(14))
    sources = [0] * 500 + [1] * 3 + [2] * 100
    for seed in range(20):
        chosen = sampling.shards([MB] * len(sources), sources, 2 * MB, seed)
        assert {sources[shard] for shard in chosen} == {0, 1, 2}
    one, other = (sampling.shards([MB] * 500, [0] * 500, 5 * MB, seed) for seed in (1, 2))
    assert one != other


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """The texts in three shards."""
    ends = [0, 700, 1_900, len(TEXTS)]
    made = []
    for begin, end in pairwise(ends):
        folder = tmp_path / f"{begin}"
        folder.mkdir()
        pl.DataFrame({"text": TEXTS[begin:end]}).write_parquet(folder / "rows.parquet")
        pl.DataFrame({"hash": HASHES[begin:end]}).write_parquet(folder / "signatures.parquet")
        made.append(folder)
    return made


def texts(batches) -> list[str]:
    return [text for batch in batches for text in batch]


def test_of_the_texts_so_many_are_learnt_from_as_the_bound_allows_and_none_that_is_held_out(
    folders: list[Path],
) -> None:
    held = held_out(HASHES, 7, 0.1)
    whole = Sample(folders, None, 7, 0.1)
    kept = [text for text, is_held in zip(TEXTS, held, strict=True) if not is_held]
    assert texts(whole.learnt()) == kept
    assert texts(whole.held_out()) == [text for text in TEXTS if text not in set(kept)]
    assert whole.size == sum(len(text.encode()) for text in kept)
    bounded = Sample(folders, 40_000, 7, 0.1)
    some = texts(bounded.learnt())
    assert sum(len(text.encode()) for text in some) == pytest.approx(40_000, rel=0.1)
    assert set(some) < set(kept) and some == texts(bounded.learnt())
    assert 0 < len(texts(bounded.held_out())) < held.sum()
    assert some != texts(Sample(folders, 40_000, 8, 0.1).learnt())


def test_where_nothing_is_held_out_it_is_measured_on_what_is_learnt(folders: list[Path]) -> None:
    sample = Sample(folders[:1], None, 7, 1e-9)
    assert texts(sample.learnt()) == texts(sample.held_out()) == TEXTS[:700]


def test_of_large_texts_as_many_are_learnt_from_as_reach_the_bound_and_one_at_least(tmp_path: Path) -> None:
    large = [letter * MB for letter in "abcdefgh"]
    pl.DataFrame({"text": large}).write_parquet(tmp_path / "rows.parquet")
    pl.DataFrame({"hash": HASHES[:8]}).write_parquet(tmp_path / "signatures.parquet")
    found = set()
    for seed in range(20):
        for most, number in ((1, 1), (MB, 1), (MB + 1, 2), (3 * MB, 3), (8 * MB, 8)):
            sample = Sample([tmp_path], most, seed, 1e-9)
            some = texts(sample.learnt())
            assert len(some) == number and sample.size == number * MB
            assert texts(sample.held_out()) == some
            found.add(some[0][0])
    assert len(found) > 1
