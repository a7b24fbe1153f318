"""What is written batch by batch is one Parquet file, whatever the batches."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as parquet
import pytest

from models.data import spool
from models.data.spool import Spool

SCHEMA = {"id": pl.String, "line": pl.Int64}


@pytest.mark.parametrize("limit", [{"GROUP": 3}, {"GROUP_BYTES": 1}, {}])
def test_batches_are_one_file_in_their_order(
    limit: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(spool, name, value)
    rows = Spool(tmp_path, "rows", SCHEMA)
    rows.write([{"id": "a", "line": 1}, {"id": "b"}])
    rows.write([])
    rows.write(pl.DataFrame({"id": ["c", "d"], "line": [3, 4]}))
    rows.write([{"line": 5, "id": "e", "other": 6}])
    rows.close(tmp_path / "out.parquet")
    wanted = [("a", 1), ("b", None), ("c", 3), ("d", 4), ("e", 5)]
    assert pl.read_parquet(tmp_path / "out.parquet").rows() == wanted and rows.rows == len(wanted)
    groups = parquet.read_metadata(tmp_path / "out.parquet").num_row_groups
    assert groups == {"GROUP": 2, "GROUP_BYTES": 3}.get("".join(limit), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_no_rows_are_a_table_with_its_columns(tmp_path: Path) -> None:
    Spool(tmp_path, "rows", SCHEMA).close(tmp_path / "out.parquet")
    assert pl.read_parquet(tmp_path / "out.parquet").schema == pl.Schema(SCHEMA)
