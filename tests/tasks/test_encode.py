"""Shards are encoded whole and by themselves; a model reads what the corpus keeps of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from models.data import shards, tables
from models.data.cleaning import CleanConfig
from models.errors import DataError
from models.pretraining import batches
from models.tokens.documents import Documents
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import load_tokenizer
from tasks.encode import encode
from tasks.hold_out import HoldOutConfig, hold_out
from tasks.ingest import IngestConfig, ingest
from tasks.running.execution import RunContext
from tasks.sources.files import Files
from tasks.tokenizer import LearnConfig, tokenizer
from tasks.validate import ValidateConfig, validate
from tests.support.encoded import apart
from tests.support.making import make
from tests.support.toy_text import sentences

LENGTH = EncodeConfig(sequence_length=16)


def test_a_model_reads_exactly_the_texts_that_the_corpus_keeps_by_part(
    context: RunContext, tmp_path: Path
) -> None:
    lines = [f"{text} {number}" for number, text in enumerate(sentences(90))]
    long = " ".join(lines[:12])
    files = [[*lines[:40], long], [*lines[30:60], lines[0]], [*lines[60:], long]]
    checked = []
    for number, texts in enumerate(files):
        path = tmp_path / f"{number}.jsonl"
        path.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
        source = Files(paths=(str(path),))
        rows = ingest(IngestConfig(sources=(source,), clean=CleanConfig(near_duplicates=None)))
        checked.append(validate(ValidateConfig(), rows=rows))
    corpus = hold_out(
        HoldOutConfig(seed=3, holdout=0.2, cleaned=CleanConfig(near_duplicates=None)), shards=tuple(checked)
    )
    words = tokenizer(
        LearnConfig(vocabulary=60, min_frequency=1, seed=3, holdout=0.2), shards=(checked[0], checked[2])
    )
    encoded = [make(encode(LENGTH, rows=ref, tokenizer=words), context) for ref in checked]
    folder, made = make(corpus, context), load_tokenizer(make(words, context))
    assert [len({*Dataset.from_file(str(one / "documents.arrow"))["row"]}) for one in encoded] == [41, 31, 31]
    train, validation = batches.documents(encoded, folder, LENGTH)

    def tokens(part: str) -> list[int]:
        kept = shards.texts(folder, [make(ref, context) for ref in checked], part)
        texts = [text for rows in kept for text in rows["text"]]
        return [token for ids in made(texts, add_special_tokens=False).input_ids for token in ids]

    def read(documents: Documents) -> list[int]:
        return [token for ids in apart(documents) for token in ids[1:-1]]

    assert read(train) == tokens("train") and read(validation) == tokens("validation")
    assert validation.tokens > 0 and train.size + validation.size == sum(
        len(t.encode()) for t in [*lines, long]
    )
    across = EncodeConfig(sequence_length=16, across_documents=True)
    joined, _ = batches.documents(encoded, folder, across)
    assert len(joined) < len(train) and joined.tokens == train.tokens
    assert np.array_equal(joined.counts(60), train.counts(60))


def test_a_corpus_none_of_whose_texts_has_a_token_teaches_nothing(tmp_path: Path) -> None:
    import polars as pl

    schema = tables.PARTS
    pl.DataFrame(schema=schema).write_parquet(tmp_path / "parts.parquet")
    with pytest.raises(DataError, match="none of the corpus's texts for train has a token"):
        batches.documents([], tmp_path, LENGTH)
