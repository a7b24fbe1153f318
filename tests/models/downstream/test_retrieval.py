"""Retrieval: who is a negative of whom, how passages rank, what a ranking is worth, and files that others load."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerFast

from models.adapted import files, serving
from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch, load, transferred
from models.data import schemas as checked
from models.downstream.retrieval import Retrieval
from models.downstream.retrieval.bm25 import Bm25, terms
from models.downstream.retrieval.ranking import KEPT, TOP, order, rank, worth
from models.downstream.retrieval.relevance import FORM, NONE, PASSAGE, RELEVANT, UNKNOWN
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.interfaces.transfer import Problem
from models.transfer.finetune import Finetune
from models.tuning.trial import Batches

SCHEMA = {"id": pl.String, "text": pl.String, "passage": pl.Boolean, "relevant": RELEVANT}


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told how it goes."""


def frame(queries: Mapping[str, tuple[str, Mapping[str, int]]], passages: Mapping[str, str]) -> pl.DataFrame:
    """Rows of queries, id -> (text, {passage: grade}), and of passages, id -> text."""
    rows: list[tuple[str, str, bool, list[dict[str, Any]] | None]] = [
        (name, text, False, [{"passage_id": found, "grade": grade} for found, grade in relevant.items()])
        for name, (text, relevant) in queries.items()
    ]
    rows += [(name, text, True, None) for name, text in passages.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@pytest.fixture
def tokenizer(make_tokenizer: Callable) -> PreTrainedTokenizerFast:
    return make_tokenizer(
        [*Retrieval().examples()["text"], "query: passage: ", "가 나 다 라 마 바 사 아 자 차"]
    )


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig) -> PreTrainedModel:
    return from_scratch(Retrieval(), tokenizer, small_model, dropout=0.0, seed=1).eval().requires_grad_(False)


# ---- rows


def quarantined(rows: pl.DataFrame) -> dict[str, tuple[str, str]]:
    """Id -> field and reason of the rows that the schema turns away."""
    sourced = rows.with_columns(
        file=pl.lit("rows.jsonl"), line=pl.int_range(pl.len()), part=pl.lit(""), group=pl.lit("")
    )
    kept, bad = checked.check(sourced, Retrieval().schema())
    assert kept.height + bad.height == rows.height
    return {name: (field, reason) for name, field, reason in bad.select("id", "field", "reason").iter_rows()}


def test_rows_that_cannot_be_used_are_named_with_the_reason() -> None:
    item = {"passage_id": "p1", "grade": 1}
    wrong: dict[str, tuple[list[Any] | None, str]] = {
        "null": (None, NONE),
        "empty": ([], NONE),
        "grade 0": ([item | {"grade": 0}], NONE),
        "below 0": ([item, {"passage_id": "p2", "grade": -1}], FORM),
        "no grade": ([item | {"grade": None}], FORM),
        "no id": ([item | {"passage_id": None}], FORM),
        "nothing": ([None], FORM),
        "twice": ([item, item], FORM),
        "not there": ([item, {"passage_id": "p3", "grade": 0}], UNKNOWN),
        "a query": ([{"passage_id": "good", "grade": 1}], UNKNOWN),
        "blank": ([{"passage_id": "void", "grade": 1}], UNKNOWN),
    }
    rows = frame({"good": ("가", {"p1": 2, "p2": 0})}, {"p1": "나", "p2": "다", "void": " \t"})
    rows = pl.concat(
        [
            rows,
            pl.DataFrame(
                [(name, "가", False, relevant) for name, (relevant, _) in wrong.items()],
                schema=SCHEMA,
                orient="row",
            ),
            pl.DataFrame([("passage", "라", True, [item])], schema=SCHEMA, orient="row"),
        ]
    )
    expected = {name: ("relevant", reason) for name, (_, reason) in wrong.items()}
    assert quarantined(rows) == expected | {"passage": ("relevant", PASSAGE), "void": ("text", "empty")}


def test_passages_need_no_relevance_and_may_have_an_empty_one() -> None:
    rows = frame({"q": ("가", {"p1": 1})}, {"p1": "나"})
    empty = pl.DataFrame([("p2", "다", True, [])], schema=SCHEMA, orient="row")
    assert quarantined(pl.concat([rows, empty])) == {}


def test_queries_that_all_ask_for_one_passage_teach_nothing() -> None:
    rows = frame({"q1": ("가", {"p1": 1}), "q2": ("나", {"p1": 2, "p2": 0})}, {})
    with pytest.raises(DataError, match="2 training queries ask for 1 passages"):
        Retrieval().check(rows)
    Retrieval().check(Retrieval().examples().filter(~pl.col("passage")))


def test_a_query_without_its_passages_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = frame({"q1": ("가", {"p1": 1})}, {"p2": "나"})
    with pytest.raises(DataError, match="query q1: none of its relevant passages"):
        Retrieval().encode(tokenizer, rows, labelled=True)
    assert len(Retrieval().encode(tokenizer, rows, labelled=False)) == 2


# ---- features


def test_the_positive_is_the_passage_of_the_highest_grade_and_of_these_the_first_by_id(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    passages = {"c": "다", "b": "나", "a": "가", "d": "라"}
    rows = frame({"q": ("마", {"d": 1, "c": 2, "b": 2, "a": 0})}, passages)
    query, *others = Retrieval().encode(tokenizer, rows, labelled=True)
    found = dict(zip(passages, (feature["input_ids"] for feature in others), strict=True))
    assert query["positive"] == found["b"]
    assert [feature.get("pool", False) for feature in (query, *others)] == [False, True, True, True, True]


def test_prefixes_and_lengths_are_those_of_queries_and_of_passages(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    downstream = Retrieval(query_prefix="query: ", passage_prefix="passage: ", max_query=8, max_length=12)
    long = "가 나 다 라 마 바 사 아 자 차 " * 3
    rows = frame({"q": (long, {"p": 1}), "short": ("가", {"p": 1})}, {"p": long})
    query, short, passage = downstream.encode(tokenizer, rows, labelled=True)
    assert (len(query["input_ids"]), len(passage["input_ids"])) == (8, 12)
    assert short["input_ids"] == tokenizer("query: 가")["input_ids"]
    assert passage["input_ids"] == tokenizer("passage: " + long, truncation=True, max_length=12)["input_ids"]
    assert len(Retrieval(max_length=8).encode(tokenizer, rows, labelled=False)[0]["input_ids"]) == 8


def same(tokenizer: PreTrainedTokenizerFast, rows: pl.DataFrame) -> list[list[bool]]:
    """Which positives are no negatives of which queries."""
    downstream = Retrieval()
    return downstream.collate(downstream.encode(tokenizer, rows, labelled=True), tokenizer)["same"].tolist()


@pytest.mark.parametrize(
    ("second", "passages", "expected"),
    [
        (("나", {"p2": 1}), {}, (False, False)),
        (("나", {"p1": 1}), {}, (True, True)),  # the same passage
        (("나", {"p3": 1}), {"p3": "ＡＢ  물 "}, (True, True)),  # another passage with the same content
        (("나", {"p4": 2}), {}, (True, False)),  # relevant to the first too, with a lower grade
        (("나", {"p5": 2}), {}, (False, False)),  # judged, and found to be of no use to the first
        (("나", {"p2": 2, "p1": 1}), {}, (False, True)),  # the first's passage is relevant to the second
        (("하늘은?", {"p2": 1}), {}, (True, True)),  # the same question with another answer
        (("  하늘은? ", {"p2": 1}), {}, (True, True)),
        (("나", {"p6": 1}), {"p6": "하늘은?"}, (True, False)),  # a passage that is the first question itself
    ],
)
def test_no_two_texts_with_the_same_content_are_negatives_of_each_other(
    tokenizer: PreTrainedTokenizerFast,
    second: tuple[str, dict[str, int]],
    passages: dict[str, str],
    expected: tuple[bool, bool],
) -> None:
    known = {"p1": "ab 물", "p2": "불", "p4": "흙", "p5": "길"} | passages
    rows = frame({"q1": ("하늘은?", {"p1": 2, "p4": 1, "p5": 0}), "q2": second}, known)
    assert same(tokenizer, rows) == [[False, expected[0]], [expected[1], False]]


def test_what_answers_a_question_once_is_no_negative_of_it_when_it_is_asked_again(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    """The first two ask the same; the third's passage answers the second."""
    rows = frame(
        {"q1": ("Ａ?", {"p1": 1}), "q2": ("a?", {"p2": 2, "p3": 1}), "q3": ("나?", {"p3": 1})},
        {"p1": "가", "p2": "나", "p3": "다"},
    )
    assert same(tokenizer, rows) == [[False, True, True], [True, False, True], [False, False, False]]


PASSAGES = ["가", "나", " 가", "Ａ", "a", "나 ", "다"]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["가?", "가 ?", "A", "나"]),
            st.dictionaries(st.integers(0, 6), st.integers(0, 2), min_size=1).filter(
                lambda item: any(item.values())
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_negatives_are_as_an_independent_reading_of_the_rule_has_them(
    queries: list[tuple[str, dict[int, int]]],
) -> None:
    texts = [text.strip().replace("Ａ", "a").lower() for text in PASSAGES]
    asked = [text.lower() for text, _ in queries]
    positives = [texts[min(item, key=lambda at: (-item[at], at))] for _, item in queries]

    def right(one: int) -> set[str]:
        alike = [item for text, (_, item) in zip(asked, queries, strict=True) if text == asked[one]]
        return {texts[at] for item in alike for at, grade in item.items() if grade > 0} | {asked[one]}

    count = range(len(queries))
    expected = [[one != two and positives[two] in right(one) for two in count] for one in count]
    rows = frame(
        {
            f"q{at}": (text, {f"p{n}": grade for n, grade in item.items()})
            for at, (text, item) in enumerate(queries)
        },
        {f"p{number}": text for number, text in enumerate(PASSAGES)},
    )
    assert same(_ANY, rows) == expected


class _Letters:
    """A tokenizer that is quick to make: a number for each letter."""

    pad_token_id = 0

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[1 + ord(letter) % 50 for letter in text] for text in texts]}


_ANY: Any = _Letters()


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


# ---- the model


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_loss_is_the_cross_entropy_of_cosines_without_those_of_the_same_content(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel, pooling: str
) -> None:
    downstream = Retrieval.model_validate({"pooling": pooling, "temperature": 0.2})
    rows = frame(
        {"q1": ("도서관은?", {"p1": 1}), "q2": ("꽃은?", {"p2": 1}), "q3": ("언덕은?", {"p3": 1})},
        {"p1": "도서관은 언덕 위에 있다.", "p2": "국화는 가을에 핀다.", "p3": "도서관은  언덕 위에 있다."},
    )
    features = downstream.encode(tokenizer, rows, labelled=True)
    found, loss = downstream.outputs(model, downstream.collate(features, tokenizer))
    vectors = np.array(found)
    assert vectors.dtype == np.float64
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    exponents = np.exp(vectors[:3] @ vectors[3:].T / 0.2)
    others = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])  # the first and the third passage say the same
    expected = -np.log(np.diag(exponents) / (exponents * others).sum(axis=1)).mean()
    assert loss == pytest.approx(expected, abs=1e-5)
    only = downstream.collate(features[:3], tokenizer)
    assert float(downstream.loss(model, only)) == pytest.approx(expected, abs=1e-5)


def test_a_batch_has_a_loss_only_where_it_has_labelled_queries(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel
) -> None:
    downstream = Retrieval()
    features = downstream.encode(tokenizer, downstream.examples(), labelled=True)
    passages = [feature for feature in features if feature.get("pool")]
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

    def start() -> PreTrainedModel:
        return from_scratch(downstream, tokenizer, small_model, dropout=0.0, seed=1)

    problem = Problem(
        downstream, tokenizer, start, queries, queries, passages, 1, tmp_path / "scratch", "cpu", 1
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


# ---- rankings


def scored(scores: Mapping[str, float], **relevant: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of one query and its passages, and their ranking by given scores."""
    rows = frame({"q": ("무엇?", relevant)}, {name: f"글 {name}" for name in scores})
    return rows, rank(rows, [np.array(list(scores.values()))])


def test_passages_of_equal_score_rank_by_id() -> None:
    _, found = scored({"b": 0.5, "d": 0.5 + 1e-9, "a": 0.1, "c": 0.5 - 1e-9, "e": 0.9}, a=1)
    assert order(found.row(0, named=True)) == ["e", "b", "c", "d", "a"]
    best = found["ranking"][0].to_list()[0]
    assert best == {"passage_id": "e", "score": 0.9, "text": "글 e"}


def test_passages_of_equal_text_rank_by_id_whatever_the_order_of_rows_and_the_size_of_batches(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel
) -> None:
    passages = {f"p{number}": "국화는 가을에 핀다." for number in (3, 1, 2)} | {"p0": "배는 언덕 위에 있다."}
    rows = frame({"q": ("꽃은?", {"p1": 1})}, passages)
    for turned in (rows, rows[::-1], rows[[2, 0, 4, 1, 3]]):
        for size in (1, 2, 64):
            found, _ = predict(model, Inputs(Retrieval(), tokenizer, turned, labelled=True), batch_size=size)
            assert [name for name in order(found.row(0, named=True)) if name != "p0"] == ["p1", "p2", "p3"]


def test_without_passages_there_is_nothing_to_rank() -> None:
    with pytest.raises(DataError, match="no passages to rank"):
        rank(frame({"q": ("가", {})}, {}), [np.array([])])


def test_a_ranking_shows_ten_passages_and_keeps_a_hundred() -> None:
    _, found = scored({f"p{number:03}": -number for number in range(150)}, p000=1)
    prediction = found.row(0, named=True)
    assert len(prediction["ranking"]) == TOP
    assert order(prediction) == [f"p{number:03}" for number in range(KEPT)]


@pytest.mark.parametrize(
    ("relevant", "expected"),
    [
        ({"a": 1}, (1, 1, 1, 1)),
        ({"b": 1}, (1 / 2, 1 / np.log2(3), 0, 1)),
        ({"j": 1}, (1 / 10, 1 / np.log2(11), 0, 1)),
        ({"k": 1}, (0, 0, 0, 0)),
        ({"a": 1, "k": 1}, (1, 1 / (1 + 1 / np.log2(3)), 1 / 2, 1 / 2)),
        ({"a": 1, "b": 2}, (1, (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3)), 1 / 2, 1)),
        ({}, (0, 0, 0, 0)),
    ],
)
def test_worth_of_a_ranking(relevant: dict[str, int], expected: tuple[float, ...]) -> None:
    assert worth("abcdefghijk", relevant) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_those_of_an_independent_library_on_rankings_with_ties(seed: int) -> None:
    measures = pytest.importorskip("ir_measures")
    generator = np.random.default_rng(seed)
    names = [f"p{number}" for number in range(40)]  # "p10" is before "p2"
    queries, scores = {}, []
    for number in range(80):
        judged = generator.choice(names, size=generator.integers(1, 25), replace=False)
        grades = dict(zip(judged.tolist(), generator.integers(0, 4, size=len(judged)).tolist(), strict=True))
        queries[f"q{number}"] = (f"물음 {number}?", grades | {names[number % 40]: 1})
        scores.append(generator.integers(0, 6, size=len(names)) / 8)
    rows = frame(queries, {name: f"글 {name}" for name in names})
    downstream = Retrieval()
    mine = downstream.evaluate(rows, rank(rows, scores))

    qrels = {name: grades for name, (_, grades) in queries.items()}
    run = {}  # the library breaks ties in its own way, so it is given none
    for name, values in zip(queries, scores, strict=True):
        ranked = sorted(zip(names, values, strict=True), key=lambda pair: (-pair[1], pair[0]))
        run[name] = {passage: float(len(names) - at) for at, (passage, _) in enumerate(ranked)}
    theirs = {
        "mrr_at_10": measures.RR @ 10,
        "ndcg_at_10": measures.nDCG @ 10,
        "recall_at_1": measures.R @ 1,
        "recall_at_10": measures.R @ 10,
    }
    found = measures.calc_aggregate(list(theirs.values()), qrels, run)
    assert mine == pytest.approx({name: found[measure] for name, measure in theirs.items()}, abs=1e-12)


def test_the_worst_are_the_queries_whose_passage_lies_lowest() -> None:
    names = [f"p{number:03}" for number in range(150)]
    rows = frame(
        {
            "right": ("하나?", {"p000": 1}),
            "third": ("둘?", {"p002": 1, "p090": 2}),
            "beyond": ("셋?", {"p120": 1}),
            "last": ("넷?", {"p099": 1}),
        },
        {name: f"{name} " + "글" * 300 for name in names},
    ).with_columns(file=pl.lit("rows.jsonl"), line=pl.int_range(pl.len()))
    found = rank(rows, [np.arange(150, 0, -1.0)] * 4)
    worst = json.loads(json.dumps(Retrieval().details(rows, found)))["worst"]
    assert [(item["id"], item["rank"]) for item in worst] == [
        ("beyond", f"over {KEPT}"),
        ("last", 100),
        ("third", 3),
    ]
    assert list(worst[0]) == ["id", "file", "line", "query", "rank", "gold", "found"]
    assert worst[0]["query"] == "셋?"
    assert worst[0]["gold"].startswith("p120 글") and len(worst[0]["gold"]) == 200
    assert worst[0]["found"].startswith("p000 글")
    queries = rows.filter(~pl.col("passage"))
    assert Retrieval().details(queries, found)["worst"][0]["gold"] == "p120"


# ---- the baseline


def test_the_baseline_reads_words_or_characters_as_validation_says(tmp_path: Path) -> None:
    inside = frame(
        {"q1": ("도서관", {"p1": 1}), "q2": ("우체국", {"p2": 1})},
        {"p2": "작은우체국에서는 편지를 부친다", "p1": "큰도서관에서는 책을 읽는다"},
    )
    whole = frame(
        {"q1": ("그 말 이", {"p2": 1})},
        {"p1": "그말이다그말이다 그말이다", "p2": "이 말 그 긴긴긴긴긴 뒷이야기를 덧붙인다"},
    )
    for rows, unit in ((inside, "characters"), (whole, "words")):
        fitted = Retrieval().fit_baseline(rows, rows, seed=1)
        assert fitted.setting["unit"] == unit
        fitted.save(tmp_path / unit)
        assert [path.name for path in (tmp_path / unit).iterdir()] == ["bm25.json"]
        again = Retrieval().load_baseline(tmp_path / unit)
        assert again.setting == fitted.setting
        assert again.predict(rows).equals(fitted.predict(rows))


def test_the_baseline_ranks_by_id_where_nothing_is_in_common() -> None:
    rows = frame(
        {"q1": ("???", {"p1": 1}), "q2": ("하늘", {"p1": 1})}, {"p2": "...", "p3": "바다", "p1": "산"}
    )
    for unit in ("words", "characters"):
        found = Bm25(unit).predict(rows)
        assert [order(row) for row in found.iter_rows(named=True)] == [["p1", "p2", "p3"]] * 2
    silent = frame({"q": ("하늘", {"p1": 1})}, {"p2": "...", "p1": "!"})
    assert order(Bm25("words").predict(silent).row(0, named=True)) == ["p1", "p2"]


def test_the_baseline_scores_by_the_published_formula() -> None:
    passages = {"p1": "강 강 산", "p2": "산 들 길 ＡB", "p3": "들"}
    rows = frame({"q": ("강 ab 산?", {"p1": 1})}, passages)
    found = {
        item["passage_id"]: item["score"] for item in Bm25("words").predict(rows)["ranking"][0].to_list()
    }

    def part(count: int, holding: int, length: int) -> float:
        idf = np.log(1 + (3 - holding + 0.5) / (holding + 0.5))
        return float(idf * count / (count + 1.5 * (0.25 + 0.75 * length / (8 / 3))))

    expected = {"p1": part(2, 1, 3) + part(1, 2, 3), "p2": part(1, 2, 4) + part(1, 1, 4), "p3": 0.0}
    assert found == pytest.approx(expected, abs=1e-6)


def test_characters_run_over_the_ends_of_words() -> None:
    assert terms("가나 다", "characters") == ["가나", "나 ", " 다", "가나 ", "나 다"]
    assert terms("가", "characters") == []
    assert terms("가나, 다!", "words") == ["가나", "다"]


@pytest.mark.real
def test_the_baseline_on_korquad() -> None:
    """Every question of the development set against all its paragraphs, each of which stands there once."""
    path = Path(os.environ["HEADWATER_DATA"]) / "qa/korquad/KorQuAD_v1.0_dev.json"
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    paragraphs = [item for article in articles for item in article["paragraphs"]]
    texts = {
        text: f"p{number}" for number, text in enumerate(dict.fromkeys(p["context"] for p in paragraphs))
    }
    queries = {
        question["id"]: (question["question"], {texts[paragraph["context"]]: 1})
        for paragraph in paragraphs
        for question in paragraph["qas"]
    }
    assert (len(texts), len(queries)) == (961, 5774)
    rows = frame(queries, {name: text for text, name in texts.items()})
    downstream = Retrieval()
    scores = {unit: downstream.evaluate(rows, Bm25(unit).predict(rows)) for unit in ("words", "characters")}
    assert scores["words"]["mrr_at_10"] == pytest.approx(0.81, abs=0.015)
    assert scores["characters"]["mrr_at_10"] == pytest.approx(0.93, abs=0.015)
