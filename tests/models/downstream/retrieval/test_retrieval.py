"""Retrieval: who is a negative of whom, how passages rank, what a ranking is worth, and files that others load."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerFast

from models.adapted import files, serving
from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch, load, transferred
from models.downstream.retrieval import Retrieval
from models.downstream.retrieval.ranking import order
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.interfaces.transfer import Problem
from models.transfer.finetune import Finetune
from models.tuning.trial import Batches
from models.workplace import Workplace
from tests.support.retrieval_rows import frame, silent


def test_queries_that_all_ask_for_one_passage_teach_nothing() -> None:
    rows = frame({"q1": ("가", {"p1": 1}), "q2": ("나", {"p1": 2, "p2": 0})}, {})
    with pytest.raises(DataError, match="2 training queries ask for 1 passages"):
        Retrieval().check(rows)
    Retrieval().check(Retrieval().examples().filter(~pl.col("passage")))


def test_prefixes_and_lengths_are_those_of_queries_and_of_passages(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    downstream = Retrieval(query_prefix="query: ", passage_prefix="passage: ", max_query=8, max_length=12)
    long = "가 나 다 라 마 바 사 아 자 차 " * 3
    rows = frame({"q": (long, {"p": 1}), "short": ("가", {"p": 1})}, {"p": long})
    query, short, passage = downstream.encode(tokenizer, rows, labelled=True)
    assert (len(query.input_ids), len(passage.input_ids)) == (8, 12)
    assert short.input_ids == tokenizer("query: 가")["input_ids"]
    assert passage.input_ids == tokenizer("passage: " + long, truncation=True, max_length=12)["input_ids"]
    assert len(Retrieval(max_length=8).encode(tokenizer, rows, labelled=False)[0].input_ids) == 8


def test_queries_whose_passages_are_of_one_group_share_a_batch(tokenizer: PreTrainedTokenizerFast) -> None:
    """Passages of an article are hard to tell apart: it is them that a query has to be told from."""
    queries = {f"q{number}": ("가 나 다"[: 1 + number % 5], {f"p{number}": 1}) for number in range(32)}
    passages = {f"p{number}": f"가 {number}" for number in range(32)}
    rows = frame(queries, passages).with_columns(
        group=pl.col("id").str.slice(1).cast(pl.Int64).mod(8).cast(pl.String)
    )
    batches = Batches(Inputs(Retrieval(), tokenizer, rows, labelled=True), Finetune(batch_size=4), seed=1)
    drawn = [rows["group"].gather(batch).unique().to_list() for batch in batches.epoch(0)]
    assert sorted(drawn) == [[str(number)] for number in range(8)]
    assert drawn != sorted(drawn)
    without = Batches(
        Inputs(Retrieval(), tokenizer, rows.drop("group"), labelled=True), Finetune(batch_size=4), seed=1
    )
    assert any(rows["group"].gather(batch).n_unique() > 1 for batch in without.epoch(0))


def test_a_batch_has_a_loss_only_where_it_has_labelled_queries(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel
) -> None:
    downstream = Retrieval()
    features = downstream.encode(tokenizer, downstream.examples(), labelled=True)
    passages = [feature for feature in features if feature.pool]
    assert downstream.outputs(model, downstream.collate(passages, tokenizer))[1] is None
    mixed = downstream.collate([passages[0], features[0], features[1]], tokenizer)
    alone = downstream.collate(features[:2], tokenizer)
    losses = [downstream.outputs(model, batch)[1] for batch in (mixed, alone)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_nothing_that_no_vector_passes_through_is_trained_or_saved(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    config = ModelConfig(preset="bert", hidden_size=32, layers=2, heads=2, max_positions=128)
    downstream = Retrieval()
    made = from_scratch(downstream, tokenizer, config, dropout=0.0, seed=1)
    AutoModel.from_config(made.config).save_pretrained(tmp_path / "published")
    carried = transferred(downstream, tokenizer, tmp_path / "published", 0.0, seed=1)
    carried.save_pretrained(tmp_path / "carried")
    loaded = load(tmp_path / "carried", downstream)
    for model in (made, carried, loaded):
        assert not [name for name, _ in model.named_parameters() if "pooler" in name]


@pytest.mark.parametrize("preset", ["gpt2", "llama"])
def test_a_model_that_reads_from_left_to_right_can_be_trained_too(
    tokenizer: PreTrainedTokenizerFast, preset: str
) -> None:
    config = ModelConfig.model_validate({"preset": preset, "hidden_size": 32, "layers": 2, "heads": 2})
    downstream = Retrieval()
    model = from_scratch(downstream, tokenizer, config, dropout=0.0, seed=1)
    inputs = Inputs(downstream, tokenizer, downstream.examples(), labelled=True)
    downstream.loss(model, inputs.batch(range(8))).backward()
    assert all(item.grad is not None and item.grad.isfinite().all() for item in model.parameters())
    whole, single = (predict(model, inputs, batch_size=size)[0] for size in (64, 1))
    assert [order(row) for row in whole.iter_rows(named=True)] == [
        order(row) for row in single.iter_rows(named=True)
    ]


@pytest.mark.parametrize("small_model", ["modernbert"], indirect=True)
def test_it_is_fine_tuned_and_then_answers_requests_from_its_passages(
    tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig, tmp_path: Path
) -> None:
    downstream = Retrieval()
    rows = downstream.examples()
    queries, passages = rows.filter(~pl.col("passage")), rows.filter("passage")
    config = Finetune(
        learning_rates=(3e-3,),
        train_embeddings=(True,),
        epochs=1,
        min_steps=40,
        batch_size=4,
        evaluations=2,
        word_dropout=0.2,
    )

    tokenizer.save_pretrained(tmp_path / "tokenizer")
    workplace = Workplace("cpu", 1, tmp_path / "work")
    problem = Problem(
        downstream,
        tmp_path / "tokenizer",
        small_model,
        queries,
        queries,
        passages,
        1,
        workplace,
        lambda number: queries,
    )
    tuned = config.carry(problem, silent)
    assert tuned.metrics["mrr_at_10"] == pytest.approx(1.0)
    assert tuned.metrics["loss"] < 0.5

    load(tuned.model, downstream).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / files.SETTLED).write_text(downstream.model_dump_json(), encoding="utf-8")
    (tmp_path / files.WAY).write_text(config.model_dump_json(), encoding="utf-8")
    passages.write_parquet(tmp_path / files.POOL)
    answers = serving.Served(tmp_path).predict([{"text": text} for text in queries["text"]])
    for answer, relevant in zip(json.loads(json.dumps(answers)), queries["relevant"].to_list(), strict=True):
        best, *others = answer["ranking"]
        assert best["passage_id"] == relevant[0]["passage_id"]
        assert best["text"] == passages.filter(id=best["passage_id"])["text"].item()
        assert all(best["score"] >= other["score"] for other in others) and len(others) == 3


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_sentence_transformers_gives_the_same_vectors(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel, tmp_path: Path, pooling: str
) -> None:
    transformers = pytest.importorskip("sentence_transformers")
    downstream = Retrieval.model_validate(
        {
            "pooling": pooling,
            "query_prefix": "query: ",
            "passage_prefix": "passage: ",
            "max_query": 8,
            "max_length": 16,
        }
    )
    long = "가 나 다 라 마 바 사 아 자 차 카 타 " * 4
    rows = pl.concat(
        [downstream.examples(), frame({"long": (long, {"very": 1})}, {"very": long})], how="vertical"
    )
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    downstream.export(tmp_path, tokenizer)
    loaded = transformers.SentenceTransformer(str(tmp_path), device="cpu", local_files_only=True)
    features = downstream.encode(tokenizer, rows, labelled=False)
    with torch.inference_mode():
        mine = np.array(downstream.outputs(model, downstream.collate(features, tokenizer))[0])
    texts = np.array(rows["text"].to_list(), dtype=object)
    passages = rows["passage"].to_numpy()
    queries = loaded.encode_query(texts[~passages].tolist())
    documents = loaded.encode_document(texts[passages].tolist())
    assert np.abs(queries - mine[~passages]).max() < 1e-5
    assert np.abs(documents - mine[passages]).max() < 1e-5


def test_passages_of_equal_text_rank_by_id_whatever_the_order_of_rows_and_the_size_of_batches(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel
) -> None:
    passages = {f"p{number}": "국화는 가을에 핀다." for number in (3, 1, 2)} | {"p0": "배는 언덕 위에 있다."}
    rows = frame({"q": ("꽃은?", {"p1": 1})}, passages)
    for turned in (rows, rows[::-1], rows[[2, 0, 4, 1, 3]]):
        for size in (1, 2, 64):
            found, _ = predict(model, Inputs(Retrieval(), tokenizer, turned, labelled=True), batch_size=size)
            assert [name for name in order(found.row(0, named=True)) if name != "p0"] == ["p1", "p2", "p3"]
