"""How rows become Parquet without filling the memory."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as parquet

GROUP, GROUP_BYTES = 50_000, 1 << 26
"""Rows of a group in a Parquet file, or bytes where they are large: what is held before it is written."""


class Spool:
    """Rows written batch by batch to a Parquet file, which takes its place at the end."""

    def __init__(self, folder: Path, name: str, schema: Mapping[str, Any]) -> None:
        self._path, self._schema = folder / f"{name}.parquet", schema
        self._held: list[pl.DataFrame] = []
        self._writer: parquet.ParquetWriter | None = None
        self.rows = 0

    def write(self, rows: list[dict[str, Any]] | pl.DataFrame) -> None:
        """Appends rows; columns that a row lacks are null."""
        if not len(rows):
            return
        if isinstance(rows, list):  # column by column, which polars takes in several times as fast
            columns: Any = {name: [row.get(name) for row in rows] for name in self._schema}
        else:
            columns = rows
        self._held.append(pl.DataFrame(columns, schema=self._schema))
        self.rows += len(rows)
        if (
            sum(some.height for some in self._held) >= GROUP
            or sum(some.estimated_size() for some in self._held) >= GROUP_BYTES
        ):
            self._write_group()

    def close(self, target: Path) -> None:
        """Makes the file, in the order of what was written, and moves it to `target`."""
        if self._held or self._writer is None:
            self._write_group()
        assert self._writer is not None
        self._writer.close()
        shutil.move(self._path, target)

    def _write_group(self) -> None:
        group = pl.concat([pl.DataFrame(schema=self._schema), *self._held]).to_arrow()
        self._held = []
        if self._writer is None:
            self._writer = parquet.ParquetWriter(
                self._path, group.schema, compression="zstd", compression_level=3, use_dictionary=False
            )
        self._writer.write_table(group, max(1, len(group)))
