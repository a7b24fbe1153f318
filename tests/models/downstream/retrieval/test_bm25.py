"""The baseline of retrieval."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from models.downstream.retrieval import Retrieval
from models.downstream.retrieval.bm25 import Bm25, terms
from models.downstream.retrieval.ranking import order
from tests.support.retrieval_rows import frame


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
