"""Sources of pairs: published formats become canonical rows, whole, with what belongs together in one group."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from models.errors import RecipeError
from tasks.reading.source import Record, Rejected, Source, SourceField


class Holder(BaseModel):
    source: SourceField


def load(kind: str, path: Path | str, **settings: Any) -> Source:
    return Holder.model_validate({"source": {"kind": kind, "train": str(path), **settings}}).source


@pytest.mark.parametrize(("written", "named"), [("cp949", "cp949"), ("utf-16", "utf-16")])
@pytest.mark.parametrize("before", ["", "a plain text\tanother\tneutral\n" * 40_000])
def test_a_published_file_in_another_encoding_is_refused(
    tmp_path: Path, written: str, named: str, before: str
) -> None:
    path = tmp_path / "dev.tsv"
    rows = "비가 온다\t날이 궂다\tentailment\n" * 20
    path.write_bytes(("sentence1\tsentence2\tgold_label\n" + before + rows).encode(written))
    with pytest.raises(
        RecipeError, match=f"looks like {named}: save it as UTF-8, or .* 'files' and encoding: {named}"
    ):
        load("kornli", path).check()


def test_kornli_keeps_quotes_and_the_rows_of_a_premise_together(tmp_path: Path) -> None:
    path = tmp_path / "dev.tsv"
    path.write_text(
        'sentence1\tsentence2\tgold_label\n"비가 온다\t날이 궂다\tentailment\n가\t나\n', encoding="utf-8"
    )
    assert list(load("kornli", path).read()) == [
        Record(
            {"text_a": '"비가 온다', "text_b": "날이 궂다", "label": "entailment"},
            "dev.tsv",
            2,
            "train",
            '"비가 온다',
        ),
        Rejected("dev.tsv", 3, "", "too few columns", "가\t나"),
    ]


def test_question_pair_says_same_for_0_whatever_its_column_is_called(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text(
        "question1\tquestion2\tis_duplicate\n가?\t나?\t0\n다?\t라?\t1\n마?\t바?\t7\n", encoding="utf-8"
    )
    labels = [item.fields["label"] for item in load("question_pair", path).read() if isinstance(item, Record)]
    assert labels == ["same", "different", "7"]


def test_kor_sts_leaves_out_ids_that_repeat(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    header = "genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2\n"
    path.write_text(header + "main\tMSR\t2012\t0001\t4.5\t가\t나\n", encoding="utf-8")
    (row,) = load("kor_sts", path).read()
    assert isinstance(row, Record)
    assert row.fields == {"text_a": "가", "text_b": "나", "score": "4.5"}


@pytest.mark.parametrize(("view", "gold"), [("score", 4.9), ("label", "same")])
def test_klue_sts_has_a_score_and_a_label(tmp_path: Path, view: str, gold: Any) -> None:
    path = tmp_path / "sts.json"
    rows = [
        {"guid": "a", "sentence1": "가", "sentence2": "나", "labels": {"label": 4.9, "binary-label": 1}},
        {"guid": "b", "sentence1": "가", "sentence2": "나"},
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    good, bad = load("klue_sts", path, view=view).read()
    assert isinstance(good, Record) and good.fields == {"id": "a", "text_a": "가", "text_b": "나", view: gold}
    assert isinstance(bad, Rejected) and (bad.field, bad.reason) == ("labels", "missing")


@pytest.mark.parametrize("view", ["score", "label"])
@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"label": [4.9], "binary-label": [1]}, "not a number"),
        ({"label": {"mean": 4.9}, "binary-label": {"same": 1}}, "not a number"),
        ({"label": True, "binary-label": True}, "not a number"),
        ([4.9, 1], "not a JSON object"),
    ],
    ids=str,
)
def test_klue_sts_sets_a_row_aside_whose_label_is_no_number(
    tmp_path: Path, view: str, labels: Any, reason: str
) -> None:
    path = tmp_path / "sts.json"
    row = {"guid": "a", "sentence1": "가", "sentence2": "나", "labels": labels}
    path.write_text(json.dumps([row], ensure_ascii=False), encoding="utf-8")
    (bad,) = load("klue_sts", path, view=view).read()
    assert bad == Rejected("sts.json", 1, "labels", reason, json.dumps(row, ensure_ascii=False))


def test_klue_nli_keeps_the_rows_of_a_premise_together(tmp_path: Path) -> None:
    path = tmp_path / "nli.json"
    row = {"guid": "x", "premise": "가", "hypothesis": "나", "gold_label": "neutral", "author": "neutral"}
    path.write_text(json.dumps([row]), encoding="utf-8")
    (found,) = load("klue_nli", path).read()
    assert found == Record(
        {"id": "x", "text_a": "가", "text_b": "나", "label": "neutral"}, "nli.json", 1, "train", "가"
    )


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("kornli", "a\tb\n", "has the columns sentence1, sentence2, gold_label, not a, b"),
        ("klue_nli", '{"data": []}', "not a JSON array"),
    ],
)
def test_another_format_is_refused_before_anything_runs(
    tmp_path: Path, kind: str, text: str, message: str
) -> None:
    path = tmp_path / "file"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load(kind, path).check()


@pytest.mark.real
@pytest.mark.parametrize(
    ("kind", "path", "rows"),
    [
        ("klue_nli", "pair/klue-nli/klue-nli-v1.1_dev.json", 3_000),
        ("kornli", "pair/kornli/xnli.dev.ko.tsv", 2_490),
        ("question_pair", "pair/question_pair/train.txt", 6_136),
        ("kor_sts", "similarity/kor-sts/sts-train.tsv", 5_749),
        ("klue_sts", "similarity/klue-sts/klue-sts-v1.1_dev.json", 519),
    ],
)
def test_published_files_are_read_whole(kind: str, path: str, rows: int) -> None:
    source = load(kind, f"{os.environ['HEADWATER_DATA']}/{path}")
    source.check()
    assert Counter(type(item) for item in source.read()) == {Record: rows}
