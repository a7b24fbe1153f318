"""What of a source is read anew when files are added, moved or longer than before."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.graph.corpus import corpus_ref
from flows.recipe.recipe import Recipe
from models.data.shards import texts
from models.errors import DataError
from tasks.ingest import IngestConfig, ingest
from tasks.reading.shards import MANY, Piece, pieces
from tasks.running.execution import RunContext
from tasks.sources.files import Files
from tasks.storage import artifacts
from tests.support import recipes
from tests.support.making import make

LARGE = 1 << 30


def read_by(*paths: Path | str, size: int = LARGE) -> dict[str, str]:
    """By shard, the key of the step that reads it."""
    shards = Files(paths=tuple(map(str, paths))).shards(size)
    made = {
        shard.name: ingest(IngestConfig(sources=(shard.source,), piece=shard.piece)).key for shard in shards
    }
    assert len(made) == len(shards)
    return made


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_only_a_new_file_is_read_and_neither_order_nor_name_nor_place_counts(tmp_path: Path) -> None:
    one, two = (write(tmp_path, f"{name}.txt", f"{name}\n") for name in ("나", "가"))
    first = read_by(one, two)
    assert list(first) == ["가.txt", "나.txt"] and first == read_by(two, one) == read_by(tmp_path / "*.txt")
    write(tmp_path, "다.txt", "다\n")
    more = read_by(tmp_path / "*.txt")
    assert {name: more[name] for name in first} == first and len(more) == 3
    moved = write(tmp_path / "elsewhere", "other.txt", "가\n")
    assert list(read_by(moved).values()) == [first["가.txt"]]


@given(
    st.lists(st.text("가나 \r", max_size=9), max_size=40), st.integers(1, 60), st.text("다\n", max_size=20)
)
def test_pieces_are_the_file_and_all_but_the_last_stay_when_it_grows(
    tmp_path_factory, lines: list[str], size: int, more: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "grows.txt"
    path.write_bytes("\n".join(lines).encode())
    before = pieces(path, size)
    whole = path.read_bytes()
    assert b"".join(whole[piece.start : piece.end] for piece, _ in before) == whole
    for piece, _ in before:
        assert piece.line == whole[: piece.start].count(b"\n") + 1
        assert piece.end == len(whole) or (
            whole[piece.end - 1 : piece.end] == b"\n" and piece.end - piece.start >= size
        )
    path.write_bytes(whole + more.encode())
    assert pieces(path, size)[: max(0, len(before) - 1)] == before[:-1]


def test_rows_of_pieces_are_those_of_the_whole_file(context: RunContext, tmp_path: Path) -> None:
    lines = [f'{{"text": "글 {number}"}}' if number % 7 else "{" for number in range(200)]
    path = write(tmp_path, "rows.jsonl", "\n".join(lines))

    def rows(*configs: IngestConfig) -> list[tuple]:
        folders = [make(ingest(config), context) for config in configs]
        found = [
            pl.read_parquet(folder / f"{name}.parquet").select("file", "line", "id")
            for name in ("rows", "quarantine")
            for folder in folders
        ]
        parts = [pl.read_parquet(folder / "rows.parquet").select("part", "id", "line") for folder in folders]
        return sorted([*pl.concat(found).rows(), *pl.concat(parts).rows()])

    source = Files(parts={"train": (str(path),)})
    cut = [IngestConfig(sources=(shard.source,), piece=shard.piece) for shard in source.shards(1_000)]
    assert len(cut) > 2 and isinstance(cut[1].piece, Piece)
    assert rows(*cut) == rows(IngestConfig(sources=(source,)))


def test_a_file_in_pieces_makes_the_corpus_that_the_whole_file_makes(
    context: RunContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "아침에 시장에서 산 사과 세 개를 저녁에 친구와 나누어 먹었더니 오래 기억에 남을 만큼 정말 달고 맛이 좋았다"
    given = [("x", "하나"), ("y", "둘"), ("", "셋"), ("x", "넷"), ("z", "하나"), ("z", "다섯"), ("", long)]
    given += [("v", "열하나"), ("w", f"{long}!"), ("x", "여섯"), ("b", "일곱"), ("", "셋"), ("u", "둘")]
    rows = [{"text": text} | ({"id": name} if name else {}) for name, text in given]
    lines = [*map(json.dumps, rows), "{", json.dumps({"text": "여덟"})]
    write(tmp_path / "texts", "ids.jsonl", "\n".join(lines))
    others = [("x", "아홉"), ("b", "열"), ("z", "여섯"), ("y", "셋")]
    later = [json.dumps({"id": name, "text": text}) for name, text in others]
    write(tmp_path / "texts", "later.jsonl", "\n".join(later))
    sources = [{"kind": "files", "paths": [f"{tmp_path}/texts/*.jsonl"]}]
    corpus = {"sources": sources, "quarantine": 0.5, "shard_megabytes": 1}
    recipe = Recipe.load(recipes.write(tmp_path, recipes.SMALL | {"corpus": corpus}))

    def made(size: int) -> tuple[int, dict[str, list[tuple]]]:
        monkeypatch.setattr("flows.graph.corpus.MEGABYTE", size)
        ref = corpus_ref(recipe)
        assert ref is not None
        folder = make(ref, context)
        shards = [artifacts.files(shard) for shard in ref.shards]
        found = {
            "rows": sorted(pl.concat(texts(folder, shards, part)).rows() for part in ("train", "validation"))
        }
        for name in ("quarantine", "removed"):
            found[name] = sorted(pl.read_parquet(folder / f"{name}.parquet").rows())
        names = pl.read_parquet(folder / "files.parquet")["name"]
        found["files"] = names.unique().sort().to_list()
        found["counts"] = [(folder / "counts.json").read_text()]
        return len(shards), found

    (number, whole), (more, cut) = (made(size) for size in (LARGE, 200))
    assert (number, more) == (2, 4) and whole["files"] == ["ids.jsonl", "later.jsonl"]
    assert [row[0] for row in whole["quarantine"]] == ["ids.jsonl"] * 3
    assert cut == whole


@pytest.mark.parametrize("size", [100, LARGE])
def test_a_file_that_changes_after_the_run_began_is_not_taken_for_what_it_was(
    context: RunContext, tmp_path: Path, size: int
) -> None:
    path = write(tmp_path, "rows.txt", "앞의 글\n" * 100)
    first = Files(paths=(str(path),)).shards(size)[0]
    ref = ingest(IngestConfig(sources=(first.source,), piece=first.piece))
    write(tmp_path, "rows.txt", "뒤의 글\n" * 100)
    with pytest.raises(
        DataError, match=r"rows\.txt: what is read has changed since the run began; run again"
    ):
        make(ref, context)


def test_files_that_no_line_end_may_cut_stay_whole(tmp_path: Path) -> None:
    text = "\n".join(f'"글\n{number}",1' for number in range(100))
    for name in ("quoted.csv", "array.json"):
        assert list(read_by(write(tmp_path, name, text), size=100)) == [name]
    whole = Files(paths=(str(write(tmp_path, "whole.txt", text)),), by_line=False)
    wide = tmp_path / "wide.txt"
    wide.write_text(text, encoding="utf-16")
    for source in (whole, Files(paths=(str(wide),), encoding="utf-16")):
        assert [shard.piece for shard in source.shards(100)] == [None]


def test_a_great_many_small_files_are_few_shards_and_a_new_one_changes_its_own_alone(tmp_path: Path) -> None:
    for number in range(MANY):
        write(tmp_path, f"{number:04}.txt", f"{number} " * 2_000)
    assert len(read_by(tmp_path / "*.txt")) == MANY
    for number in range(MANY, 1_000):
        write(tmp_path, f"{number:04}.txt", f"{number} " * 2_000)
    before = read_by(tmp_path / "*.txt")
    assert 3 < len(before) < 40
    write(tmp_path, "0500-later.txt", "새 글\n" * 1_000)
    after = read_by(tmp_path / "*.txt")
    assert len({*after.values()} - {*before.values()}) <= 2
