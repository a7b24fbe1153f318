"""A grid in words; every sentence is made from the values that the tables show."""

import math

from models.data.counts import so_many_labels
from models.interfaces.asked import IN_CONTEXT
from models.modes import CONTROLS
from models.reporting.gain.grid import Cell, Grid, Worth
from models.reporting.parts import Verdict
from models.reporting.words import PHRASES, at, capital, listed, number, span, spoken


def about(labels: float) -> str:
    """A number of labels with two digits that say something."""
    digits = max(0, math.floor(math.log10(labels)) - 1) if labels >= 1 else 0
    return f"{round(labels / 10**digits) * 10**digits:,.0f}"


def needed(worth: Worth) -> str:
    """How many labels scratch needs, for a table."""
    return _bounded(worth.needed, worth)


def so_many(worth: Worth) -> str:
    """How many labels scratch needs, within a sentence."""
    told = needed(worth)
    return told if told.startswith(("more", "at most")) else f"about {told}"


def bounds(worth: Worth) -> str:
    """The interval of `needed`."""
    low, high = _bounded(worth.low, worth), _bounded(worth.high, worth)
    return low if low == high else f"{low} to {high}"


def claims(grid: Grid) -> list[tuple[Verdict, str]]:
    """What the grid says: of the way of transfer at each number of labels, and of the modes that only ask."""
    claims: list[tuple[Verdict, str]] = []
    if grid.way is not None:
        claims += [_claim(grid, grid.way, labels) for labels in grid.sizes(grid.way)]
        claims += _against_baseline(grid, grid.way)
    asked = [cell for cell in grid.cells if cell.mode in (*IN_CONTEXT, "prompt_tuning")]
    return [*claims, *(claim for cell in asked if (claim := _above_chance(grid, cell)))]


def _claim(grid: Grid, way: str, labels: int) -> tuple[Verdict, str]:
    cell, scratch = grid.cell(way, labels), grid.cell("scratch", labels)
    assert cell is not None
    own = f"{number(cell.metrics[grid.metric].value)} {spoken(grid.metric)}"
    difference = cell.against.get("scratch")
    if difference is None or scratch is None:
        return "unclear", f"{capital(at(labels))}, transfer ({spoken(way)}) reaches {own}."
    reached = (
        f"{spoken(way)} reaches {own}, scratch {number(scratch.metrics[grid.metric].value)}, difference "
        f"{number(difference.value)}, 95 % interval {span(difference)}"
    )
    worth = grid.worth(way, labels)
    if difference.verdict != "better" or worth is None or not _saves(grid, cell, worth):
        told = f"{capital(at(labels))}, transfer is {PHRASES[difference.verdict]} scratch ({reached})."
        return difference.verdict, told
    count = f"{so_many_labels(labels)} with transfer {'is' if labels == 1 else 'are'} worth"
    return "better", f"{count} {so_many(worth)} without (95 % interval {bounds(worth)}): {reached}."


def _saves(grid: Grid, cell: Cell, worth: Worth) -> bool:
    """Whether it means something to say how many labels a cell is worth: more than it has, and above chance."""
    if grid.above_chance(cell) is False:
        return False
    return worth.needed is None or (worth.needed > cell.labels and about(worth.needed) != about(cell.labels))


def _against_baseline(grid: Grid, way: str) -> list[tuple[Verdict, str]]:
    verdicts: dict[Verdict, list[str]] = {}
    for labels in grid.sizes(way):
        cell = grid.cell(way, labels)
        if cell is not None and "baseline" in cell.against:
            verdicts.setdefault(cell.against["baseline"].verdict, []).append(f"{labels:,}")
    parts = [
        f"{PHRASES[verdict]} {grid.baseline} with {listed(sizes)} labels"
        for verdict, sizes in verdicts.items()
    ]
    whole = next(iter(verdicts)) if len(verdicts) == 1 else "unclear"
    return [(whole, f"Transfer ({spoken(way)}) is {listed(parts)}.")] if parts else []


def _above_chance(grid: Grid, cell: Cell) -> tuple[Verdict, str] | None:
    """Modes that can fail to learn anything are held against always saying the commonest class."""
    above = grid.above_chance(cell)
    if above is None or cell.mode in CONTROLS:
        return None
    score = cell.metrics[grid.metric]
    told = (
        f"{capital(spoken(cell.mode))} {at(cell.labels)} reaches {number(score.value)} {spoken(grid.metric)} "
        f"(95 % interval {span(score)}): {'better' if above else 'not shown to be better'} than always saying the "
        f"commonest class, {number(grid.chance)}"
    )
    worth = grid.worth(cell.mode, cell.labels)
    if above and worth is not None:
        told += f"; scratch needs {so_many(worth)} labels for that"
    return "better" if above else "unclear", f"{told}."


def _bounded(labels: float | None, worth: Worth) -> str:
    if labels is None:
        return f"more than {worth.most:,}"
    return f"at most {worth.least:,}" if labels <= worth.least else about(labels)
