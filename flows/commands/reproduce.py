"""`headwater reproduce`: a run made again from what MLflow holds, and a verdict."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows import exits, terminal
from flows.commands import again
from models.errors import RecipeError
from tasks.environment import home
from tasks.storage import lineage

_NAMED = 8
"""Files, libraries and steps that are named each."""


def reproduce(run_id: str, only: Sequence[str], within: float, *, as_json: bool) -> int:
    """Make a run again below a home of its own, and compare; gives the exit code: 0 if the same came out, else 1.

    Args:
        run_id: a flow run, or the run of a step, which is made again with what it needs; the first digits will do.
        only: entries or steps of a flow run.
        within: by how much scores may differ.

    Raises:
        RecipeError: it cannot be tried: MLflow does not hold what it takes, or files are gone.
    """
    made = again.attempt(lineage.run_of(run_id), only)
    changed = again.not_as_then(made)
    (home() / "work").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reproduce-", dir=home() / "work") as temporary:
        folder = Path(temporary)
        print(f"making {made.flow.name} again, from run {made.flow.run_id[:12]} …", file=sys.stderr)
        code, document, said = again.execute(made, folder)
        if code not in (0, exits.FAILED) or not document["steps"]:
            raise RecipeError(
                f"it cannot be made again: {said or f'the command ended with exit code {code}'}"
            )
        steps = again.compared(made, document, folder)
    if only:  # what was asked for is what was made
        steps = [step for step in steps if step["missing"] != again.NOT_MADE]
    reproduced, verdict = _verdict(steps, within)
    if as_json:
        found = {"run_id": made.flow.run_id, "reproduced": reproduced, "verdict": verdict}
        print(json.dumps(found | {"not_as_then": changed, "steps": steps}, ensure_ascii=False, indent=2))
    else:
        for line in (*_differences(steps), *_changed(changed), verdict):
            print(terminal.printable(line))
    return 0 if reproduced else 1


def _verdict(steps: Sequence[Mapping[str, Any]], within: float) -> tuple[bool, str]:
    """Whether the same came out, and in a line what did."""
    missing = [step for step in steps if step["missing"]]
    other = [step for step in steps if step["files"]]
    pairs = [pair for step in steps for pair in step["scores"].values()]
    apart = max((abs(a - b) if b is not None else float("inf") for a, b in pairs), default=0.0)
    count = f"{len(steps)} step{'' if len(steps) == 1 else 's'}"
    if not steps:
        return False, "differs: nothing was made again that could be compared"
    if missing:
        return False, f"differs: {len(missing)} of {count} made nothing to compare with"
    if not other and not pairs:
        return True, f"the same bytes: every file of {count}"
    if apart <= within:
        same = "the same scores" if not pairs else f"the same scores within {apart:.2g}"
        return True, f"{same}; the files of {len(other)} of {count} have other bytes"
    return False, f"differs: scores are up to {apart:.4f} apart, more than {within:g}"


def _differences(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for step in [step for step in steps if step["missing"] or step["files"] or step["scores"]]:
        if step["missing"]:
            yield f"{step['title']}: {step['missing']}"
        elif step["files"]:
            yield f"{step['title']}: other bytes in {_few(step['files'])}"
        for name, (then, now) in step["scores"].items():
            if not name.endswith(("_low", "_high")):
                yield f"  {name}: {then:.4f} then, {'none' if now is None else f'{now:.4f}'} now"


def _changed(changed: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """What is not what it was, which may be why."""
    if changed["files"]:
        yield f"files that are not what was read: {_few(changed['files'])}"
    if changed["libraries"]:
        told = [
            f"{item['name']} {item['then'] or 'none'}, now {item['now'] or 'none'}"
            for item in changed["libraries"]
        ]
        yield f"libraries that are not what they were: {_few(told, '; ')}"
    if changed["code"]:
        yield f"code that has changed since (this was made with that of then): {_few(changed['code'])}"


def _few(names: Sequence[str], between: str = ", ") -> str:
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return between.join([*names[:_NAMED], *more])
