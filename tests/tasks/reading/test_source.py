"""Files of one name are told apart, whatever folders they lie in and in whatever order they are read."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data.ingestion import Ingestion
from models.data.schemas import check
from models.downstream.classification import Classification
from tasks.reading.source import read_all
from tasks.sources.files import Files

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)


def write(path: Path, rows: Sequence[dict]) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def kept(sources: Sequence[Files], folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows kept, and the quarantine, after reading and checking."""
    folder.mkdir(exist_ok=True)
    counts = Ingestion(False, None, folder).run(read_all(sources), folder)
    rows, bad = check(pl.read_parquet(folder / "rows.parquet"), Classification().schema())
    quarantine = pl.concat([pl.read_parquet(folder / "quarantine.parquet"), bad])
    assert rows.height + quarantine.height == counts["read"]
    return rows, quarantine


file = st.tuples(
    st.sampled_from(["one/rows.jsonl", "two/rows.jsonl", "three/rows.jsonl", "one/other.jsonl"]),
    st.lists(st.sampled_from(["", "0", "1", "rows.jsonl:1", "rows.jsonl#2:1"]), min_size=1, max_size=4),
)


@same_folder
@given(st.lists(file, min_size=1, max_size=4, unique_by=lambda item: item[0]), st.data())
def test_any_order_of_files_keeps_the_same_rows(
    tmp_path: Path, files: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    for name, ids in files:
        rows = [{"id": given, "text": f"{name} {at}", "label": str(at % 2)} for at, given in enumerate(ids)]
        write(tmp_path / name, rows)
    paths = [str(tmp_path / name) for name, _ in files]
    found = []
    for order in (paths, data.draw(st.permutations(paths))):
        rows, _ = kept([Files(paths=(path,)) for path in order], tmp_path / "made")
        assert rows["id"].is_unique().all()
        found.append(sorted(rows["text"]))
    # A given id is lost only where it stands in its file already; a row without one always stays.
    expected = [
        f"{name} {at}"
        for name, ids in files
        for at, given in enumerate(ids)
        if not given or given not in ids[:at]
    ]
    assert found == [sorted(expected), sorted(expected)]


def test_the_same_files_in_other_folders_make_the_same_rows(tmp_path: Path) -> None:
    made = []
    for place in ("here", "there"):
        row = {"text": "가", "label": "0"}
        paths = [write(tmp_path / place / folder / "rows.jsonl", [row, {"bad": 1}]) for folder in ("a", "b")]
        rows, bad = kept(
            [Files(parts={"train": (paths[0],), "test": (paths[1],)})], tmp_path / f"out-{place}"
        )
        assert rows["file"].to_list() == ["rows.jsonl", "rows.jsonl#2"]
        assert bad["file"].to_list() == ["rows.jsonl", "rows.jsonl#2"]
        made.append((rows, bad))
    assert made[0][0].equals(made[1][0]) and made[0][1].equals(made[1][1])


def test_names_of_files_are_text_however_they_are_spelt(tmp_path: Path) -> None:
    old = os.fsdecode("글.jsonl".encode("cp949"))  # as an archive from an old Windows is unpacked
    paths = [
        write(tmp_path / name, [{"text": "가", "label": "0"}]) for name in (normalize("NFD", "글.jsonl"), old)
    ]
    rows, _ = kept([Files(paths=tuple(paths))], tmp_path / "out")
    assert rows["file"].to_list() == ["글.jsonl", r"\xb1\xdb.jsonl"]
