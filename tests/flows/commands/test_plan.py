"""What `plan` says of a run, as somebody reads it who sees it for the first time."""

from typing import Any

import pytest

from flows.commands.plan import _show
from flows.estimates.quantities import Basis, Estimate, Interval


def row(
    name: str, status: str, seconds: tuple[float, float] | None = None, basis: Basis | None = None
) -> dict:
    about = Estimate(seconds and Interval(seconds[0], seconds[0], seconds[1]), None, None, basis)
    return {"name": name, "status": status, "of_shards": None, "kept": None, **about.described()}


def shown(capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]], unknown: int = 0) -> str:
    size = Interval(8e8, 1e9, 1.24e9)
    _show(rows, Estimate(Interval(20, 60, 160), size, size).described(), unknown)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    return said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((0.2, 0.4), "< 1 s"),
        ((0.3, 2.6), "≤ 3 s"),
        ((40, 70), "40–70 s"),
        ((65, 65), "65 s"),
        ((20, 160), "20 s–3 min"),
        ((300, 500), "5–8 min"),
        ((3000, 9000), "0.8–2.5 h"),
    ],
)
def test_a_time_says_something_at_both_ends(
    capsys: pytest.CaptureFixture[str], seconds: tuple[float, float], said: str
) -> None:
    line = shown(capsys, [row("pretrain", "run", seconds, "probe")]).splitlines()[1]
    assert line.split(maxsplit=2)[2].strip() == said


def test_every_mark_of_the_table_is_told_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("ingest", "hit"), row("pretrain", "run", (80, 170), "past"), row("fetch", "run")]
    told = shown(capsys, rows, unknown=1).partition("\n\n")[2]
    assert "2 of 3 steps to run; the others are there already (hit)" in told
    assert "Total, with start-up: 20 s–3 min, 0.8–1.2 GB of memory, 0.8–1.2 GB of disk." in told
    assert "1 step marked ?" in told
    assert "earlier runs (1)" in told
    assert "rules" not in told


def test_where_all_is_there_nothing_else_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(capsys, [row("ingest", "hit")]).partition("\n\n")[2]
    assert told == "All steps are there already (hit): a run makes nothing anew.\n"
