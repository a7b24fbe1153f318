"""One model's scores as a figure."""

from collections.abc import Mapping

from models.reporting.figures import WAYS, bars, figure, png, style
from models.reporting.language.language import ENGLISH
from models.reporting.parts import Interval


def drawn(metrics: Mapping[str, Interval]) -> bytes | None:
    """Each metric with its 95 % interval, from 0 to 1; None where none is on that scale."""
    shown = {name: item for name, item in metrics.items() if item.low >= 0 and item.high <= 1}
    if not shown:
        return None
    values, places = list(shown.values()), range(len(shown))
    with style({"figure.constrained_layout.use": False, "figure.dpi": 100}):
        made, axes = figure(0.9 + 0.3 * len(shown))
        made.subplots_adjust(left=0.34, right=0.97, top=0.95, bottom=0.5 / made.get_figheight())
        points = [item.value for item in values]
        axes.errorbar(points, places, xerr=bars(values), fmt="o", color=WAYS[0], capsize=2.5, markersize=4.5)
        axes.set_yticks(places, [f"{ENGLISH.spoken(name)}  {item.value:.3f}" for name, item in shown.items()])
        axes.invert_yaxis()
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xlabel("test rows, with 95 % intervals")
        return png(made)
