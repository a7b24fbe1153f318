"""The table at the end of a run: short, right at 80 columns, and nothing cut that matters."""

import io
import itertools
from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from rich.console import Console

from flows.commands import outcome
from flows.commands.results import Result

MODES = ("finetune", "lora", "linear_probe", "zero_shot", "scratch", "baseline")


def result(entry: str, mode: str, labels: int | None = None, value: float | None = 0.5, **other) -> Result:
    fields = {
        "grid": False,
        "seeds": (1,),
        "metric": "accuracy",
        "low": None if value is None else value - 0.01,
        "high": None if value is None else value + 0.01,
        "seconds": 12.34,
        "status": "run",
        "reason": "",
        "run_ids": ("a" * 32,),
        "lower_is_better": False,
    }
    return Result(**{**fields, "entry": entry, "mode": mode, "labels": labels, "value": value, **other})


def printed(results: Sequence[Result], width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    outcome.show_results(console, results)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_a_few_results_stand_there_one_a_line() -> None:
    pretrained = result("mlm", "", None, 4.2, metric="eval/loss", low=None, high=None, seeds=())
    failed = result("topics", "lora", 2000, None, status="failed", reason="out of memory")
    several = result("topics", "finetune", None, 0.91, seeds=(1, 2, 3))
    hit = result("topics", "baseline", 2000, 0.8, status="hit")
    head, *lines = printed([pretrained, failed, several, hit])
    assert head.split() == ["entry", "labels", "mode", "metric", "score", "seconds"]
    assert [line.split() for line in lines] == [
        ["mlm", "pretraining", "eval/loss", "4.200", "12.3"],
        ["topics", "2,000", "lora", "accuracy", "failed", "12.3"][:5],
        ["all", "finetune,", "3", "seeds", "accuracy", "0.910", "[0.900,", "0.920]", "12.3"],
        ["2,000", "baseline", "accuracy", "0.800", "[0.790,", "0.810]", "hit"],
    ]


@pytest.mark.parametrize("entries", [1, 4, 7, 15])
@pytest.mark.parametrize("sizes", [(None,), (8, 32, 128, 1000)])
@pytest.mark.parametrize("grid", [False, True])
def test_many_results_are_some_twenty_lines_with_the_best_of_each_entry(
    entries: int, sizes: tuple[int | None, ...], grid: bool
) -> None:
    names = [f"한국어분류실험{number}" for number in range(entries)]
    cells = [
        result(name, mode, labels, 0.5 + MODES.index(mode) / 100, grid=again)
        for again in ((False, True) if grid else (False,))
        for name, labels, mode in itertools.product(names, sizes, MODES)
    ]
    lines = printed(cells)
    assert len(lines) <= 24
    assert max(map(cell_len, lines)) <= 80
    told = " ".join(lines)
    for name in names:
        assert f"{name} " in told
    shown = [line for line in lines if "0.5" in line]
    assert any("zero shot" in line or "zero_shot" in line for line in shown)  # the best transfer
    assert ("more" in told) == (len(shown) < len(cells))
    if len(shown) < len(cells):
        assert f"and {len(cells) - len(shown)} more" in told


def test_scores_that_say_little_come_with_a_word_on_it() -> None:
    few = [result("tickets", mode, None, 1.0, low=1.0, high=1.0, test_rows=5) for mode in MODES]
    lines = printed(few)
    told = " ".join(" ".join(lines[1 + len(MODES) :]).split())
    assert max(map(cell_len, lines)) <= 80
    assert told.count("tickets: scored on 5 test rows only") == 1
    assert told.count("It does not mean that the score is certain.") == 1
    assert len(printed([result("tickets", "finetune", test_rows=500)])) == 2


def test_the_best_of_a_metric_of_which_less_is_better_is_the_least() -> None:
    cells = [
        result(f"e{number}", mode, None, 0.1 * (1 + MODES.index(mode)), lower_is_better=True)
        for number in range(8)
        for mode in MODES
    ]
    lines = printed(cells)
    assert any("finetune" in line for line in lines) and not any("zero_shot" in line for line in lines)


def test_long_names_and_narrow_terminals_lose_nothing() -> None:
    name = "아주긴이름을가진한국어문서분류실험" * 3
    for width in (60, 80, 140):
        lines = printed([result(name, "prompt_tuning", 10000, metric="entity_f1")], width)
        assert max(map(cell_len, lines)) <= min(width, 80)
        assert "".join(line.split()[0] for line in lines[1:]) == name
        assert "0.500 [0.490, 0.510]" in " ".join(lines) and "10,000" in " ".join(lines)
