"""How predicted entities are compared with gold ones: counts, F1, and what a reader sees of the errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from models.downstream.ner.entities import Entity, key
from models.interfaces.features import beside
from models.late import np, pl

WORST = 20
"""Rows shown, those with the most wrong entities first."""


def counts(rows: pl.DataFrame, predictions: pl.DataFrame, types: Sequence[str]) -> np.ndarray:
    """Entities right, predicted and gold of each type, and of all other types (predictions, 3 * (types + 1))."""
    place = {kind: number for number, kind in enumerate(types)}
    made = np.zeros((predictions.height, len(place) + 1, 3))
    for row, (predicted, gold) in enumerate(pairs(rows, predictions)):
        for column, entities in enumerate((predicted & gold, predicted, gold)):
            for *_, kind in entities:
                made[row, place.get(kind, len(place)), column] += 1
    return made.reshape(predictions.height, 3 * (len(place) + 1))


def pairs(rows: pl.DataFrame, predictions: pl.DataFrame) -> Iterator[tuple[set[Any], set[Any]]]:
    """Predicted and gold entities of each prediction."""
    gold = beside(predictions, rows)["entities"].to_list()
    for predicted, true in zip(predictions["entities"].to_list(), gold, strict=True):
        yield key(predicted), key(true)


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 (…) of entities right, predicted and gold (…, 3); 0 where there are none."""
    return 2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1)


def per_type(totals: np.ndarray, types: Sequence[str]) -> dict[str, dict[str, int]]:
    """Entities `right`, `predicted` and `gold` of each type and of all `other` ones, from their sums (types + 1, 3)."""
    counted = zip((*types, "other"), totals.astype(int).tolist(), strict=True)
    return {kind: dict(zip(("right", "predicted", "gold"), row, strict=True)) for kind, row in counted}


def worst(rows: pl.DataFrame, predictions: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows with the most wrong or missing entities."""
    wrong = [len(predicted ^ gold) for predicted, gold in pairs(rows, predictions)]
    wrong_rows = (
        beside(predictions, rows)
        .with_columns(predicted=predictions["entities"], wrong=pl.Series(wrong, dtype=pl.Int64))
        .filter(pl.col("wrong") > 0)
        .sort("wrong", "id", descending=[True, False])
    )
    names = [name for name in ("id", "file", "line", "text") if name in wrong_rows.columns]
    return [
        {name: row[name] for name in names}
        | {"gold": shown(row["text"], row["entities"])}
        | {"predicted": shown(row["text"], row["predicted"]), "wrong": row["wrong"]}
        for row in wrong_rows.head(WORST).iter_rows(named=True)
    ]


def shown(text: str, entities: Sequence[Entity]) -> str:
    """Entities for a reader: `서울:LC 0–2`."""
    ordered = sorted(key(entities))
    return ", ".join(f"{text[start:end]}:{kind} {start}–{end}" for start, end, kind in ordered)
