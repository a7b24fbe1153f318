"""Renders a report: one self-contained HTML page, its figures, and its numbers as JSON and CSV."""

import base64
import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from models.modes import CONTROLS, REFERENCES
from models.reporting import figures, fonts, words
from models.reporting.data import Entry, Gain
from models.reporting.gain import figures as grid_figures
from models.reporting.gain import tables
from models.reporting.gain import words as grid_words
from models.reporting.gain.grid import Grid
from models.reporting.language.known import LANGUAGES
from models.reporting.language.language import ENGLISH, Language
from models.reporting.report import ReportData

HERE = Path(__file__).parent
SCALE = 0.6
"""CSS pixels a dot: brings a figure's text to the size of the page's, and leaves dots for fine screens."""


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file name and PNG bytes."""

    name: str
    png: bytes

    @property
    def uri(self) -> str:
        """The figure itself, as a data URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height to show it at, so that the page does not jump while loading and text has one size."""
        dots = (int.from_bytes(self.png[start : start + 4], "big") for start in (16, 20))  # of the PNG header
        width, height = (round(count * SCALE) for count in dots)
        return width, height


def write(data: ReportData, folder: Path) -> None:
    """Writes index.html, summary.md, figures/*.png, report.json, scores.csv, gains.csv, gains.json and leaks.csv into
    `folder`.

    With a gain grid, grid.csv, grid.json, modes.csv, labels_saved.csv and steps_saved.csv too.
    """
    drawn = draw(data)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for figure in drawn.values():
        (folder / "figures" / figure.name).write_bytes(figure.png)
    files = {
        "index.html": render(data, drawn),
        "summary.md": summary(data),
        "report.json": json_text(data.model_dump(mode="json")),
        "gains.json": json_text(gains(data)),
        "scores.csv": csv_text(score_rows(data)),
        "gains.csv": csv_text(gain_rows(data)),
        "leaks.csv": csv_text(leak_rows(data)),
    }
    if data.grids:
        files |= _grid_files(data.grids, LANGUAGES[data.language])
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _grid_files(grids: Sequence[Grid], say: Language) -> dict[str, str]:
    made = {
        "grid": tables.scores,
        "modes": tables.cells,
        "labels_saved": tables.worths,
        "steps_saved": tables.paces,
    }
    files = {
        f"{name}.csv": csv_text([row for grid in grids for row in rows(grid)]) for name, rows in made.items()
    }
    return {**files, "grid.json": json_text({grid.name: tables.document(grid, say) for grid in grids})}


def draw(data: ReportData) -> dict[tuple[str, str], Figure]:
    """All figures, by what they show and the name of the part they belong to."""
    drawn: dict[tuple[str, str], Figure] = {}
    say = LANGUAGES[data.language]

    def add(kind: str, name: str, png: bytes) -> None:
        slug = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "figure"
        taken = {figure.name for figure in drawn.values()}
        names = (f"{kind}-{slug}{'' if n == 1 else f'-{n}'}.png" for n in range(1, len(taken) + 2))
        drawn[kind, name] = Figure(next(name for name in names if name not in taken), png)

    for entry in data.entries:
        add("scores", entry.name, figures.scores(entry, say))
        best = entry.leading()
        if best and best.confusion:
            add("confusion", entry.name, figures.confusion(best.confusion, say))
        if best and best.calibration:
            add("reliability", entry.name, figures.reliability(best.calibration, say))
        if entry.data.lengths:
            add("lengths", entry.name, figures.lengths(entry.data.lengths, say))
    for grid in data.grids:
        for kind, png in grid_figures.drawn(grid, say).items():
            add(f"gain-{kind}", grid.name, png)
    for upstream in data.pretraining:
        if upstream.history:
            add("pretraining", upstream.name, figures.pretraining(upstream.history, say))
    if data.corpus and data.corpus.lengths:
        add("corpus", "lengths", figures.lengths(data.corpus.lengths, say))
    return drawn


def render(data: ReportData, drawn: dict[tuple[str, str], Figure]) -> str:
    """The page. Every text is escaped by the template engine; only the style sheet and the font are not."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    say = LANGUAGES[data.language]
    environment.filters.update(
        number=words.number,
        count=words.count,
        bounds=words.bounds,
        spoken=say.spoken,
        reason=say.reason,
        capital=say.capital,
        shown=lambda text, limit=300: shown(text, say, limit),
    )
    environment.globals.update(
        say=lambda english, **values: unbroken(say(english, **values)),
        language=say.code,
        sentences=lambda entry: words.sentences(entry, say),
        findings=lambda entry: words.findings(entry, say),
        reading=lambda score: words.reading(score, say),
        at=lambda labels: words.at(labels, say),
        claims=lambda grid: grid_words.claims(grid, say),
        needed=lambda worth: grid_words.needed(worth, say),
        bounds=lambda worth: grid_words.bounds(worth, say),
        CONTROLS=CONTROLS,
    )
    template = environment.get_template("page.html")
    style = (HERE / "style.css").read_text(encoding="utf-8")
    values: dict[str, Any] = {"data": data, "figures": drawn}
    font = fonts.font_face(template.render(values, style=""))
    return template.render(values, style=Markup(font + "\n" + style))


def unbroken(text: str) -> str:
    """A text in which no line ends between a number and its sign."""
    return text.replace(" %", "\u00a0%")


def summary(data: ReportData) -> str:
    """What the page says first, as Markdown: what transfer reached for each entry, beside the controls."""
    say = LANGUAGES[data.language]
    lines = [f"**{entry.name}**: {' '.join(words.sentences(entry, say))}" for entry in data.entries]
    return "\n\n".join(lines) + "\n"


def shown(text: str, say: Language = ENGLISH, limit: int = 300) -> str:
    """A text as a reader can see it: control characters by their number, the end of a long one left out."""
    cut = text
    if len(text) > limit:
        cut = say("{text}… ({count} characters)", text=text[:limit], count=f"{len(text):,}")
    return "".join(
        f"\\x{ord(c):02x}" if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 else c for c in cut
    )


def gains(data: ReportData) -> dict[str, Any]:
    """`{against: {entry: {labels: {metric: {mode, value, low, high, better}}}}}` of each entry's leading mode."""
    found: dict[str, Any] = {against: {} for against in REFERENCES}
    for entry in data.entries:
        for gain in entry.gains:
            best = entry.leading(gain.labels)
            if best and gain.mode == best.mode:
                sizes = found[gain.against].setdefault(entry.name, {})
                sizes.setdefault(str(gain.labels), {})[gain.metric] = _gain(gain)
    return found


def _gain(gain: Gain) -> dict[str, Any]:
    return {
        "mode": gain.mode,
        "value": gain.value,
        "low": gain.low,
        "high": gain.high,
        "better": gain.verdict == "better",
    }


def score_rows(data: ReportData) -> list[dict[str, Any]]:
    """One row per entry, mode, number of labels and metric; `seeds` says how many seeds it is the mean over."""
    return [
        {
            **_named(entry),
            "mode": score.mode,
            "labels": score.labels,
            "seed": score.seed,
            "seeds": len(score.models),
            "metric": metric,
            **interval.model_dump(),
            **_without("leaks", score.without_leaks, metric),
            **_without("duplicates", score.without_duplicates, metric),
            "trainable_parameters": score.trainable_parameters,
        }
        for entry in data.entries
        for score in entry.scores
        for metric, interval in score.metrics.items()
    ]


def leak_rows(data: ReportData) -> list[dict[str, Any]]:
    """One row per entry and test row whose text is in the corpus."""
    return [{"entry": entry.name, **leak.model_dump()} for entry in data.entries for leak in entry.data.leaks]


def gain_rows(data: ReportData) -> list[dict[str, Any]]:
    """One row per entry and paired difference."""
    return [{**_named(entry), **gain.model_dump()} for entry in data.entries for gain in entry.gains]


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Comma-separated, with a header; empty without rows."""
    if not rows:
        return ""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def json_text(value: Any) -> str:
    """Strict JSON: what is not a number becomes null."""
    return json.dumps(_finite(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _named(entry: Entry) -> dict[str, Any]:
    return {"entry": entry.name, "downstream": entry.downstream, "upstream": entry.upstream}


def _without(what: str, intervals: Mapping[str, Any], metric: str) -> dict[str, Any]:
    known = intervals[metric].model_dump() if metric in intervals else {}
    return {f"{bound}_without_{what}": known.get(bound) for bound in ("value", "low", "high")}
