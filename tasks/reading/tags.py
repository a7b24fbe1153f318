"""Sentences whose words stand a line each, and entities from the tags of words, in every scheme that is in use."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

Scheme = Literal["iob1", "iob2", "bioes", "io"]
"""How tags tell where an entity begins.

iob2 (or BIO): `B-` begins one, `I-` goes on. iob1: `I-` begins one, `B-` only where it follows another of its type.
bioes (or BILOU, BMES): `B-` begins, `I-` goes on, `E-` ends, `S-` stands alone. io: words of one type in a row are one.
"""
OUTSIDE = {"O", "_"}
_TAG = re.compile(r"([BIESLUM])-(\S.*)")
_ONE = {"L": "E", "U": "S", "M": "I"}
"""Letters of BILOU and BMES as those of BIOES."""

Line = tuple[int, str]
"""Its number, and what it holds without its end."""


class Malformed(Exception):
    """The tags of a sentence are none, or do not go together.

    Attributes:
        at: the word, from 0.
        reason: a short category that can be counted.
    """

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at, self.reason = at, reason


def blocks(lines: Iterable[Line], is_comment: Callable[[Line], bool]) -> Iterator[list[Line]]:
    """The lines of each sentence, the comments before it first; a comment begins one, a blank line ends it."""
    block: list[Line] = []
    words = False
    for line in lines:
        comment = bool(line[1]) and is_comment(line)
        if block and (not line[1] or (comment and words)):
            yield block
            block, words = [], False
        if line[1]:
            block.append(line)
            words = words or not comment
    if block:
        yield block


def parted(tag: str) -> tuple[str, str]:
    """Letter and type of a tag; in `io` a type may stand alone. Both are empty outside of entities."""
    if tag in OUTSIDE:
        return "", ""
    found = _TAG.fullmatch(tag)
    return (_ONE.get(found[1], found[1]), found[2]) if found else ("I", tag)


def is_tag(tag: str) -> bool:
    """Whether it is outside of entities, or a letter with a type."""
    return tag in OUTSIDE or _TAG.fullmatch(tag) is not None


def entities(spans: Sequence[tuple[int, int]], tags: Sequence[str], scheme: Scheme) -> list[dict[str, Any]]:
    """Entities of a sentence, whose words lie at `spans` of its text.

    Raises:
        Malformed: a tag continues or ends no entity, or one that is begun is not ended.
    """
    found: list[dict[str, Any]] = []
    before, kind = "", ""
    for at, (tag, (start, end)) in enumerate(zip(tags, spans, strict=True)):
        if scheme != "io" and not is_tag(tag):
            raise Malformed(at, "not a BIO tag")
        letter, own = parted(tag)
        goes_on = before in ("B", "I") and kind == own
        if wrong := _wrong(scheme, letter, before, goes_on):
            raise Malformed(at, wrong)
        if letter and (letter in "BS" or not goes_on):
            found.append({"start": start, "end": end, "type": own})
        elif letter:
            found[-1]["end"] = end
        before, kind = letter, own
    if scheme == "bioes" and before in ("B", "I"):
        raise Malformed(len(tags) - 1, f"{before}- is not ended")
    return found


def _wrong(scheme: Scheme, letter: str, before: str, goes_on: bool) -> str:
    """What is wrong with a tag after the one before, if anything."""
    if scheme == "io" or (scheme == "iob1" and letter in ("", "I", "B")):
        return ""
    if scheme != "bioes":
        if letter in ("E", "S"):
            return f"{letter}- is no tag of {scheme}"
        return "I- continues no entity" if letter == "I" and not goes_on else ""
    if before in ("B", "I") and not (letter in ("I", "E") and goes_on):
        return f"{before}- is not ended"
    return {"I": "I- continues no entity", "E": "E- ends no entity"}.get(letter, "") if not goes_on else ""


def likely_scheme(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that the tags of sentences are written in."""
    letters: set[str] = set()
    begun = {"B": 0, "I": 0}
    bare = tagged = 0
    for tags in sentences:
        before, kind = "", ""
        for tag in tags:
            letter, own = parted(tag)
            bare, tagged = bare + (not is_tag(tag)), tagged + bool(letter)
            letters.add(letter)
            if letter in begun and not (letter == "I" and before and kind == own):
                begun[letter] += 1
            before, kind = letter, own
    if letters & {"E", "S"}:
        return "bioes"
    if bare > tagged / 2 or "B" not in letters:  # a few that are no tags are dirt
        return "io" if "I" in letters else "iob2"
    return "iob1" if begun["I"] > begun["B"] else "iob2"
