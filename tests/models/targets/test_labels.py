"""Any number of labels a row: as files have them, and as scikit-learn scores them."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from models.data.ingestion import Ingestion
from models.data.records import Record
from models.data.schemas import check
from models.data.splits import named
from models.downstream.classification import Classification
from models.errors import DataError
from models.modes import fitting

NAMES = ("기쁨", "분노", "슬픔")


def drawn(count: int, seed: int) -> list[list[str]]:
    generator = np.random.default_rng(seed)
    return [[name for name in NAMES if generator.random() < 0.4] for _ in range(count)]


def test_scores_equal_scikit_learns() -> None:
    gold, said = drawn(200, 1), drawn(200, 2)
    ids = [str(number) for number in range(200)]
    downstream = Classification(target="labels", classes=NAMES)
    rows = pl.DataFrame({"id": ids, "labels": gold})
    predictions = pl.DataFrame({"id": ids, "prediction": said})
    found = downstream.evaluate(rows, predictions)
    a, b = (MultiLabelBinarizer(classes=NAMES).fit_transform(each) for each in (gold, said))
    assert found["micro_f1"] == pytest.approx(f1_score(a, b, average="micro"))
    assert found["macro_f1"] == pytest.approx(f1_score(a, b, average="macro"))
    assert found["subset_accuracy"] == pytest.approx(accuracy_score(a, b))
    each = downstream.by_label(downstream.statistics(rows, predictions).sum(axis=0))
    expected = np.array(precision_recall_fscore_support(a, b))
    for at, name in enumerate(NAMES):
        found = [each[name][what] for what in ("precision", "recall", "f1", "rows")]
        assert found == pytest.approx(expected[:, at].tolist())


def test_a_label_that_no_training_row_has_is_never_right() -> None:
    downstream = Classification(target="labels", classes=NAMES[:2])
    rows = pl.DataFrame({"id": ["1", "2"], "labels": [["기쁨"], ["기쁨", "놀람"]]})
    said = pl.DataFrame({"id": ["1", "2"], "prediction": [["기쁨"], ["기쁨"]]})
    found = downstream.evaluate(rows, said)
    assert found == pytest.approx({"micro_f1": 0.8, "macro_f1": 0.5, "subset_accuracy": 0.5})


def test_labels_are_read_from_lists_and_from_texts_and_bad_rows_are_set_aside(tmp_path: Path) -> None:
    values = [["기쁨", " 분노 "], "기쁨; 슬픔;", "", [], None, ["기쁨", ""], ["기쁨", {"a": 1}], "놀람"]
    records = [
        Record({"text": f"글 {line}", "labels": value}, "f.jsonl", line) for line, value in enumerate(values)
    ]
    Ingestion(corpus=False, cleaning=None, work=tmp_path).run(records, tmp_path)
    rows = pl.read_parquet(tmp_path / "rows.parquet")
    kept, bad = check(rows, Classification(target="labels", classes=NAMES).schema())
    assert kept["labels"].to_list() == [["기쁨", "분노"], ["기쁨", "슬픔"], [], []]
    assert dict(bad.select("line", "reason").iter_rows()) == {
        4: "missing",
        5: "a label that is not one of 기쁨, 분노, 슬픔",
        6: "not a text",
        7: "a label that is not one of 기쁨, 분노, 슬픔",
    }
    assert json.loads(bad["raw"][1])["labels"] == ["기쁨", ""]
    other = Classification(target="labels", label_separator="|").schema()
    (split,) = check(rows[1:2], other)[0]["labels"]
    assert split.to_list() == ["기쁨; 슬픔;"]


def test_labels_are_named_one_by_one() -> None:
    rows = pl.DataFrame({"part": ["train", "test"], "labels": [["기쁨", "분노"], []]})
    assert named(rows, "labels")["label"].to_list() == ["기쁨", "분노"]


def test_modes_that_ask_for_one_word_do_not_apply() -> None:
    some, number = (fitting(Classification(target=target), False) for target in ("labels", "score"))
    assert some - number == {"prompt_tuning"} and not number & {"zero_shot", "few_shot", "prompt_tuning"}


def test_rows_without_any_label_are_refused() -> None:
    rows = Classification(target="labels").examples()
    none = rows.with_columns(labels=pl.lit([], dtype=pl.List(pl.String)))
    downstream = Classification(target="labels", classes=NAMES)
    with pytest.raises(DataError, match="none of the 8 training rows has a label"):
        downstream.check(none)
    with pytest.raises(DataError, match="none of the 8 validation rows has a label that a training row has"):
        downstream.check_choice(rows, none)
