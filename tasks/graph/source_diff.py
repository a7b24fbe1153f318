"""The lines of a source in which its digest differs from that of an earlier one."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from tasks.graph.parsed import code_digest

_MANY = 60
"""Differences above which none is looked at by itself: most of the file is another."""


Difference = tuple[int, int, int, int]
"""Where lines of the old source end and begin, and where those of the new one that stand in their place."""


def lines_that_matter(name: str, old: bytes, new: bytes) -> list[str]:
    """A diff of two sources, without comments, docstrings and layout where a change is of nothing else.

    A difference matters if the digest of the new source is another one when that difference alone is taken back.
    """
    before, after = (source.decode("utf-8", "replace").splitlines() for source in (old, new))
    found = list(_differences(before, after))
    if Path(name).suffix == ".py" and len(found) <= _MANY:
        found = [item for item in found if _matters(item, before, after)] or found  # none may by itself
    shown: list[str] = []
    for start, end, new_start, new_end in _joined(found):
        shown.append(f"@@ line {new_start + 1} @@")
        shown += [f"-{line}" for line in before[start:end]]
        shown += [f"+{line}" for line in after[new_start:new_end]]
    return shown


def _differences(before: list[str], after: list[str]) -> Iterator[Difference]:
    """Lines for which there are others, one by one where there are as many."""
    for tag, *place in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        start, end, new_start, new_end = place
        if tag == "replace" and end - start == new_end - new_start:
            for line in range(end - start):
                yield start + line, start + line + 1, new_start + line, new_start + line + 1
        elif tag != "equal":
            yield start, end, new_start, new_end


def _joined(found: list[Difference]) -> list[Difference]:
    """Those that touch, as one."""
    joined: list[Difference] = []
    for item in found:
        if joined and (joined[-1][1], joined[-1][3]) == (item[0], item[2]):
            joined[-1] = joined[-1][0], item[1], joined[-1][2], item[3]
        else:
            joined.append(item)
    return joined


def _matters(item: Difference, before: list[str], after: list[str]) -> bool:
    start, end, new_start, new_end = item
    without = [*after[:new_start], *before[start:end], *after[new_end:]]
    try:
        return code_digest("\n".join(without).encode()) != code_digest("\n".join(after).encode())
    except (SyntaxError, ValueError):  # it is one with other differences
        return True
