"""The lines of a source in which its digest differs from that of an earlier one."""

import difflib
from pathlib import Path

from tasks.graph.identity import code_digest

_MANY = 60
"""Differences above which none is looked at by itself: most of the file is another."""


def lines_that_matter(name: str, old: bytes, new: bytes) -> list[str]:
    """A diff of two sources, without comments, docstrings and layout where a change is of nothing else.

    A difference matters if the digest of the new source is another one when that difference alone is taken back.
    """
    before, after = (source.decode("utf-8", "replace").splitlines() for source in (old, new))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    found = [opcode for opcode in matcher.get_opcodes() if opcode[0] != "equal"]
    if Path(name).suffix == ".py" and len(found) <= _MANY:
        found = [
            opcode for opcode in found if _matters(opcode, before, after)
        ] or found  # none matters by itself
    shown: list[str] = []
    for _, start, end, new_start, new_end in found:
        shown.append(f"@@ line {new_start + 1} @@")
        shown += [f"-{line}" for line in before[start:end]]
        shown += [f"+{line}" for line in after[new_start:new_end]]
    return shown


def _matters(opcode: tuple[str, int, int, int, int], before: list[str], after: list[str]) -> bool:
    _, start, end, new_start, new_end = opcode
    without = [*after[:new_start], *before[start:end], *after[new_end:]]
    try:
        return code_digest("\n".join(without).encode()) != code_digest("\n".join(after).encode())
    except (SyntaxError, ValueError):  # it is one with other differences
        return True
