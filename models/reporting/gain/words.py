"""A grid in words; every sentence is made from the values that the tables show."""

import math

from models.interfaces.asked import IN_CONTEXT
from models.modes import CONTROLS
from models.reporting.gain.grid import Cell, Grid, Worth
from models.reporting.language.language import ENGLISH, Language
from models.reporting.parts import Verdict
from models.reporting.words import at, compared, control_name, number, span


def about(labels: float) -> str:
    """A number of labels with two digits that say something."""
    digits = max(0, math.floor(math.log10(labels)) - 1) if labels >= 1 else 0
    return f"{round(labels / 10**digits) * 10**digits:,.0f}"


def needed(worth: Worth, say: Language = ENGLISH) -> str:
    """How many labels scratch needs, for a table."""
    return _bounded(worth.needed, worth, say) or about(worth.needed or 0)


def so_many(worth: Worth, say: Language = ENGLISH) -> str:
    """How many labels scratch needs, within a sentence."""
    return _bounded(worth.needed, worth, say) or say("about {count}", count=about(worth.needed or 0))


def bounds(worth: Worth, say: Language = ENGLISH) -> str:
    """The interval of `needed`."""
    low, high = (_bounded(end, worth, say) or about(end or 0) for end in (worth.low, worth.high))
    return low if low == high else say("{low} to {high}", low=low, high=high)


def claims(grid: Grid, say: Language = ENGLISH) -> list[tuple[Verdict, str]]:
    """What the grid says: of the way of transfer at each number of labels, and of the modes that only ask."""
    claims: list[tuple[Verdict, str]] = []
    if grid.way is not None:
        claims += [_claim(grid, grid.way, labels, say) for labels in grid.sizes(grid.way)]
        claims += _against_baseline(grid, grid.way, say)
    asked = [cell for cell in grid.cells if cell.mode in (*IN_CONTEXT, "prompt_tuning")]
    return [*claims, *(claim for cell in asked if (claim := _above_chance(grid, cell, say)))]


def _claim(grid: Grid, way: str, labels: int, say: Language) -> tuple[Verdict, str]:
    cell, scratch = grid.cell(way, labels), grid.cell("scratch", labels)
    assert cell is not None
    own = {
        "way": say.spoken(way),
        "value": number(cell.metrics[grid.metric].value),
        "metric": say.spoken(grid.metric),
    }
    difference, here = cell.against.get("scratch"), say.capital(at(labels, say))
    if difference is None or scratch is None:
        return "unclear", say("{At}, transfer ({way}) reaches {value} {metric}.", At=here, **own)
    reached = say(
        "{way} reaches {value} {metric}, scratch {scratch}, difference {difference}, 95 % interval {interval}",
        **own,
        scratch=number(scratch.metrics[grid.metric].value),
        difference=number(difference.value),
        interval=span(difference, say),
    )
    worth = grid.worth(way, labels)
    if difference.verdict != "better" or worth is None or not _saves(grid, cell, worth):
        beside = compared(difference.verdict, control_name("scratch", say), say)
        return difference.verdict, say(
            "{At}, transfer is {compared} ({reached}).", At=here, compared=beside, reached=reached
        )
    told = {"needed": so_many(worth, say), "interval": bounds(worth, say), "reached": reached}
    if labels == 1:
        return "better", say(
            "1 label with transfer is worth {needed} without (95 % interval {interval}): {reached}.", **told
        )
    return "better", say(
        "{count} labels with transfer are worth {needed} without (95 % interval {interval}): {reached}.",
        count=f"{labels:,}",
        **told,
    )


def _saves(grid: Grid, cell: Cell, worth: Worth) -> bool:
    """Whether it means something to say how many labels a cell is worth: more than it has, and above chance."""
    if grid.above_chance(cell) is False:
        return False
    return worth.needed is None or (worth.needed > cell.labels and about(worth.needed) != about(cell.labels))


def _against_baseline(grid: Grid, way: str, say: Language) -> list[tuple[Verdict, str]]:
    verdicts: dict[Verdict, list[str]] = {}
    for labels in grid.sizes(way):
        cell = grid.cell(way, labels)
        if cell is not None and "baseline" in cell.against:
            verdicts.setdefault(cell.against["baseline"].verdict, []).append(f"{labels:,}")
    parts = [
        say(
            "{compared} {where}",
            compared=compared(verdict, control_name("baseline", say), say),
            where=say("with {sizes} labels", sizes=say.listed(sizes)),
        )
        for verdict, sizes in verdicts.items()
    ]
    if not parts:
        return []
    whole = next(iter(verdicts)) if len(verdicts) == 1 else "unclear"
    return [(whole, say("Transfer ({way}) is {parts}.", way=say.spoken(way), parts=say.listed(parts)))]


def _above_chance(grid: Grid, cell: Cell, say: Language) -> tuple[Verdict, str] | None:
    """Modes that can fail to learn anything are held against always saying the commonest class."""
    above = grid.above_chance(cell)
    if above is None or cell.mode in CONTROLS:
        return None
    score = cell.metrics[grid.metric]
    told = {
        "Mode": say.capital(say.spoken(cell.mode)),
        "at": at(cell.labels, say),
        "value": number(score.value),
        "metric": say.spoken(grid.metric),
        "interval": span(score, say),
        "chance": number(grid.chance),
    }
    if not above:
        return "unclear", say(
            "{Mode} {at} reaches {value} {metric} (95 % interval {interval}): not shown to be better than always "
            "saying the commonest class, {chance}.",
            **told,
        )
    worth = grid.worth(cell.mode, cell.labels)
    if worth is None:
        return "better", say(
            "{Mode} {at} reaches {value} {metric} (95 % interval {interval}): better than always saying the "
            "commonest class, {chance}.",
            **told,
        )
    return "better", say(
        "{Mode} {at} reaches {value} {metric} (95 % interval {interval}): better than always saying the commonest "
        "class, {chance}; scratch needs {needed} labels for that.",
        **told,
        needed=so_many(worth, say),
    )


def _bounded(labels: float | None, worth: Worth, say: Language) -> str:
    """A number of labels that is known to be above or below one; "" where it is known itself."""
    if labels is None:
        return say("more than {count}", count=f"{worth.most:,}")
    return say("at most {count}", count=f"{worth.least:,}") if labels <= worth.least else ""
