"""Which file a row was read from is known by the file, whatever it is called and wherever others of its name lie."""

from pathlib import Path

import polars as pl

from tasks.ingest import IngestConfig, ingest
from tasks.running.execution import RunContext
from tasks.sources.files import Files
from tasks.storage import lineage
from tests.support.making import make


def test_a_row_leads_to_the_one_file_it_was_read_from(context: RunContext, tmp_path: Path) -> None:
    names = ["one/rows.csv", "two/rows.csv", "a [1].csv", "b*.csv", "bc.csv"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text\n{name}\n", encoding="utf-8")
    sources = tuple(Files(paths=(str(tmp_path / name),)) for name in names)
    ref = ingest(IngestConfig(sources=sources))
    rows = pl.read_parquet(make(ref, context) / "rows.parquet")
    node = lineage.of_key(ref.key)
    for file, text in rows.select("file", "text").iter_rows():
        assert lineage.sources(node, file) == [str(tmp_path / text)]
    assert lineage.sources(node, "nothing.csv") == []
