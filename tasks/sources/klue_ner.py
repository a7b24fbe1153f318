"""KLUE-NER, Korean sentences with named entities, as published: https://github.com/KLUE-benchmark/KLUE."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from models.data.lines import lines
from models.errors import RecipeError
from tasks.reading.published import InParts
from tasks.reading.source import Record, Rejected

COMMENT = b"## "
TAG = re.compile(r"O|[BI]-\S+")
SENTENCE = re.compile(rb"## \S+\t")
"""How the comment before a sentence begins: with its id. Those at the head of a file say what the format is."""

Line = tuple[int, bytes]
"""Its number, and what it holds without its end."""


class KlueNer(InParts):
    """A character and its BIO tag a line, tab between; a comment with the id before each sentence, a blank line after.

    `line` is that of the comment. A sentence with one malformed line is rejected whole, under that line.
    """

    kind: Literal["klue_ner"] = "klue_ner"

    def check_form(self, path: Path) -> None:
        """The file begins with comments, and a character with its tag comes after them."""
        for number, raw in lines(path):
            line = raw.rstrip(b"\r\n")
            if line.startswith(COMMENT) or (number > 1 and not line):
                continue
            wrong = "no comment at the head of the file" if number == 1 else _wrong(line, "O")
            if wrong:
                raise RecipeError(
                    f"{path}, line {number}: a file of {self.kind} has comments ('## …'), then a character, a tab and "
                    f"its tag a line: {wrong}; use 'files' for another format"
                )
            return
        raise RecipeError(f"{path}: there are only comments in it; remove it from the recipe or fill it")

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for block in _blocks(path):
            letters = [item for item in block if not item[1].startswith(COMMENT)]
            comments = block[: len(block) - len(letters)]
            bare = comments[:-1] if letters else comments
            for number, comment in bare:
                if SENTENCE.match(comment):
                    yield _rejected(path, number, "no characters", [(number, comment)], _id(comment))
            if letters:
                yield _sentence(path, part, comments[-1:], letters)


def _blocks(path: Path) -> Iterator[list[Line]]:
    """The lines of each sentence, the comments before it first; a comment begins one, a blank line ends it."""
    block: list[Line] = []
    for number, raw in lines(path):
        line = raw.rstrip(b"\r\n")
        begins = line.startswith(COMMENT) and bool(block) and not block[-1][1].startswith(COMMENT)
        if block and (begins or not line):
            yield block
            block = []
        if line:
            block.append((number, line))
    if block:
        yield block


def _sentence(path: Path, part: str, comment: list[Line], letters: list[Line]) -> Record | Rejected:
    """A sentence as a row; `comment` is the last one before its characters."""
    lines = [*comment, *letters]
    name = _id(lines[0][1]) if comment else ""
    if not name:
        return _rejected(path, lines[0][0], "no comment with an id", lines, name)
    text, tag = "", "O"
    entities: list[dict[str, Any]] = []
    for number, line in letters:
        if wrong := _wrong(line, tag):
            return _rejected(path, number, wrong, lines, name)
        letter, _, tag = line.decode().rpartition("\t")
        if tag.startswith("B"):
            entities.append({"start": len(text), "end": 0, "type": tag[2:]})
        text += letter
        if tag != "O":
            entities[-1]["end"] = len(text)
    return Record({"id": name, "text": text, "entities": entities}, path.name, comment[0][0], part)


def _wrong(line: bytes, before: str) -> str:
    """What is wrong with the line of a character, if anything; `before` is the tag of the character before it."""
    try:
        letter, tab, tag = line.decode().rpartition("\t")
    except UnicodeDecodeError:
        return "not UTF-8"
    if not tab:
        return "no tab"
    if len(letter) != 1:
        return "not one character"
    if not TAG.fullmatch(tag):
        return "not a BIO tag"
    if tag.startswith("I") and before[1:] != tag[1:]:
        return "I- continues no entity"
    return ""


def _id(comment: bytes) -> str:
    """The id in the comment before a sentence; "" where there is none."""
    name, tab, _ = comment.removeprefix(COMMENT).decode("utf-8", "backslashreplace").partition("\t")
    return name.strip() if tab else ""


def _rejected(path: Path, number: int, reason: str, lines: list[Line], name: str) -> Rejected:
    raw = b"\n".join(line for _, line in lines).decode("utf-8", "backslashreplace")
    return Rejected(path.name, number, "", reason, raw, name)
