"""`headwater compare`: which settings and which scores of two runs differ, and how sure that is."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flows import terminal
from flows.commands import compared
from models.errors import RecipeError
from tasks.storage import lineage

_WIDTH = 80
_LEAST_NAME, _VALUE = 26, 24
_FILES = 8
"""Files of code that are named."""


def compare(a: str, b: str, *, as_json: bool) -> int:
    """Print how run `b` differs from run `a`; gives the exit code.

    Raises:
        RecipeError: no such runs, or two that cannot be compared.
    """
    one, other = lineage.run_of(a), lineage.run_of(b)
    whole = [run.tags.get("headwater.parent") == "true" for run in (one, other)]
    for run, flow in zip((one, other), whole, strict=True):
        if not flow and run.step not in ("adapt", "predict", "score"):
            what = f"of step '{run.step}'" if run.step else "of no step"
            raise RecipeError(
                f"run {run.run_id[:12]} ({run.name}) is {what}; give two flow runs, or two runs of adapt, predict "
                "or score"
            )
    if whole[0] != whole[1]:
        raise RecipeError("one is a whole flow run, the other a run of one step; give two of the same kind")
    document = (compared.flows if whole[0] else compared.models)(one, other)
    if as_json:
        print(compared.as_json(document))
        return 0
    for line in _lines(document):
        print(terminal.printable(line))
    return 0


def _lines(document: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{name}  {document[name.lower()]['run_id'][:12]}  {document[name.lower()]['name']}" for name in "AB"
    ]
    lines += ["", "Settings that differ" if document["settings"] else "The settings are the same."]
    lines += [_differing(item) for item in document["settings"]]
    if document["code"]:
        lines += ["", "Code that differs", *(f"  {name}" for name in document["code"][:_FILES])]
        if (more := len(document["code"]) - _FILES) > 0:
            lines.append(f"  … and {more} more files")
    if document["libraries"]:
        lines += ["", "Libraries that differ", *(_differing(item) for item in document["libraries"])]
    lines += ["", *_scores(document["scores"])]
    for name in ("a", "b"):
        lines += [f"only in {name.upper()}: {title}" for title in document[f"only_{name}"]]
    return lines


def _differing(item: Mapping[str, Any]) -> str:
    change = f"{_value(item['a'])} -> {_value(item['b'])}"
    line = f"  {item['name']}: {change}"
    return line if len(line) <= _WIDTH else f"  {item['name']}:\n    {change}"


def _value(value: Any) -> str:
    text = (
        "none"
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
    )
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}…"


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    """A heading an entry, and a line a model: both scores and the difference, B minus A, with its interval."""
    if not scores:
        return ["They have no score in common."]
    lines = []
    others = [item for item in scores if not item["same"]]
    seeds = {item["seed"] for item in others}
    heading = None
    for item in others:
        rows = f"{item['rows']:,} test rows in common"
        if heading != (item["entry"], item.get("headline"), rows):
            heading = item["entry"], item.get("headline"), rows
            lines.append(
                f"{item['entry']}: {str(item.get('headline', '')).replace('_', ' ')}, B minus A on {rows}"
            )
        lines.append(_score(item, with_seed=len(seeds) > 1))
    if same := len(scores) - len(others):
        lines.append(f"{same} of {len(scores)} scores are the very same artifacts.")
    return lines


def _score(item: Mapping[str, Any], *, with_seed: bool) -> str:
    labels = "" if item["labels"] is None else f" {int(item['labels']):,}"
    seed = f" seed {item['seed']}" if with_seed else ""
    name = f"{item['mode'] or 'B minus A'}{labels}{seed}"
    if not item["metrics"]:
        return f"  {name:<{_LEAST_NAME}} {item['note']}"
    found = item["metrics"][item["headline"]]
    span = f"[{found['low']:+.3f}, {found['high']:+.3f}]"
    numbers = f"{found['a']:.3f} {found['b']:.3f} {found['value']:+.3f} {span}"
    return f"  {name:<{_LEAST_NAME}} {numbers} {found['verdict']}"
