"""From the files of finished steps to the parts of a report."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.adapted.files import DROPPED, READING, SUMMARY
from models.config import Config, leaves
from models.data import counts
from models.data.comparison import text_columns
from models.data.shards import parts_of
from models.data.splits import PARTS, named
from models.interfaces.downstream import Downstream
from models.reporting.data import (
    ByLabel,
    Calibration,
    Confusion,
    Data,
    Interval,
    Leak,
    Lengths,
    Point,
    Quarantined,
    Reading,
    Score,
    Tried,
)

BINS = 32
POINTS = 1000
"""Points of a curve that are kept; more cannot be told apart in a figure."""


def data(
    name: str,
    validated: Path,
    parts: Path,
    leaks: Path | None,
    examples: int,
    shards: Sequence[Path] = (),
) -> Data:
    """What was read and what became of it, from the folders of steps.

    Args:
        validated: where quarantine.parquet is: of `validate`, or of `hold_out` for the corpus.
        parts: of `split`, or of `hold_out` for the corpus.
        leaks: the folder that holds leaks.parquet; None where there is no corpus.
        examples: quarantined rows that are kept, and leaks that are shown.
        shards: where the rows of the corpus are.
    """
    found = counts.load(parts)
    quarantine = pl.scan_parquet(validated / "quarantine.parquet").head(examples).collect()
    leaked = [] if leaks is None else _leaks(leaks / "leaks.parquet").to_dicts()
    return Data(
        name=name,
        read=found["read"],
        kept=found["kept"],
        quarantined=found["quarantined"],
        removed=found["removed"],
        masked=found["masked"],
        parts=found["parts"],
        examples=tuple(
            Quarantined(**row)
            for row in quarantine.select("file", "line", "field", "reason", "raw").to_dicts()
        ),
        duplicates=_duplicates(parts / "duplicates.parquet"),
        repeated_rows=_repeated(parts / "duplicates.parquet"),
        leaked_rows=len(leaked),
        leaks=tuple(Leak(**row) for row in leaked),
        leaks_shown=examples,
        lengths=lengths_in_shards(parts, shards) if shards else lengths(parts / "train.parquet"),
    )


def labels(folder: Path, path: str | None) -> dict[str, dict[str, int]]:
    """How often each label stands in each part of labelled rows, the commonest first.

    Args:
        folder: of `split`.
        path: dotted path of the labels, where those are a few names.
    """
    if path is None:
        return {}
    parts = [pl.read_parquet(folder / f"{part}.parquet") for part in PARTS]
    found = Counter(pl.concat([named(rows, path) for rows in parts]).select("label", "part").iter_rows())
    names = Counter[str]()
    for (label, _), count in found.items():
        names[label] += count
    ordered = sorted(names, key=lambda label: (-names[label], label))
    return {label: {part: found[label, part] for part in PARTS} for label in ordered}


def lengths(path: Path) -> Lengths | None:
    """Histogram of the characters of each row's texts, in bins that grow with the length; None without rows."""
    columns = text_columns(pl.read_parquet(path, n_rows=0))
    if not columns:
        return None
    characters = pl.sum_horizontal(pl.col(columns).str.len_chars())
    return _histogram(pl.scan_parquet(path).select(characters).collect().to_series().to_numpy())


def lengths_in_shards(corpus: Path, shards: Sequence[Path]) -> Lengths | None:
    """The same of the texts of a corpus that are learnt from."""
    found = []
    for number, folder in enumerate(shards):
        rows = parts_of(corpus, number).filter(pl.col("part") == "train")["row"]
        characters = pl.read_parquet(folder / "signatures.parquet", columns=["characters"])
        found.append(characters["characters"].gather(rows).to_numpy())
    return _histogram(np.concatenate(found))


def _histogram(values: np.ndarray) -> Lengths | None:
    if not len(values):
        return None
    # A logarithmic axis has no 0: empty texts stand with those of one character.
    edges = np.unique(np.rint(np.geomspace(1, max(1, int(values.max())) + 1, BINS + 1)).astype(int))
    heights, _ = np.histogram(np.maximum(values, 1), edges)
    middle, high = np.quantile(values, [0.5, 0.95])
    return Lengths(
        edges=tuple(edges.tolist()),
        counts=tuple(heights.tolist()),
        median=float(middle),
        p95=float(high),
        longest=int(values.max()),
    )


def history(path: Path) -> tuple[Point, ...]:
    """The pretraining curve; every evaluation is kept, and as many points between as a figure can show.

    Empty where nothing was pretrained.
    """
    if not path.is_file():
        return ()
    frame = pl.read_parquet(path)
    every = max(1, -(-frame.height // POINTS))
    wanted = [name for name in Point.model_fields if name in frame.columns]
    kept = pl.int_range(pl.len()) % every == 0
    if "eval_loss" in wanted:
        kept = kept | pl.col("eval_loss").is_not_null()
    return tuple(Point(**row) for row in frame.filter(kept).select(wanted).to_dicts())


def settings(config: Config) -> dict[str, str]:
    """What of a configuration changes results, by dotted name; what is left open is left out."""
    return {name: _text(value) for name, value in leaves(config.identity()) if value is not None}


def score(folder: Path, predictions: Path, adapted: Path, downstream: Downstream, worst: int) -> Score:
    """One adapted model's test scores, from the folders of `score`, `predict` and `adapt`."""
    details, summary = _json(folder / "details.json"), _json(adapted / SUMMARY)
    confusion, calibration = details.get("confusion"), details.get("calibration")
    return Score(
        mode=summary["mode"],
        labels=summary["rows"]["train"],
        seed=summary["seed"],
        metrics=_intervals(_json(folder / "metrics.json")),
        without_leaks=_intervals(details.get("without_leaks", {}).get("metrics", {})),
        without_duplicates=_intervals(details.get("without_duplicates", {}).get("metrics", {})),
        validation=summary["validation"].get(downstream.headline),
        train_rows=summary["rows"]["train"],
        validation_rows=summary["rows"]["validation"],
        trainable_parameters=summary["trainable_parameters"],
        setting={name: str(value) for name, value in summary["setting"].items()},
        trials=_trials(adapted / "trials.json", downstream.headline),
        chance=details.get("chance", {}).get(downstream.headline),
        dropped=dropped(predictions),
        confusion=confusion and Confusion(**confusion),
        by_label=tuple(ByLabel(**item) for item in details.get("by_label", ())),
        calibration=calibration and Calibration(**calibration),
        reading=_reading(predictions / READING),
        worst=tuple(details.get("worst", ())[:worst]),
    )


def _trials(path: Path, headline: str) -> tuple[Tried, ...]:
    """What was tried; nothing by a baseline."""
    return tuple(
        Tried(
            rows=trial["rows"],
            setting={
                name: str(trial[name]) if name in trial else str(trial["others"][name])
                for name in ("learning_rate", "train_embeddings", *trial["others"])
            },
            validation=trial["metrics"].get(headline),
            best_step=trial["best_step"],
            diverged=trial["diverged"],
        )
        for trial in (_json(path) if path.is_file() else ())
    )


def dropped(predictions: Path) -> int:
    """Demonstrations that did not fit before their questions, from the folder of `predict`."""
    path = predictions / DROPPED
    return _json(path)["demonstrations"] if path.is_file() else 0


def _reading(path: Path) -> Reading | None:
    return Reading(**_json(path)) if path.is_file() else None


def _duplicates(path: Path) -> dict[str, int]:
    """Number of pairs by the two parts they stand in; none of a corpus."""
    if not path.is_file():
        return {}
    pairs = pl.read_parquet(path).group_by("part_a", "part_b").len().sort("part_a", "part_b")
    return {f"{a} and {b}": number for a, b, number in pairs.rows()}


def _repeated(path: Path) -> int:
    """Test rows whose text a training or validation row has too; none of a corpus."""
    if not path.is_file():
        return 0
    return pl.read_parquet(path).filter(pl.col("part_b") == "test")["id_b"].n_unique()


def _leaks(path: Path) -> pl.DataFrame:
    """One line for each leaked test row, with the first document it stands in."""
    first = ("kind", "corpus_id", "corpus_file", "corpus_line")
    rows = pl.read_parquet(path).filter(pl.col("part") == "test")
    grouped = rows.group_by("row_id", maintain_order=True)
    return grouped.agg(pl.len().alias("documents"), *(pl.col(name).first() for name in first))


def _intervals(metrics: dict[str, dict[str, float]]) -> dict[str, Interval]:
    return {name: Interval(**values) for name, values in metrics.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
