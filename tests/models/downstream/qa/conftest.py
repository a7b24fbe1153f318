"""What the tests of qa share."""

from collections.abc import Callable

import polars as pl
import pytest
from transformers import PreTrainedTokenizerBase

from models.data import schemas as checked
from models.downstream.qa import QuestionAnswering
from tasks.reading.source import Record
from tasks.sources.korquad import KorQuad
from tests.support.qa_rows import WORDS, sentencepiece


@pytest.fixture(params=["wordpiece", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest, make_tokenizer: Callable) -> PreTrainedTokenizerBase:
    examples = QuestionAnswering().examples()
    texts = [*examples["context"], *examples["question"], " ".join(WORDS), *WORDS]
    return make_tokenizer(texts) if request.param == "wordpiece" else sentencepiece(texts)


@pytest.fixture(scope="module")
def published() -> pl.DataFrame:
    """Every question of KorQuAD, checked."""
    source = KorQuad(train="${HEADWATER_DATA}/qa/korquad/KorQuAD_v1.0_dev.json")
    found = [
        {**row.fields, "file": row.file, "line": row.line, "part": row.part, "group": row.group}
        for row in source.read()
        if isinstance(row, Record)
    ]
    kept, bad = checked.check(pl.DataFrame(found), QuestionAnswering().schema())
    assert bad.is_empty()
    return kept
