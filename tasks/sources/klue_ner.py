"""KLUE-NER, Korean sentences with named entities, as published: https://github.com/KLUE-benchmark/KLUE."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from models.data.lines import UTF8, shown, text_lines, undecodable
from models.errors import RecipeError
from tasks.reading.published import InParts
from tasks.reading.source import Record, Rejected
from tasks.reading.tags import Line, Malformed, blocks, entities, is_tag

COMMENT = "## "
SENTENCE = re.compile(r"## \S+\t")
"""How the comment before a sentence begins: with its id. Those at the head of a file say what the format is."""


class KlueNer(InParts):
    """A character and its BIO tag a line, tab between; a comment with the id before each sentence, a blank line after.

    `line` is that of the comment. A sentence with one malformed line is rejected whole, under that line.
    """

    kind: Literal["klue_ner"] = "klue_ner"

    def check_form(self, path: Path) -> None:
        """The file begins with comments, and a character with its tag comes after them."""
        for number, line in _lines(path):
            if line.startswith(COMMENT) or (number > 1 and not line):
                continue
            wrong = "no comment at the head of the file" if number == 1 else _wrong(path, (number, line))
            if wrong:
                raise RecipeError(
                    f"{path}, line {number}: a file of {self.kind} has comments ('## …'), then a character, a tab and "
                    f"its tag a line: {wrong}; use 'files' for another format"
                )
            return
        raise RecipeError(f"{path}: there are only comments in it; remove it from the recipe or fill it")

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        for block in blocks(_lines(path), _is_comment):
            letters = [line for line in block if not _is_comment(line)]
            comments = block[: len(block) - len(letters)]
            bare = comments[:-1] if letters else comments
            for number, comment in bare:
                if SENTENCE.match(comment):
                    yield _rejected(path, number, "no characters", [(number, comment)], _id(comment))
            if letters:
                yield _sentence(path, part, comments[-1:], letters)


def _lines(path: Path) -> Iterator[Line]:
    return ((number, line.rstrip("\r\n")) for number, line in text_lines(path))


def _is_comment(line: Line) -> bool:
    return line[1].startswith(COMMENT)


def _sentence(path: Path, part: str, comment: list[Line], letters: list[Line]) -> Record | Rejected:
    """A sentence as a row; `comment` is the last one before its characters."""
    lines = [*comment, *letters]
    name = _id(lines[0][1]) if comment else ""
    if not name:
        return _rejected(path, lines[0][0], "no comment with an id", lines, name)
    for line in letters:
        if wrong := _wrong(path, line):
            return _rejected(path, line[0], wrong, lines, name)
    text = "".join(line[0] for _, line in letters)
    tags = [line[2:] for _, line in letters]
    try:
        found = entities([(at, at + 1) for at in range(len(text))], tags, "iob2")
    except Malformed as error:
        return _rejected(path, letters[error.at][0], error.reason, lines, name)
    return Record({"id": name, "text": text, "entities": found}, path.name, comment[0][0], part)


def _wrong(path: Path, line: Line) -> str:
    """What is wrong with the line of a character, if anything."""
    if undecodable(path, *line, UTF8) is not None:
        return "not UTF-8"
    letter, tab, tag = line[1].rpartition("\t")
    if not tab:
        return "no tab"
    if len(letter) != 1:
        return "not one character"
    return "" if is_tag(tag) else "not a BIO tag"


def _id(comment: str) -> str:
    """The id in the comment before a sentence; "" where there is none."""
    name, tab, _ = shown(comment).removeprefix(COMMENT).partition("\t")
    return name.strip() if tab else ""


def _rejected(path: Path, number: int, reason: str, lines: list[Line], name: str) -> Rejected:
    raw = "\n".join(shown(line) for _, line in lines)
    return Rejected(path.name, number, "", reason, raw, name)
