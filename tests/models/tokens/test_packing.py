"""Encoding loses no token, cuts no text that fits, is read by plain datasets, and batches read every document once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from models.errors import DataError
from models.pretraining.buckets import Buckets
from models.tokens import packing
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import texts
from tests.support.encoded import apart, whole
from tests.support.toy_text import sentences

LENGTH = 16
CONFIG = EncodeConfig(sequence_length=LENGTH)


@given(st.lists(st.integers(1, LENGTH), max_size=200))
def test_every_piece_is_in_exactly_one_sequence_whole(lengths: list[int]) -> None:
    packed = list(packing.pack(lengths, LENGTH))
    assert sorted(piece for row in packed for piece in row) == list(range(len(lengths)))
    assert all(sum(lengths[piece] for piece in row) <= LENGTH for row in packed)


def test_sequences_are_nearly_full() -> None:
    lengths = np.random.default_rng(0).integers(3, 40, 5_000).tolist()
    rows = packing.pack(lengths, 128)
    assert np.mean([sum(lengths[piece] for piece in row) for row in rows]) > 0.97 * 128


def write(make_tokenizer: Callable, texts: list[str], path: Path) -> tuple[dict, object]:
    tokenizer = make_tokenizer(sentences(200))
    return packing.write([texts[:3], texts[3:]], tokenizer, CONFIG, path), tokenizer


def test_written_documents_are_the_texts_and_long_ones_are_cut_not_lost(
    make_tokenizer: Callable, tmp_path: Path
) -> None:
    texts = [*sentences(6), " ".join(sentences(20)), "", "[MASK]를 쓰다"]
    counts, tokenizer = write(make_tokenizer, texts, tmp_path / "a.arrow")
    documents = whole(tmp_path / "a.arrow")
    found = apart(documents)
    assert all(piece[0] == tokenizer.cls_token_id and piece[-1] == tokenizer.sep_token_id for piece in found)
    expected = [
        token
        for text in texts
        for token in tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
    ]
    assert [token for piece in found for token in piece[1:-1]] == expected
    assert tokenizer.mask_token_id not in expected
    assert counts["documents"] == 9
    assert counts["empty"] == 1
    assert counts["cut"] >= 1
    assert counts["unknown"] == expected.count(tokenizer.unk_token_id) > 0
    assert counts["tokens"] == documents.tokens == documents.lengths.sum()
    assert documents.size == sum(len(text.encode()) for text in texts)


def test_plain_datasets_reads_the_file_and_the_bytes_are_the_same_every_time(
    make_tokenizer: Callable, tmp_path: Path
) -> None:
    texts = [*sentences(50), " ".join(sentences(20))]
    counts, tokenizer = write(make_tokenizer, texts, tmp_path / "a.arrow")
    packing.write([texts], tokenizer, CONFIG, tmp_path / "b.arrow")
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()
    rows = Dataset.from_file(str(tmp_path / "a.arrow"))
    assert len(rows) == counts["pieces"] > len(texts)
    assert all(2 < len(row["input_ids"]) <= LENGTH for row in rows)
    size = dict.fromkeys(range(len(texts)), 0)
    for row in rows:
        size[row["row"]] += row["bytes"]
    assert size == {at: len(text.encode()) for at, text in enumerate(texts)}


def test_a_tokenizer_without_frame_is_refused(make_tokenizer: Callable, tmp_path: Path) -> None:
    tokenizer = make_tokenizer(sentences(50))
    tokenizer.sep_token = None
    with pytest.raises(DataError, match="no token to end a text with"):
        packing.write([["가"]], tokenizer, CONFIG, tmp_path / "a.arrow")


@given(st.lists(st.integers(1, 30), min_size=1, max_size=120), st.integers(8, 100), st.integers(0, 3))
def test_an_epoch_reads_every_document_once_within_the_batch_size(
    lengths: list[int], tokens: int, seed: int
) -> None:
    sizes = np.array(lengths)
    buckets = Buckets(sizes, tokens, seed)
    for epoch in range(2):
        batches = [buckets.documents(epoch * len(buckets) + place) for place in range(len(buckets))]
        assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
        assert all(len(batch) == 1 or len(batch) * sizes[batch].max() <= tokens for batch in batches)
    again = Buckets(sizes, tokens, seed)
    assert (again.documents(len(again)) == buckets.documents(len(buckets))).all()


def test_batches_differ_between_epochs_and_seeds() -> None:
    sizes = np.full(400, 10)
    first, other = Buckets(sizes, 100, 0), Buckets(sizes, 100, 1)
    assert (first.documents(0) != other.documents(0)).any()
    assert (first.documents(0) != first.documents(len(first))).any()


def test_texts_are_read_in_order_and_in_batches(tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"id": ["a", "b", "c"], "text": ["하나", "둘", "셋"]}).write_parquet(
        tmp_path / "rows.parquet"
    )
    assert list(texts(tmp_path / "rows.parquet", batch=2)) == [["하나", "둘"], ["셋"]]
