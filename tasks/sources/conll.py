"""CoNLL files: a word and its tags a line, a blank line after each sentence; entities in any scheme of tags."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from models.data.encodings import likely_encoding
from models.data.lines import shown, text_lines, undecodable
from models.data.packed import unpacked_name
from models.errors import HeadwaterError, RecipeError
from tasks.reading.own_files import OwnFiles
from tasks.reading.source import Record, Rejected
from tasks.reading.tags import Line, Malformed, Scheme, blocks, entities, is_tag, likely_scheme

DOCUMENT = "-DOCSTART-"
"""The word of a line that begins a document."""
_NAMED = re.compile(r"#+\s*(?:sent_id|sentence_id|id)\s*[=:]?\s*(\S+)")
_SETTING = re.compile(r"#+\s*[\w.:-]+\s*=")
_NO_WORD = re.compile(r"[0-9]+[-.][0-9]+")
"""What CoNLL-U numbers a line by that is no word: words written as one, and those that are left out."""
_JOINED = "SpaceAfter=No"
_ENDINGS = ("conll", "conllu", "iob", "iob2", "bio", "bioes", "bilou", "ner", "tsv", "txt")
_SENTENCES = 2_000
"""Sentences of a file by which the scheme of its tags is told."""


class Conll(OwnFiles):
    """Sentences with entities, word by word.

    `line` is that of the first word. A sentence with a malformed line is set aside whole, under that line.
    """

    kind: Literal["conll"] = Field(default="conll", description="A word and its tag a line.")
    token: int = Field(default=0, description="The column of the word, from 0; from the end with -1.")
    tag: int = Field(default=-1, description="The column of the tag; the last one by default.")
    separator: str | None = Field(
        default=None, min_length=1, description="What stands between columns; left out, any white space."
    )
    scheme: Scheme | None = Field(
        default=None,
        description="How tags tell where an entity begins: iob2, iob1, bioes (also BILOU) or io; left out, as "
        "the file's first sentences do.",
    )
    joiner: str = Field(
        default=" ",
        description="What the text has between two words; nothing after one marked SpaceAfter=No.",
    )
    comment: str = Field(
        default="#", description="How a comment before a sentence begins; empty where there are none."
    )
    documents: bool = Field(
        default=False,
        description="Whether sentences of a document, which a -DOCSTART- line begins, must stay in one part.",
    )

    def check_form(self, path: Path) -> None:
        for words, _ in islice(self._blocks(path), 1):
            for number, line in words:
                cells = self._cells(line)
                if (wrong := self._lacking(cells)) or not (self.scheme == "io" or is_tag(cells[self.tag])):
                    raise RecipeError(
                        f"{path}, line {number}: a file of conll has a word and its tag (O, B-PER) a line: "
                        f"{wrong or f'{cells[self.tag]!r} is no tag'}; say where they stand by token:, tag: and "
                        "separator: in its source"
                    )
            return
        raise RecipeError(f"{path}: no sentence in it; remove it from the recipe or fill it")

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        scheme = self.scheme or self._likely_scheme(path)
        document = 0
        for words, comments in self._blocks(path):
            if self._is_document(words[0]):
                document += 1
                words = words[1:]
            if words:  # and not a document's beginning alone
                group = f"{path.name}:{document}" if self.documents and document else ""
                yield self._sentence(path, part, words, comments, scheme, group)

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        try:
            if unpacked_name(path.name).lower().rpartition(".")[2] not in _ENDINGS:
                return None
            encoding = likely_encoding(path)
            lines = [line.rstrip("\r\n") for _, line in islice(text_lines(path, encoding), 500)]
        except (HeadwaterError, OSError):
            return None
        layout = _layout(lines)
        return cls.model_validate({"paths": (str(path),), "encoding": encoding, **layout}) if layout else None

    def _blocks(self, path: Path) -> Iterator[tuple[list[Line], list[Line]]]:
        """The words of each sentence, and the comments before it."""
        lines = ((number, line.rstrip("\r\n")) for number, line in text_lines(path, self.encoding))
        stripped = ((number, line if line.strip() else "") for number, line in lines)
        for block in blocks(stripped, self._is_comment):
            words = [line for line in block if not self._is_comment(line)]
            if words:
                yield words, [line for line in block if self._is_comment(line)]

    def _is_comment(self, line: Line) -> bool:
        """Tells comments from words: `# NN I-NP O` is a word, and `# text = …` is none."""
        if not self.comment or not line[1].startswith(self.comment):
            return False
        cells = self._cells(line[1])
        return bool(_SETTING.match(line[1])) or bool(self._lacking(cells)) or not is_tag(cells[self.tag])

    def _sentence(
        self, path: Path, part: str, words: list[Line], comments: list[Line], scheme: Scheme, group: str
    ) -> Record | Rejected:
        name = next((found[1] for _, line in comments if (found := _NAMED.match(line))), "")
        cells = [self._cells(line) for _, line in words]
        named = [at for at, item in enumerate(cells) if not (self.token and _NO_WORD.fullmatch(item[0]))]
        words, cells = [words[at] for at in named], [cells[at] for at in named]
        try:
            for at, line in enumerate(words):
                bad = undecodable(path, *line, self.encoding)
                if wrong := bad.reason if bad is not None else self._lacking(cells[at]):
                    raise Malformed(at, wrong)
            text, spans = self._joined(cells)
            found = entities(spans, [item[self.tag] for item in cells], scheme)
        except Malformed as error:
            raw = "\n".join(shown(line) for _, line in [*comments, *words])
            return Rejected(path.name, words[error.at][0], "", error.reason, raw, name)
        fields: dict[str, Any] = {"text": text, "entities": found}
        return Record(fields | ({"id": name} if name else {}), path.name, words[0][0], part, group)

    def _joined(self, cells: Sequence[Sequence[str]]) -> tuple[str, list[tuple[int, int]]]:
        """The text of a sentence, and where its words lie in it."""
        text, gap, spans = "", "", []
        for item in cells:
            text += gap
            spans.append((len(text), len(text) + len(item[self.token])))
            text += item[self.token]
            gap = "" if any(_JOINED in cell.split("|") for cell in item) else self.joiner
        return text, spans

    def _cells(self, line: str) -> list[str]:
        return [cell.strip() for cell in line.split(self.separator)] if self.separator else line.split()

    def _lacking(self, cells: Sequence[str]) -> str:
        """What a line of a word lacks, if anything."""
        if len(cells) < 2 or any(not -len(cells) <= at < len(cells) for at in (self.token, self.tag)):
            return "too few columns"
        return "" if cells[self.token] else "no word"

    def _is_document(self, line: Line) -> bool:
        cells = self._cells(line[1])
        return bool(cells) and cells[0] == DOCUMENT

    def _likely_scheme(self, path: Path) -> Scheme:
        first = islice(self._blocks(path), _SENTENCES)
        cells = ([self._cells(line) for _, line in words] for words, _ in first)
        return likely_scheme([item[self.tag] for item in words if not self._lacking(item)] for words in cells)


def _layout(lines: Sequence[str]) -> dict[str, Any] | None:
    """Where words and tags stand in a file of such lines; None where it is none."""
    if not any(not line.strip() for line in lines):
        return None
    for separator in ("\t", None):
        rows = [line.split(separator) for line in lines if line.strip() and not line.startswith("#")]
        rows = [row for row in rows if row[0] != DOCUMENT]
        width = len(rows[0]) if rows else 0
        if width < 2 or sum(len(row) == width for row in rows) < 0.9 * len(rows):
            continue
        rows = [row for row in rows if len(row) == width]
        columns = [[row[at].strip() for row in rows] for at in range(width)]
        tagged = [
            at for at in range(1, width) if all(map(is_tag, columns[at])) and {*columns[at]} - {"O", "_"}
        ]
        if tagged:
            numbered = all(_NO_WORD.fullmatch(cell) or cell.isdecimal() for cell in columns[0])
            tag = tagged[-1] if tagged[-1] < width - 1 else -1
            return {"token": int(numbered), "tag": tag} | ({"separator": separator} if separator else {})
    return None
