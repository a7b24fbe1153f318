"""Figures as PNG bytes: drawn without a display, the same bytes for the same data."""

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

import matplotlib
from matplotlib import font_manager, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from models.modes import CONTROLS
from models.reporting import fonts
from models.reporting.data import Calibration, Confusion, Entry, Lengths, Point
from models.reporting.language.language import ENGLISH, Language
from models.reporting.parts import Interval

INK, MUTED, LINE = "#1b2733", "#5b6874", "#d8dfe5"
WAYS = ("#0b62a4", "#b4530a", "#0f7f62", "#8c3f8a", "#a38300", "#2f9fd0", "#7a5230")
CONTROL_STYLE: dict[str, dict[str, Any]] = {
    "scratch": {"color": "#7d8894", "marker": "s", "linestyle": "--"},
    "baseline": {"color": "#1b2733", "marker": "D", "linestyle": ":"},
}
WIDTH, DPI = 4.6, 200
"""Inches and dots an inch: on a phone's 360 px the 9.5 pt text is still 10 px high."""

STYLE: dict[RcKeyType, Any] = {
    "font.family": [fonts.FAMILY, "DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.unicode_minus": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
}


def scores(entry: Entry, say: Language = ENGLISH) -> bytes:
    """The headline metric over the number of labels, one line a mode, with 95 % intervals."""
    metric = entry.metrics[0]
    with style():
        drawn, axes = figure(3.2)
        for place, mode in enumerate(entry.modes):
            shift = 1.035 ** (place - (len(entry.modes) - 1) / 2)
            found = [(item.labels, item.metrics[metric]) for item in entry.scores if item.mode == mode]
            found.sort(key=lambda pair: pair[0])
            values = [interval.value for _, interval in found]
            label = say.spoken(mode)
            label = label if mode in CONTROLS else say("transfer: {mode}", mode=label)
            look = CONTROL_STYLE.get(mode) or {
                "color": WAYS[place % len(WAYS)],
                "marker": "o",
                "linestyle": "-",
            }
            points = [labels * shift for labels, _ in found]
            axes.errorbar(
                points,
                values,
                yerr=bars([interval for _, interval in found]),
                label=label,
                capsize=2.5,
                markersize=4.5,
                **look,
            )
        label_axis(axes, entry.sizes, say)
        axes.set_ylabel(say.spoken(metric))
        axes.margins(x=0.08, y=0.1)
        if len(entry.sizes) == 1:
            axes.set_xlim(entry.sizes[0] / 2 - 0.5, entry.sizes[0] * 2 + 1)
        drawn.legend(
            loc="outside upper left", ncols=min(3, len(entry.modes)), handlelength=2.2, columnspacing=1.4
        )
        return png(drawn)


def pretraining(history: Sequence[Point], say: Language = ENGLISH) -> bytes:
    """Training and evaluation loss over tokens."""
    with style():
        drawn, loss = figure(3.2)
        for field, label, look in (
            ("train_loss", say("training"), {"color": "#8fb7d6", "linewidth": 1.1}),
            ("eval_loss", say("held-out"), {"color": WAYS[0], "marker": "o", "markersize": 3.5}),
        ):
            loss.plot(*_series(history, field), label=label, **look)
        loss.set_ylabel(say("loss (nats a token)"))
        loss.legend(loc="upper right")
        loss.set_xlim(left=0)
        loss.xaxis.set_major_locator(ticker.MaxNLocator(6))
        loss.xaxis.set_major_formatter(say.ticks())
        loss.set_xlabel(say("tokens seen"))
        return png(drawn)


def lengths(histogram: Lengths, say: Language = ENGLISH) -> bytes:
    """How long the texts are, on a logarithmic axis."""
    with style():
        drawn, axes = figure(2.4)
        axes.stairs(
            histogram.counts, histogram.edges, fill=True, color="#a9c7de", edgecolor=WAYS[0], linewidth=0.8
        )
        axes.axvline(histogram.median, color=INK, linewidth=1.1, linestyle="--")
        axes.annotate(
            say("median {count}", count=f"{histogram.median:,.0f}"),
            (histogram.median, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(5, 0),
            textcoords="offset points",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
        axes.yaxis.set_major_formatter(say.ticks())
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=True))
        axes.grid(visible=False, axis="x")
        axes.set_xlabel(say("characters in a text"))
        axes.set_ylabel(say("texts"))
        return png(drawn)


def confusion(matrix: Confusion, say: Language = ENGLISH) -> bytes:
    """Rows of gold classes by predicted classes; shade is the share of the gold class, the number its rows.

    With many classes there is no room for rows: the number is the share in percent; with very many there is none.
    """
    size = len(matrix.classes)
    side = min(WIDTH, 2.0 + 0.62 * size)
    few, very_many = size < 9, size > 30
    shares = [[cell / max(1, sum(row)) for cell in row] for row in matrix.counts]
    with style({"axes.grid": False, "font.size": 9.5 if few else 4.5 if very_many else 7}):
        drawn = Figure(figsize=(side, side * 0.86), dpi=DPI)
        axes = drawn.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for gold, row in enumerate([] if very_many else matrix.counts):
            for predicted, cell in enumerate(row):
                colour = "white" if shares[gold][predicted] > 0.66 else INK
                axes.text(
                    predicted,
                    gold,
                    f"{cell:,}" if few else f"{shares[gold][predicted]:.0%}".rstrip("%"),
                    ha="center",
                    va="center",
                    color=colour,
                )
        names = [_short(say.spoken(name) if matrix.spoken else name) for name in matrix.classes]
        axes.set_xticks(range(size), names, rotation=0 if max(map(len, names)) * size < 24 else 90, color=INK)
        axes.set_yticks(range(size), names, color=INK)
        axes.set_xlabel(
            say("predicted") if few or very_many else say("predicted (numbers: % of the gold class)")
        )
        axes.set_ylabel(say("gold"))
        axes.spines[:].set_visible(False)
        return png(drawn)


def reliability(calibration: Calibration, say: Language = ENGLISH) -> bytes:
    """Share of right predictions over their confidence, a point a bin, before and after calibration."""
    with style():
        drawn, axes = figure(3.2)
        axes.plot(
            [0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":", label=say("as often right as it says")
        )
        looks: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("before", say("uncalibrated"), {"color": "#7d8894", "marker": "s", "linestyle": "--"}),
            ("after", say("calibrated"), {"color": WAYS[0], "marker": "o", "linestyle": "-"}),
        )
        for field, label, look in looks:
            bins = getattr(calibration, field).bins
            axes.plot(
                [item.confidence for item in bins],
                [item.right for item in bins],
                label=label,
                markersize=4.5,
                **look,
            )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel(say("confidence"))
        axes.set_ylabel(say("share right"))
        drawn.legend(loc="outside upper left", ncols=3, handlelength=2.2, columnspacing=1.4)
        return png(drawn)


def bars(intervals: Sequence[Interval]) -> list[list[float]]:
    """How far each interval reaches down and up; rounding may put a bound past its value, which is no length."""
    down = [max(0.0, item.value - item.low) for item in intervals]
    return [down, [max(0.0, item.high - item.value) for item in intervals]]


def style(more: dict[RcKeyType, Any] | None = None) -> AbstractContextManager[None]:
    """What all figures look like, within a `with`."""
    _register_fonts()
    return matplotlib.rc_context(STYLE | (more or {}))


def figure(height: float) -> tuple[Figure, Axes]:
    """An empty figure of so many inches, with its axes."""
    drawn = Figure(figsize=(WIDTH, height), dpi=DPI)
    return drawn, drawn.subplots()


def label_axis(axes: Axes, sizes: Sequence[int], say: Language) -> None:
    """Logarithmic, with a tick at each number of labels; 0 labels stand left of 1."""
    if 0 in sizes:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=-0.4)
    else:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.FixedLocator(list(sizes)))
    axes.xaxis.set_major_formatter(ticker.FixedFormatter([f"{size:,}" for size in sizes]))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xlabel(say("labelled training rows (logarithmic)"))


def _series(history: Sequence[Point], field: str) -> tuple[list[int], list[float]]:
    pairs = [(point.tokens, getattr(point, field)) for point in history if getattr(point, field) is not None]
    return [tokens for tokens, _ in pairs], [value for _, value in pairs]


def _short(name: str, limit: int = 14) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


@lru_cache(maxsize=1)
def _register_fonts() -> None:
    for weight, file in ((400, fonts.path()), (700, fonts.path("Bold"))):
        entry = font_manager.FontEntry(fname=str(file), name=fonts.FAMILY, weight=weight, size="scalable")
        font_manager.fontManager.ttflist.append(entry)


def png(drawn: Figure) -> bytes:
    """Drawn by Agg; no software name or time in the file, so equal data gives equal bytes."""
    FigureCanvasAgg(drawn)
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
