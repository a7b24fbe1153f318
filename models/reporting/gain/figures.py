"""Figures of a grid: score over labels, what labels with transfer are worth, and training curves."""

from typing import Any

from matplotlib import ticker
from matplotlib.axes import Axes

from models.interfaces.asked import IN_CONTEXT
from models.modes import CONTROLS, modes
from models.reporting.figures import CONTROL_STYLE, INK, WAYS, bars, figure, label_axis, png, style
from models.reporting.gain.grid import Grid
from models.reporting.language.language import ENGLISH, Language

MOST_CURVES = 3


def drawn(grid: Grid, say: Language = ENGLISH) -> dict[str, bytes]:
    """All figures of a grid, by what they show."""
    found = {"scores": scores(grid, say)}
    if any(item.labels for item in grid.worths):
        found["worths"] = worths(grid, say)
    if any(curve.mode in (grid.way, "scratch") for curve in grid.curves):
        found["curves"] = curves(grid, say)
    return found


def look(mode: str) -> dict[str, Any]:
    """Colour, marker and line of a mode: the same in every figure."""
    if mode in CONTROL_STYLE:
        return CONTROL_STYLE[mode]
    ways = [name for name in modes() if name not in CONTROLS]
    marker, line = ("^", "none") if mode in IN_CONTEXT else ("o", "-")
    return {"color": WAYS[ways.index(mode) % len(WAYS)], "marker": marker, "linestyle": line}


def scores(grid: Grid, say: Language) -> bytes:
    """The headline metric over the number of labels, one line a mode, with 95 % intervals."""
    with style():
        whole, axes = figure(3.8)
        for place, mode in enumerate(grid.modes):
            found = [cell for cell in grid.cells if cell.mode == mode]
            intervals = [cell.metrics[grid.metric] for cell in found]
            # Side by side, so that intervals can be told apart.
            shift = 1.04 ** (place - (len(grid.modes) - 1) / 2)
            axes.errorbar(
                [cell.labels * shift for cell in found],
                [item.value for item in intervals],
                yerr=bars(intervals),
                label=say.spoken(mode),
                capsize=2,
                markersize=4,
                **look(mode),
            )
        if grid.chance is not None:
            axes.axhline(grid.chance, color=INK, linewidth=0.8, alpha=0.5)
            axes.annotate(
                say("always the commonest class"), (0.99, grid.chance), xycoords=("axes fraction", "data"),
                ha="right", va="bottom", fontsize=8,
            )  # fmt: skip
        label_axis(axes, sorted({cell.labels for cell in grid.cells}), say)
        axes.set_ylabel(say.spoken(grid.metric))
        whole.legend(loc="outside upper left", ncols=3, handlelength=2, columnspacing=1.2)
        return png(whole)


def worths(grid: Grid, say: Language) -> bytes:
    """Labels that scratch needs over the labels that each mode has; an arrow where scratch never gets there."""
    with style():
        whole, axes = figure(3.4)
        modes = [mode for mode in grid.modes if any(item.mode == mode for item in grid.worths)]
        for mode in modes:
            found = [item for item in grid.worths if item.mode == mode and item.labels > 0]
            if found:
                _worth(
                    axes, mode, say.spoken(mode), [(item.labels, item.needed, item.most) for item in found]
                )
        sizes = sorted({item.labels for item in grid.worths if item.labels > 0})
        ends = [min(sizes), max(*sizes, *(item.most for item in grid.worths))]
        axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=":", label=say("no gain"))
        axes.set_yscale("log")
        label_axis(axes, sizes, say)
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(say("labels with transfer (logarithmic)"))
        axes.set_ylabel(say("labels that scratch needs"))
        whole.legend(loc="outside upper left", ncols=3, handlelength=2, columnspacing=1.2)
        return png(whole)


def _worth(axes: Axes, mode: str, label: str, points: list[tuple[int, float | None, int]]) -> None:
    own = look(mode)
    axes.plot(
        [labels for labels, _, _ in points],
        [most if needed is None else needed for _, needed, most in points],
        label=label,
        markersize=4,
        **own,
    )
    for labels, needed, most in points:
        if needed is None:
            axes.annotate(
                "", (labels, most), xytext=(0, 16), textcoords="offset points",
                arrowprops={"arrowstyle": "<-", "color": own["color"]},
            )  # fmt: skip


def curves(grid: Grid, say: Language) -> bytes:
    """The headline metric on validation rows while training, transfer beside scratch, at a few numbers of labels."""
    with style():
        whole, axes = figure(3.2)
        sizes = sorted({curve.labels for curve in grid.curves})
        chosen = sizes if len(sizes) <= MOST_CURVES else [sizes[0], sizes[len(sizes) // 2], sizes[-1]]
        for curve in grid.curves:
            if curve.mode in (grid.way, "scratch") and curve.labels in chosen:
                shade = 0.35 + 0.65 * (chosen.index(curve.labels) + 1) / len(chosen)
                own = look(curve.mode) | {"alpha": shade, "markersize": 3}
                label = f"{say.spoken(curve.mode)}, {curve.labels:,}"
                axes.plot(curve.steps, curve.values, label=label, **own)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))
        axes.set_xlabel(say("training steps"))
        axes.set_ylabel(say("{metric} (validation)", metric=say.spoken(grid.metric)))
        whole.legend(loc="outside upper left", ncols=2, handlelength=2, columnspacing=1.2)
        return png(whole)
