"""From shards to a corpus: what repeats over them is taken out, and the rest parted; of texts only those are read that
may be alike."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from models.data import counts, splits
from models.data.cleaning import CleanConfig
from models.data.leaks import LEAKS
from models.data.names import Names
from models.data.quarantine import FILE as QUARANTINED
from models.data.quarantine import Shelf
from models.data.repeats import again, ambiguous, repeats
from models.data.schemas import NOT_UNIQUE, not_unique
from models.data.shards import as_in_corpus
from models.data.signatures import NONE, starts
from models.data.spool import Spool
from models.data.tables import FILES, PARTS, QUARANTINE, REMOVED
from models.errors import DataError

_TABLES = {"parts": PARTS, "files": FILES, "removed": REMOVED}
_NAMES = {"file": pl.String, "name": pl.String}
_PARTS = ("train", "validation")
_IDENTIFIED = {"place": pl.Int64, "id": pl.String, "file": pl.String, "line": pl.Int64}


class Gathering:
    """The shards of a corpus, in order, and the folder of what is made of them.

    A row's place is its number when all shards are read one after another. Pieces of a file come to what the
    file in one shard would.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        cleaned: CleanConfig | None,
        work: Path,
        out: Path,
        goes_on: Collection[int] = (),
    ) -> None:
        """`goes_on`: the numbers of shards that are of the same file as the one before."""
        self._shards, self._cleaned, self._work, self._out = shards, cleaned, work, out
        self._goes_on = frozenset(goes_on)
        self._starts = starts(shards)
        self.shelf = Shelf(out)

    def before(self) -> dict[str, Any]:
        """The counts of all shards together."""
        bad = len(self._again[1])
        now = {"kept": -bad, "quarantined": {f"id: {NOT_UNIQUE}": bad}}
        return counts.summed([*(counts.load(folder) for folder in self._shards), now])

    def quarantine(self) -> pl.DataFrame:
        """Writes the quarantine of all shards; its first row."""
        spool = Spool(self._work, "quarantine", QUARANTINE)
        for shard, folder in enumerate(self._shards):
            bad = not_unique(self._rows(shard, self._again[1]))
            rows = pl.concat([pl.read_parquet(folder / QUARANTINED), bad])
            rows = rows.with_columns(pl.col("file").replace(self._names[shard]))
            spool.write(self.shelf.put(_whole(folder, row) for row in rows.iter_rows(named=True)))
        spool.close(self._out / QUARANTINED)
        return pl.read_parquet(self._out / QUARANTINED, n_rows=1)

    def write(self, seed: int, share: float) -> dict[str, Any]:
        """Writes which rows are kept and in which part, which are removed, and where test rows stood; the counts.

        Raises:
            DataError: there is only one text.
        """
        copies, ids = self._again
        self._gone = repeats(self._shards, self._cleaned, self._work, ids)
        self._ambiguous = ambiguous(self._shards, self._work, np.union1d(copies, ids))
        kept = self._identified(np.unique(self._gone["of"].to_numpy()))
        kept = kept.select(of="place", kept_id="id", kept_file="file")
        held = Held(seed, share, (hashes[where] for _, hashes, where in self._hashes()))
        parts, files, removed = (Spool(self._work, *of) for of in _TABLES.items())
        for shard, hashes, where in self._hashes():
            rows = np.flatnonzero(where)
            part = np.where(held.among(hashes[where]), "validation", "train")
            own = pl.DataFrame({"shard": shard, "row": rows, "part": part}, schema_overrides=PARTS)
            parts.write(own.with_columns(named=self._is_ambiguous(self._starts[shard] + rows)))
            files.write(self._files(shard, own))
            removed.write(self._removed(shard, kept))
        for name, spool in zip(_TABLES, (parts, files, removed), strict=True):
            spool.close(self._out / f"{name}.parquet")
        leaks = [self._leaks(shard) for shard in range(len(self._shards))]
        pl.concat([pl.DataFrame(schema=LEAKS), *leaks]).write_parquet(
            self._out / "leaks.parquet", compression="zstd"
        )
        return self._counted()

    def _counted(self) -> dict[str, Any]:
        """The counts of all shards, with what is kept and removed now and the size of each part."""
        tables = {name: pl.scan_parquet(self._out / f"{name}.parquet") for name in _TABLES}
        reasons = tables["removed"].group_by("reason").len().sort("reason").collect()
        sizes = tables["files"].select(pl.col("train", "validation").sum()).collect().row(0, named=True)
        made = self.before() | {"kept": sum(sizes.values()), "removed": dict(reasons.iter_rows())}
        if cut := made.get("cut", 0) + self.shelf.cut:
            made["cut"] = cut
        return made | {"parts": sizes}

    def _hashes(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Each shard with what stands for its texts, and which of them are kept."""
        gone = self._gone["place"].to_numpy()
        for shard, folder in enumerate(self._shards):
            hashes = pl.read_parquet(folder / "signatures.parquet", columns=["hash"])["hash"].to_numpy()
            first, last = np.searchsorted(gone, self._starts[shard : shard + 2])
            where = np.ones(len(hashes), dtype=bool)
            where[gone[first:last] - self._starts[shard]] = False
            where[self._own(shard, self._again[1])] = False
            yield shard, hashes, where

    def _own(self, shard: int, places: np.ndarray) -> np.ndarray:
        """Which rows of a shard are at places that are in order."""
        first, last = np.searchsorted(places, self._starts[shard : shard + 2])
        return places[first:last] - self._starts[shard]

    def _rows(self, shard: int, places: np.ndarray) -> pl.DataFrame:
        """The rows of a shard at these places, whole."""
        own = pl.Series(self._own(shard, places), dtype=pl.Int64)
        rows = pl.scan_parquet(self._shards[shard] / "rows.parquet").with_row_index("_at")
        chosen = rows.filter(pl.col("_at").cast(pl.Int64).is_in(own.implode())) if len(own) else rows.limit(0)
        return chosen.drop("_at").collect()

    @cached_property
    def _again(self) -> tuple[np.ndarray, np.ndarray]:
        """The places of rows that repeat a text of another piece of their file, and of others that repeat an id: what
        reading and checking the file in one shard would have taken out."""
        copies, ids = [NONE], [NONE]
        whole = [shard for shard in range(len(self._shards)) if shard not in self._goes_on]
        for first, last in pairwise([*whole, len(self._shards)]):
            pieces, copy = self._shards[first:last], NONE
            if len(pieces) > 1:
                if self._cleaned and self._cleaned.exact_duplicates:
                    copy = again(pieces, "hash", self._work)
                copies.append(self._starts[first] + copy)
                ids.append(self._starts[first] + again(pieces, "id", self._work, copy))
        return np.concatenate(copies), np.concatenate(ids)

    def _is_ambiguous(self, places: np.ndarray) -> np.ndarray:
        """Which of the rows at these places have an id that stands in several files."""
        at = np.searchsorted(self._ambiguous, places)
        at[at == len(self._ambiguous)] = 0
        return self._ambiguous[at] == places if len(self._ambiguous) else np.zeros(len(places), dtype=bool)

    def _identified(self, places: np.ndarray) -> pl.DataFrame:
        """`place`, `id`, `file` and `line` of rows, whose places are in order, as they are in the corpus."""
        found = [pl.DataFrame(schema=_IDENTIFIED).to_arrow()]
        for shard, folder in enumerate(self._shards):
            first, last = np.searchsorted(places, self._starts[shard : shard + 2])
            own = places[first:last]
            if len(own):
                rows = pl.read_parquet(folder / "rows.parquet", columns=["id", "file", "line"])
                rows = rows[own - self._starts[shard]].with_columns(
                    place=own, _named=self._is_ambiguous(own), name=pl.col("file").replace(self._names[shard])
                )
                # As Arrow's: a few texts of a polars column keep the whole one that they are of in memory.
                found.append(as_in_corpus(rows).select(_IDENTIFIED.keys()).to_arrow())
        return pl.DataFrame(pa.concat_tables(found), schema=_IDENTIFIED)
        return pl.concat(found)

    def _removed(self, shard: int, kept: pl.DataFrame) -> pl.DataFrame:
        """What was removed from a shard before, and what is now; what repeats a row that goes now, repeats what that
        one repeats."""
        first, last = np.searchsorted(self._gone["place"].to_numpy(), self._starts[shard : shard + 2])
        gone = self._gone[first:last].join(kept, on="of", how="left", maintain_order="left")
        now = self._identified(gone["place"].to_numpy()).join(gone, on="place", maintain_order="left")
        before = pl.read_parquet(self._shards[shard] / "removed.parquet")
        told = self._keepers(shard, before).join(gone, on="place", how="left", maintain_order="left")
        moved = pl.col("kept_id").is_not_null()
        told = told.select(
            pl.col("raw_id", "raw_file"),
            _id=pl.when(moved).then("kept_id").otherwise("id"),
            _file=pl.when(moved).then("kept_file").otherwise("file"),
            _reason="reason",
        )
        named = self._called(shard, before)
        leaked = pl.concat(
            [
                before.select(raw_id="id", raw_file="file"),
                named.select(_id="id", _file="file", _reason=pl.lit(None, pl.String)),
            ],
            how="horizontal",
        )
        told = pl.concat([told, leaked.filter(before["reason"] == "leak")])
        made = named.join(
            told,
            left_on=["kept_id", "kept_file"],
            right_on=["raw_id", "raw_file"],
            how="left",
            maintain_order="left",
        ).with_columns(
            kept_id=pl.coalesce("_id", "kept_id"),
            kept_file=pl.coalesce("_file", pl.col("kept_file").replace(self._names[shard])),
            reason=pl.coalesce("_reason", "reason"),
        )
        return pl.concat([made.select(REMOVED.keys()), now.select(REMOVED.keys())])

    def _keepers(self, shard: int, removed: pl.DataFrame) -> pl.DataFrame:
        """The rows of a shard that others of it repeat: their places, and their ids and files, also as in the shard."""
        wanted = removed.select(id="kept_id", file="kept_file").drop_nulls().unique()
        rows = pl.read_parquet(self._shards[shard] / "rows.parquet", columns=["id", "file", "line"])
        places = pl.int_range(self._starts[shard], self._starts[shard + 1], dtype=pl.Int64)
        found = rows.with_columns(place=places, raw_id="id", raw_file="file")
        found = found.join(wanted, on=["id", "file"], how="semi", maintain_order="left")
        return as_in_corpus(
            found.with_columns(
                _named=self._is_ambiguous(found["place"].to_numpy()),
                name=pl.col("file").replace(self._names[shard]),
            )
        )

    def _files(self, shard: int, parts: pl.DataFrame) -> pl.DataFrame:
        """The files of a shard, with the rows of each that are in each part."""
        column = pl.read_parquet(self._shards[shard] / "rows.parquet", columns=["file"])["file"]
        placed = parts.with_columns(file=column[parts["row"]])
        sizes = placed.group_by("file").agg((pl.col("part") == part).sum().alias(part) for part in _PARTS)
        names = pl.DataFrame([*self._names[shard].items()], schema=_NAMES, orient="row")
        made = names.join(sizes, on="file", how="left", maintain_order="left").with_columns(shard=shard)
        return made.with_columns(pl.col(_PARTS).fill_null(0)).select(FILES.keys())

    def _leaks(self, shard: int) -> pl.DataFrame:
        """Where test rows stood in a shard, if they were looked for."""
        path = self._shards[shard] / "leaks.parquet"
        found = pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=LEAKS)
        called = self._called(shard, found.select(id="corpus_id", file="corpus_file", line="corpus_line"))
        return found.with_columns(corpus_id=called["id"], corpus_file=called["file"])

    def _called(self, shard: int, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows that a shard has no more, with the `file` of the corpus, and the `id` where that is made of it."""
        named = rows.with_columns(_named=pl.lit(False), name=pl.col("file").replace(self._names[shard]))
        return as_in_corpus(named).drop("_named", "name")

    @cached_property
    def _names(self) -> list[dict[str, str]]:
        """For each shard, what its files are called in the corpus: the second `rows.csv` is `rows.csv#2`; pieces of a
        file have one name."""
        names, found, file = Names(), [], None
        for shard, folder in enumerate(self._shards):
            tables = (
                pl.scan_parquet(folder / f"{name}.parquet") for name in ("rows", "quarantine", "removed")
            )
            columns = [table.select("file").unique(maintain_order=True) for table in tables]
            own = dict.fromkeys(name for column in columns for name in column.collect()["file"])
            file = file if shard in self._goes_on else None
            found.append({name: file or names.own(name) for name in own})
            file = file or next(iter(found[-1].values()), None)
        return found


class Held:
    """Which texts are held out: a share, by draw, but one at least, and not all.

    Args:
        hashes: those of all texts, some at a time.

    Raises:
        DataError: there is only one text.
    """

    def __init__(self, seed: int, share: float, hashes: Iterable[np.ndarray]) -> None:
        self._seed, self._share = seed, share
        edges = [(draws.min(), draws.max()) for some in hashes if len(draws := splits.draws(some, seed))]
        self._first, self._last = min(first for first, _ in edges), max(last for _, last in edges)
        if self._first == self._last:
            raise DataError(
                "the corpus is one text, and one at least has to be held out: give more texts, or in its source "
                "'by_line: true', with which each line of a text file is one"
            )

    def among(self, hashes: np.ndarray) -> np.ndarray:
        """Which of these texts are."""
        draws = splits.draws(hashes, self._seed)
        return ((draws < self._share) | (draws == self._first)) & (draws != self._last)


def _whole(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    """A quarantined row with all of its text."""
    if not row["raw_file"]:
        return row
    return row | {"raw": (folder / row["raw_file"]).read_text(encoding="utf-8"), "raw_file": ""}
