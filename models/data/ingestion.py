"""From a stream of rows to Parquet: cleaned, rid of duplicates, with every row accounted for."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import polars as pl

from models.data.cleaning import CleanConfig, clean
from models.data.comparison import as_group, normal_form
from models.data.counts import write
from models.data.duplicates import SIGNATURES, hashed, sketches
from models.data.quarantine import Shelf
from models.data.records import PROVENANCE, Part, Record, Rejected, as_json, as_text
from models.data.spool import Spool
from models.data.tables import QUARANTINE
from models.data.values import SHOWN, Misfit, fitted

BATCH = 5_000
CORPUS = {"id": pl.String, "source": pl.String, "text": pl.String}
LABELLED = {"id": pl.String, "fields": pl.String}
"""`fields` holds a row as JSON: no value takes the type of another row's, and columns nobody asks for do no harm."""
FROM = {"file": pl.String, "line": pl.Int64, "part": pl.String, "group": pl.String}
_REMOVED = {"id": pl.String, "file": pl.String, "line": pl.Int64, "reason": pl.String, "kept": pl.Int64}

_TEXT = pl.String()

Progress = Callable[[int], None]


class Ingestion:
    """One pass over rows; memory holds a batch, and the hashes of what has been seen.

    Args:
        corpus: rows become `id, source, text`; else `id` and all columns as JSON in `fields`.
        cleaning: what to do to corpus text; None leaves it alone.
        work: a folder for batches on their way.
    """

    def __init__(self, corpus: bool, cleaning: CleanConfig | None, work: Path) -> None:
        self._corpus, self._cleaning = corpus, cleaning
        self._rows = Spool(work, "rows", {**(CORPUS if corpus else LABELLED), **FROM})
        self._quarantine = Spool(work, "quarantine", QUARANTINE)
        self._removed = Spool(work, "removed", _REMOVED)
        self._masked: Counter[str] = Counter()
        self._reasons: dict[str, Counter[str]] = {"quarantined": Counter(), "removed": Counter()}
        self._signatures = Spool(work, "signatures", SIGNATURES)
        self._seen: dict[int, int] = {}
        self.own: Counter[tuple[str, bool]] = Counter()
        """Rows with a `part` or `group` of their own, by column and whether it is used."""
        self._read = 0

    def run(
        self, items: Iterable[Record | Rejected], out: Path, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Writes rows, quarantine, removed and counts into `out`; returns the counts."""
        shelf = Shelf(out)
        for batch in _batches(items):
            self._batch(batch, shelf)
            if progress:
                progress(self._read)
        self._rows.close(out / "rows.parquet")
        self._quarantine.close(out / "quarantine.parquet")
        self._close_removed(out)
        if self._corpus:
            self._signatures.close(out / "signatures.parquet")
        counts = {
            "read": self._read,
            "kept": self._rows.rows,
            **{name: dict(sorted(times.items())) for name, times in self._reasons.items()},
            "masked": dict(sorted(self._masked.items())),
        }
        if shelf.cut:
            counts["cut"] = shelf.cut
        write(out, counts)
        return counts

    def _batch(self, items: list[Record | Rejected], shelf: Shelf) -> None:
        self._read += len(items)
        rows, bad = [], []
        for item in items:
            row = item if isinstance(item, Rejected) else self._row(item)
            if isinstance(row, Rejected):
                bad.append(row.row())
                self._reasons["quarantined"][row.category] += 1
            else:
                rows.append(row)
        self._quarantine.write(shelf.put(bad))
        self._rows.write(self._sifted(rows) if self._corpus else rows)

    def _row(self, record: Record) -> dict[str, Any] | Rejected:
        fields = dict(record.fields)
        given = fields.pop("id", None)
        try:
            given = given if isinstance(given, str) else fitted(given, _TEXT)
        except Misfit as misfit:
            raw = as_json(record.fields)
            return Rejected(record.file, record.line, "id", misfit.reason, raw, value=misfit.value)
        name = given or f"{record.file}:{record.line}"
        fields |= {"id": given} if given else {}
        provenance = {column: getattr(record, column) for column in PROVENANCE}
        if not self._corpus:
            for column in ("part", "group"):
                if (bad := self._own(record, column, fields, provenance)) is not None:
                    return bad
            return {"id": name, "fields": as_json(fields), **provenance}
        text = fields.get("text")
        if not isinstance(text, str):
            reason = "missing" if text is None else "not text"
            value = as_text(text) if "text" in fields else f"columns: {', '.join(fields)}"
            return Rejected(record.file, record.line, "text", reason, as_json(fields), name, value[:SHOWN])
        if self._cleaning:
            text = clean(text, self._cleaning, self._masked)
        source = as_text(fields.get("source") or record.file)
        return {"id": name, "source": source, "text": text, **provenance}

    def _own(
        self, record: Record, column: str, fields: dict[str, Any], provenance: dict[str, Any]
    ) -> Rejected | None:
        """Takes over a row's own part or group, where it has one and the recipe does not say it; a part that is none is
        refused."""
        value = fields.pop(column, None)
        name = as_group(value)
        if not name:
            return None
        self.own[column, not provenance[column]] += 1
        if provenance[column]:
            return None
        if column == "part" and name not in get_args(Part):
            raw = as_json({**fields, column: value})
            reason = "not train, validation or test"
            return Rejected(
                record.file, record.line, column, reason, raw, fields.get("id", ""), as_text(value)
            )
        provenance[column] = name
        return None

    def _sifted(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows to keep; with cleaning, others are removed that are empty or have the text of a kept one."""
        how = self._cleaning
        kept, forms, hashes, removed = [], [], [], []
        for row in rows:
            if how and not row["text"]:
                removed.append(_removal(row, "empty", None))
                continue
            form = normal_form(row["text"])
            mark, number = hashed(form), self._rows.rows + len(kept)
            first = self._seen.setdefault(mark, number) if how and how.exact_duplicates else number
            if first != number:
                removed.append(_removal(row, "exact_duplicate", first))
                continue
            kept.append(row)
            forms.append(form)
            hashes.append(mark)
        self._sign(kept, forms, hashes)
        self._removed.write(removed)
        self._reasons["removed"].update(row["reason"] for row in removed)
        return kept

    def _sign(self, rows: list[dict[str, Any]], forms: list[str], hashes: list[int]) -> None:
        """Writes what tells texts apart, and what they are alike by, so that few need be read again for it."""
        how = self._cleaning
        made = {
            "hash": hashes,
            "id": [hashed(row["id"]) for row in rows],
            "characters": [len(row["text"]) for row in rows],
            "sketch": sketches(forms, how.near_minimum)
            if how and how.near_duplicates is not None
            else [None] * len(forms),
        }
        self._signatures.write(pl.DataFrame(made, schema=SIGNATURES))

    def _close_removed(self, out: Path) -> None:
        """Writes removed.parquet with the id of the kept row in place of its number."""
        target = out / "removed.parquet"
        self._removed.close(target)
        numbers = pl.read_parquet(target)
        kept = (
            pl.read_parquet(out / "rows.parquet", columns=["id", "file"])
            if numbers.height
            else pl.DataFrame(schema={"id": pl.String, "file": pl.String})
        )
        kept = kept.with_row_index("kept").select(
            pl.col("kept").cast(pl.Int64), kept_id="id", kept_file="file"
        )
        numbers.join(kept, on="kept", how="left", maintain_order="left").drop("kept").write_parquet(
            target, compression="zstd"
        )


def _removal(row: dict[str, Any], reason: str, kept: int | None) -> dict[str, Any]:
    return {"id": row["id"], "file": row["file"], "line": row["line"], "reason": reason, "kept": kept}


def _batches(items: Iterable[Record | Rejected]) -> Iterator[list[Record | Rejected]]:
    stream = iter(items)
    while batch := list(islice(stream, BATCH)):
        yield batch
