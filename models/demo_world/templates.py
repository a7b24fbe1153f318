"""Sentences with slots: `{name}` is filled as it is, `{name:은/는}` with the particle that fits what fills it."""

import re
from collections.abc import Mapping

from models.demo_world.grammar import particle

_SLOT = re.compile(r"\{(\w+)(?::([^}]+))?\}")


def fill(template: str, values: Mapping[str, str]) -> tuple[str, list[tuple[str, int, int]]]:
    """The text, and (slot, start, end) of each value in it, particles left out."""
    text, spans, at = "", [], 0
    for slot in _SLOT.finditer(template):
        value = values[slot[1]]
        text += template[at : slot.start()]
        spans.append((slot[1], len(text), len(text) + len(value)))
        text += particle(value, slot[2]) if slot[2] else value
        at = slot.end()
    return text + template[at:], spans
