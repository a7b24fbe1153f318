"""Documents in many files are the documents they were in one, and only those of the rows that are asked for."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from models.pretraining.batches import rows
from models.tokens import packing
from models.tokens.documents import Documents, read
from models.tokens.packing import EncodeConfig
from tests.support.encoded import apart
from tests.support.toy_text import sentences

LENGTH = 16
TEXTS = [*sentences(30), " ".join(sentences(20)), "", *sentences(30, seed=1)]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[int]], list[tuple[Path, int]]]:
    """The texts in files that end where it is said, each written once, with how many texts are in it."""
    folder = tmp_path_factory.mktemp("encoded")
    tokenizer = _tokenizer()

    def write(ends: list[int]) -> list[tuple[Path, int]]:
        files = []
        for begin, end in pairwise([0, *ends, len(TEXTS)]):
            path = folder / f"{begin}-{end}.arrow"
            if not path.exists():
                packing.write([TEXTS[begin:end]], tokenizer, EncodeConfig(sequence_length=LENGTH), path)
            files.append((path, end - begin))
        return files

    return write


def _tokenizer() -> PreTrainedTokenizerBase:
    from models.tokens import tokenizer_training
    from models.tokens.tokenizer import TokenizerConfig, wrap

    config = TokenizerConfig(vocabulary=45, min_frequency=1)
    return wrap(tokenizer_training.train(config, lambda: [sentences(200)]))


def chosen(files: list[tuple[Path, int]], kept: list[bool]) -> Documents:
    """The documents of the texts that are kept."""
    ends = np.cumsum([0, *(number for _, number in files)])
    rows = [np.flatnonzero(kept[begin:end]) for begin, end in pairwise(ends)]
    return read([(path, of) for (path, _), of in zip(files, rows, strict=True)])


@given(
    ends=st.lists(st.integers(0, len(TEXTS)), max_size=4),
    kept=st.lists(st.booleans(), min_size=len(TEXTS), max_size=len(TEXTS)),
    across=st.booleans(),
)
def test_over_many_files_they_are_what_they_are_in_one(
    encoded: Callable, ends: list[int], kept: list[bool], across: bool
) -> None:
    one, many = (chosen(encoded(cuts), kept) for cuts in ([], sorted(ends)))
    alone = apart(one)
    if across:
        one, many = one.joined(LENGTH), many.joined(LENGTH)
        assert all(len(ids) <= LENGTH for ids in apart(one))
        assert sorted(token for ids in apart(one) for token in ids) == sorted(t for ids in alone for t in ids)
    assert apart(many) == apart(one)
    assert (many.counts(45) == np.bincount([t for ids in apart(one) for t in ids], minlength=45)).all()
    assert (len(many), many.tokens, many.size) == (len(one), one.tokens, one.size)
    assert one.size == sum(len(text.encode()) for text, keep in zip(TEXTS, kept, strict=True) if keep)
    assert many.lengths.tolist() == [len(ids) for ids in apart(one)]
    some = np.arange(0, len(many), 3)[::-1]
    assert apart(many.of(some)) == [apart(one)[at] for at in some]
    if len(some):
        batch = rows(many, some)
        assert [row[:n].tolist() for row, n in zip(batch["input_ids"], many.lengths[some], strict=True)] == [
            apart(one)[at] for at in some
        ]


def test_documents_stay_on_disk(encoded: Callable) -> None:
    documents = chosen(encoded([20]), [True] * len(TEXTS))
    assert all(not file.flags.owndata and not file.flags.writeable for file in documents.files)
    per_piece = sum(
        item.nbytes for item in (documents.places, documents.starts, documents.sizes, documents.first)
    )
    assert per_piece <= 30 * len(documents)
