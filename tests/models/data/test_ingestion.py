"""One pass over rows: what is kept, quarantined and removed adds up to what was read."""

import json
from pathlib import Path
from unicodedata import normalize

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data.cleaning import CleanConfig
from models.data.ingestion import Ingestion
from models.data.records import Record, Rejected

CLEANING = CleanConfig()


def ingest(items: list, folder: Path, corpus: bool = True, cleaning: CleanConfig | None = CLEANING) -> dict:
    out, work = folder / "out", folder / "work"
    out.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    counts = Ingestion(corpus, cleaning, work).run(items, out)
    assert not list(work.iterdir()), "batches are cleared away"
    return counts


def read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "out" / f"{name}.parquet")


def texts(*values: object) -> list[Record]:
    return [Record({"text": value}, "a.txt", line) for line, value in enumerate(values, start=1)]


def test_each_row_ends_in_one_place_with_its_file_and_line(tmp_path: Path) -> None:
    items = [
        *texts("좋다 010-1234-5678", " \x07", "좋다  010-9999-0000", None, 7),
        Rejected("a.txt", 6, "", "not JSON", "{"),
    ]
    counts = ingest(items, tmp_path)
    assert counts == json.loads((tmp_path / "out" / "counts.json").read_text())
    assert counts == {
        "read": 6,
        "kept": 1,
        "quarantined": {"not JSON": 1, "text: missing": 1, "text: not text": 1},
        "removed": {"empty": 1, "exact_duplicate": 1},
        "masked": {"phone": 2},
    }
    assert read(tmp_path, "rows").to_dicts() == [
        {
            "id": "a.txt:1",
            "source": "a.txt",
            "text": "좋다 [전화]",
            "file": "a.txt",
            "line": 1,
            "part": "",
            "group": "",
        }
    ]
    assert read(tmp_path, "removed").rows() == [
        ("a.txt:2", "a.txt", 2, "empty", None, None),
        ("a.txt:3", "a.txt", 3, "exact_duplicate", "a.txt:1", "a.txt"),
    ]
    assert read(tmp_path, "quarantine")["line"].to_list() == [4, 5, 6]


def test_labelled_rows_keep_text_columns_and_repeats(tmp_path: Path) -> None:
    rows = [{"text": " &amp; 가 ", "label": 1}, {"text": " &amp; 가 ", "label": "x", "extra": [{"start": 0}]}]
    items = [Record(row, "a.json", line, "train", "g") for line, row in enumerate(rows, start=1)]
    assert ingest(items, tmp_path, corpus=False, cleaning=None)["kept"] == 2
    made = read(tmp_path, "rows")
    kept = [json.loads(fields) for fields in made["fields"]]
    assert kept == rows
    assert made.select("id", "part", "group").rows() == [
        ("a.json:1", "train", "g"),
        ("a.json:2", "train", "g"),
    ]


def test_a_value_keeps_its_type_whatever_others_have(tmp_path: Path) -> None:
    values = [1, 2, "셋", None, 5.5, {}, {"a": [1]}, [], True]
    items = [Record({"label": value}, "a", line) for line, value in enumerate(values, start=1)]
    ingest(items, tmp_path, corpus=False, cleaning=None)
    assert [json.loads(fields)["label"] for fields in read(tmp_path, "rows")["fields"]] == values


item = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=4),
    st.sampled_from(["가", " ", "가나다" * 20, "가나다" * 20 + "라"]),
    st.just({"bad": 1}),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(item, max_size=30))
def test_rows_are_never_lost_and_never_double(tmp_path: Path, values: list) -> None:
    items = [
        Rejected("a", 1, "", "not JSON", "") if isinstance(value, dict) else texts(value)[0]
        for value in values
    ]
    counts = ingest(items, tmp_path)
    assert counts["read"] == len(values)
    assert counts["kept"] + sum(counts["quarantined"].values()) + sum(counts["removed"].values()) == len(
        values
    )
    rows, quarantine, removed = (read(tmp_path, name) for name in ("rows", "quarantine", "removed"))
    assert (rows.height, quarantine.height, removed.height) == (
        counts["kept"], sum(counts["quarantined"].values()), sum(counts["removed"].values())
    )  # fmt: skip
    assert rows["text"].n_unique() == rows.height


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        ingest(texts(*(f"글 {number}" for number in range(200))), tmp_path / name)
        made.append({path.name: path.read_bytes() for path in (tmp_path / name / "out").iterdir()})
    assert made[0] == made[1]


def test_a_part_or_group_of_nothing_is_none(tmp_path: Path) -> None:
    """Else all rows without a group would have to stay together."""
    nothing = [None, float("nan"), "", " "]
    rows = [{"text": "가", "part": value, "group": value} for value in [*nothing, "train "]]
    rows += [{"text": "가", "group": value} for value in (1, 1.0, "1.0", "가", normalize("NFD", "가 "))]
    ingest([Record(row, "a", line) for line, row in enumerate(rows)], tmp_path, corpus=False, cleaning=None)
    kept = read(tmp_path, "rows")
    assert kept["part"].to_list() == [""] * 4 + ["train"] + [""] * 5
    assert kept["group"].to_list() == [""] * 4 + ["train"] + ["1"] * 3 + ["가"] * 2
