"""Hard negatives: who they are, that they are learnt from, and that they are never an answer."""

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.downstream.retrieval import Retrieval, relevance
from models.downstream.retrieval.negatives import Negatives, hard_negatives
from models.downstream.retrieval.relevance import Text
from models.interfaces.transfer import Problem
from models.transfer.finetune import Finetune
from models.workplace import Workplace
from tests.support.retrieval_rows import frame, silent


@given(
    gold=st.lists(st.sets(st.integers(0, 7), min_size=1, max_size=3), min_size=1, max_size=5),
    said=st.lists(st.sampled_from("가나다라마"), min_size=8, max_size=8),
    count=st.integers(1, 3),
    first=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_they_are_the_nearest_wrong_passages_and_never_an_answer(
    gold: list[set[int]], said: list[str], count: int, first: int, seed: int
) -> None:
    queries = {f"q{at}": (f"{at}?", {f"p{item}": 1 for item in wanted}) for at, wanted in enumerate(gold)}
    rows = frame(queries, {f"p{at}": text for at, text in enumerate(said)})
    features = [Text(row=row, input_ids=[], pool=pool) for row, pool in enumerate(rows["passage"])]
    relevance.label(features, rows)
    scores = np.random.default_rng(seed).random((len(gold), 8))
    found = hard_negatives(features, scores, count, (first, first + 3), seed)
    assert found == hard_negatives(features, scores, count, (first, first + 3), seed)
    assert not any(found[len(gold) :])
    for wanted, values, numbers in zip(gold, scores, found, strict=False):
        places = [number - len(gold) for number in numbers]
        texts = [said[place] for place in places]
        assert len(set(texts)) == len(texts)
        assert not {said[item] for item in wanted} & set(texts)
        others = {said.index(text) for text in set(said) - {said[item] for item in wanted}}
        ranked = sorted(others, key=lambda at: -values[at])
        assert set(places) <= set(ranked[first - 1 : first + 3])
        assert len(places) == min(count, len(ranked[first - 1 : first + 3]))


def test_more_of_them_than_places_are_refused() -> None:
    with pytest.raises(ValidationError, match="places 3 to 4 have no room for 3 hard passages"):
        Retrieval(negatives="bm25", hard=3, hard_ranks=(3, 4))


def test_a_query_is_told_from_them_beside_the_passages_of_its_batch(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel
) -> None:
    downstream = Retrieval(temperature=0.2)
    rows = frame(
        {"q1": ("도서관은?", {"p1": 1}), "q2": ("꽃은?", {"p2": 1})},
        {"p1": "도서관은 언덕 위에 있다.", "p2": "국화는 가을에 핀다.", "p3": "배는 저녁에 떠난다."},
    )
    features = downstream.encode(tokenizer, rows, labelled=True)
    vectors = np.array(downstream.outputs(model, downstream.collate(features, tokenizer))[0])
    features[0].against = [features[4], features[3]]  # the second is in the batch as it is
    batch = downstream.collate(features[:2], tokenizer)
    assert batch["passage_input_ids"].shape[0] == 3
    exponents = np.exp(vectors[:2] @ vectors[2:].T / 0.2)
    expected = -np.log(np.diag(exponents) / exponents.sum(axis=1)).mean()
    assert float(downstream.loss(model, batch)) == pytest.approx(expected, abs=1e-5)


def test_bm25_finds_them_by_words_and_the_model_by_what_it_says() -> None:
    rows = frame(
        {"q1": ("강가의 도서관", {"p1": 1}), "q2": ("가을의 국화", {"p2": 1})},
        {"p1": "책을 읽는 집", "p2": "노란 꽃", "p3": "도서관 휴관 안내", "p4": "국화 축제 안내"},
    )
    features = [Text(row=row, input_ids=[], pool=pool) for row, pool in enumerate(rows["passage"])]
    relevance.label(features, rows)
    asked, near = np.eye(2), np.array([[0.8, 0.6], [0.6, 0.8], [0.0, 1.0], [1.0, 0.0]])

    def mined(negatives: Negatives) -> list[list[str]]:
        downstream = Retrieval(negatives=negatives, hard_ranks=(1, 1))
        found = downstream.mine(features, rows, lambda: [*asked, *near], seed=1)
        return [rows["id"].gather(numbers).to_list() for numbers in found]

    assert mined("in_batch") == []
    assert mined("bm25")[:2] == [["p3"], ["p4"]]
    assert mined("model")[:2] == [["p4"], ["p3"]]


@pytest.mark.parametrize("small_model", ["bert"], indirect=True)
def test_fine_tuning_learns_from_them_the_same_each_time(
    tokenizer: PreTrainedTokenizerFast, small_model: ModelConfig, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    way = Finetune(
        learning_rates=(1e-3,), train_embeddings=(True,), min_steps=3, epochs=0.1, batch_size=2, evaluations=1
    )
    rows = Retrieval().examples()
    queries = rows.filter(~pl.col("passage"))

    def weights(name: str, downstream: Retrieval) -> str:
        problem = Problem(
            downstream, tmp_path / "tokenizer", small_model, queries, queries, rows.filter("passage"), 1,
            Workplace("cpu", 1, tmp_path / name), lambda number: queries,
        )  # fmt: skip
        tuned = way.carry(problem, silent)
        assert tuned.setting["best_step"] > 0
        return hashlib.sha256((tuned.model / "model.safetensors").read_bytes()).hexdigest()

    made = {name: weights(name, Retrieval(negatives=name)) for name in ("in_batch", "bm25", "model")}
    assert made["in_batch"] not in (made["bm25"], made["model"])
    assert weights("again", Retrieval(negatives="model")) == made["model"]
