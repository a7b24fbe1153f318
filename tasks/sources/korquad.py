"""KorQuAD 1.0, Korean questions on paragraphs of articles, as published: https://korquad.github.io."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from models.data import readers
from models.data.records import as_text
from tasks.reading.published import InParts, check_begins
from tasks.reading.source import Record, Rejected


class KorQuad(InParts):
    """One JSON object in the form of SQuAD 1.1; the rows of an article stay together.

    JSON has no lines: `line` is the number of the question in its file, that of the paragraph for a paragraph, and that
    of the article for what is wrong with an article.
    """

    kind: Literal["korquad"] = "korquad"
    view: Literal["qa", "retrieval"] = Field(
        default="qa",
        description="qa: questions with context and answers; retrieval: paragraphs, and questions that ask for them.",
    )

    def check_form(self, path: Path) -> None:
        check_begins(path, b"{", "a JSON object of the form of SQuAD")

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        """Rows with `id`, `title`, `context`, `question` and `answers`; or with `id`, `text`, `passage` and `relevant`.

        A paragraph that stands there more than once, which none of its questions could tell apart, is one row.
        """
        names: dict[str, str] = {}
        for part, path in self.files():
            yield path, self._file(path, part, names)

    def _file(self, path: Path, part: str, names: dict[str, str]) -> Iterator[Record | Rejected]:
        """Rows of one file; `names` is the id of each paragraph's text, through all files."""
        paragraphs, questions = itertools.count(1), itertools.count(1)
        for found in _paragraphs(path):
            if isinstance(found, Rejected):
                yield found
                continue
            title, group, context, asked = found
            line = next(paragraphs)
            if self.view == "retrieval" and context not in names:
                names[context] = f"paragraph:{len(names) + 1}"
                passage = {"id": names[context], "text": context, "passage": True, "relevant": None}
                yield Record(passage, path.name, line, part, group)
            for question, line in zip(asked, questions, strict=False):
                if wrong := self._wrong(question):
                    yield Rejected(path.name, line, *wrong, as_text(question))
                elif self.view == "retrieval":
                    yield Record(_search(question, names[context]), path.name, line, part, group)
                else:
                    row = _example(question) | {"title": title, "context": context}
                    yield Record(row, path.name, line, part, group)

    def _wrong(self, question: Any) -> tuple[str, str] | None:
        """Field and reason, where a question is not of the published form."""
        if not isinstance(question, dict):
            return "", "not a JSON object"
        for name in ("id", "question"):
            if not isinstance(question.get(name), str):
                return name, "missing" if question.get(name) is None else "not text"
        return None if self.view == "retrieval" else _wrong_answers(question.get("answers"))


def _search(question: dict[str, Any], passage: str) -> dict[str, Any]:
    relevant = [{"passage_id": passage, "grade": 1}]
    return {"id": question["id"], "text": question["question"], "passage": False, "relevant": relevant}


def _example(question: dict[str, Any]) -> dict[str, Any]:
    answers = [{"start": item["answer_start"], "text": item["text"]} for item in question["answers"]]
    return {"id": question["id"], "question": question["question"], "answers": answers}


def _wrong_answers(answers: Any) -> tuple[str, str] | None:
    if not isinstance(answers, list):
        return "answers", "missing" if answers is None else "not an array"
    for item in answers:
        if not isinstance(item, dict) or not isinstance(item.get("text"), str):
            return "answers", "without text"
        if type(item.get("answer_start")) is not int:  # not a bool either
            return "answers", "without a whole number as answer_start"
    return None


def _paragraphs(path: Path) -> Iterator[tuple[str, str, str, list[Any]] | Rejected]:
    """Title of the article, its name as a group, text and questions of each paragraph of a file."""
    for item in readers.read_json(path, "data"):
        if isinstance(item, Rejected):
            yield item
            continue
        number, article = item
        title = article.get("title")
        title = title if isinstance(title, str) else ""
        if not isinstance(article.get("paragraphs"), list):
            yield Rejected(path.name, number, "paragraphs", "not an array", as_text(article))
            continue
        for paragraph in article["paragraphs"]:
            context, asked = (
                paragraph.get(name) if isinstance(paragraph, dict) else None for name in ("context", "qas")
            )
            if isinstance(context, str) and isinstance(asked, list):
                yield title, title or f"article:{number}", context, asked
            else:
                yield Rejected(path.name, number, "paragraphs", "without context and qas", as_text(paragraph))
