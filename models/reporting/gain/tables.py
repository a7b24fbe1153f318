"""A grid's numbers as rows of tables, for programs."""

from typing import Any

from models.reporting.gain.grid import Grid
from models.reporting.gain.words import claims
from models.reporting.language.language import ENGLISH, Language


def scores(grid: Grid) -> list[dict[str, Any]]:
    """One row a cell and metric: what does not depend on the machine."""
    return [
        {
            "entry": grid.name,
            "mode": cell.mode,
            "labels": cell.labels,
            "seeds": len(cell.seeds),
            "metric": metric,
            **interval.model_dump(),
            "trainable_parameters": cell.trainable_parameters,
        }
        for cell in grid.cells
        for metric, interval in cell.metrics.items()
    ]


def cells(grid: Grid) -> list[dict[str, Any]]:
    """One row a cell: the headline metric, and what it took."""
    return [
        {
            "entry": grid.name,
            "mode": cell.mode,
            "labels": cell.labels,
            "metric": grid.metric,
            **cell.metrics[grid.metric].model_dump(),
            **{
                f"{bound}_without_leaks": getattr(cell.without_leaks, bound, None)
                for bound in ("value", "low", "high")
            },
            "seeds": len(cell.seeds),
            "trainable_parameters": cell.trainable_parameters,
            "seconds": round(cell.seconds, 3),
            "memory_bytes": cell.memory,
            "demonstrations_dropped": cell.dropped,
            "above_chance": grid.above_chance(cell),
        }
        for cell in grid.cells
    ]


def worths(grid: Grid) -> list[dict[str, Any]]:
    """One row a cell: the labels that scratch needs for its score; empty is more than `most`."""
    return [{"entry": grid.name, "metric": grid.metric, **worth.model_dump()} for worth in grid.worths]


def paces(grid: Grid) -> list[dict[str, Any]]:
    """One row a cell: the steps to where scratch is best; empty where it never gets there."""
    return [{"entry": grid.name, "metric": grid.metric, **pace.model_dump()} for pace in grid.paces]


def document(grid: Grid, say: Language = ENGLISH) -> dict[str, Any]:
    """The whole grid and its claims, without what depends on the machine."""
    measured = {"cells": {"__all__": {"seconds", "memory"}}}
    said = [{"verdict": verdict, "claim": sentence} for verdict, sentence in claims(grid, say)]
    return {**grid.model_dump(mode="json", exclude=measured), "claims": said}
