"""A corpus put together: ids tell its rows apart, and what was removed names what stays."""

from pathlib import Path

import polars as pl

from models.data.leaks import LEAKS
from models.data.shards import texts
from tests.support.shards import gathered, write_shard

LONG = "아침에 시장에서 산 사과 세 개를 저녁에 친구와 나누어 먹었더니 오래 기억에 남을 만큼 정말 달고 맛이 좋았다"


def test_ids_that_several_files_have_are_named_after_their_file(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "0", "a", [("1", "하나"), ("2", "둘"), ("3", "하나"), "이름 없는 글"])
    two = write_shard(tmp_path / "1", "a", [("1", "하나"), ("2", "셋"), ("4", "넷")])
    made = gathered(tmp_path / "out", [one, two])
    rows = pl.concat(texts(tmp_path / "out", [one, two]))
    assert rows.select("id", "file", "line", "text").rows() == [
        ("a:1", "a", 1, "하나"),
        ("a:2", "a", 2, "둘"),
        ("a:4", "a", 4, "이름 없는 글"),
        ("a#2:2", "a#2", 2, "셋"),
        ("4", "a#2", 3, "넷"),
    ]
    assert made["removed"].rows() == [
        ("3", "a", 3, "exact_duplicate", "a:1", "a"),
        ("a#2:1", "a#2", 1, "exact_duplicate", "a:1", "a"),
    ]
    assert made["files"]["name"].to_list() == ["a", "a#2"]
    sizes = made["files"].select(pl.sum_horizontal("train", "validation")).to_series().to_list()
    assert sizes == [3, 2] and made["parts"].height == 5


def test_a_copy_of_a_text_that_goes_repeats_what_that_one_repeats(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "0", "a", [LONG, "하나", "둘"])
    two = write_shard(tmp_path / "1", "b", [LONG + "!", LONG + "!", "셋"])
    removed = gathered(tmp_path / "out", [one, two])["removed"]
    assert removed.select("id", "reason", "kept_id").sort("id").rows() == [
        ("b:1", "near_duplicate", "a:1"),
        ("b:2", "near_duplicate", "a:1"),
    ]


def test_a_file_twice_counts_twice_and_is_learnt_from_once(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "0", "a", ["하나", "둘"])
    made = gathered(tmp_path / "out", [one, one])
    assert made["files"]["name"].to_list() == ["a", "a#2"] and made["parts"]["shard"].to_list() == [0, 0]
    assert made["removed"].select("id", "kept_file").rows() == [("a#2:1", "a"), ("a#2:2", "a")]


def test_a_copy_of_a_text_that_leaked_names_it_as_the_corpus_does(tmp_path: Path) -> None:
    one = write_shard(tmp_path / "0", "a", ["하나"])
    two = write_shard(tmp_path / "1", "a", ["둘", "셋", "둘"])
    leak = {"id": "a:1", "file": "a", "line": 1, "reason": "leak", "kept_id": "test", "kept_file": None}
    before = pl.read_parquet(two / "removed.parquet")
    pl.concat([before, pl.DataFrame([leak], before.schema)]).write_parquet(two / "removed.parquet")
    for name in ("rows", "signatures"):
        pl.read_parquet(two / f"{name}.parquet")[1:].write_parquet(two / f"{name}.parquet")
    (two / "counts.json").write_text('{"read": 3, "kept": 1, "quarantined": {}, "removed": {}, "masked": {}}')
    found = {"row_id": "test", "part": "test", "corpus_id": "a:1", "corpus_file": "a", "corpus_line": 1}
    pl.DataFrame([found | {"kind": "equal"}], LEAKS).write_parquet(two / "leaks.parquet")
    made = gathered(tmp_path / "out", [one, two])
    assert made["leaks"].select("corpus_id", "corpus_file").rows() == [("a#2:1", "a#2")]
    assert made["removed"].rows() == [
        ("a#2:3", "a#2", 3, "exact_duplicate", "a#2:1", "a#2"),
        ("a#2:1", "a#2", 1, "leak", "test", None),
    ]
