"""Files in the form of SQuAD: articles with paragraphs and questions on them, as rows of `qa` or of `retrieval`."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from models.data import readers
from models.data.lines import UTF8
from models.data.records import Record, Rejected, as_text

View = Literal["qa", "retrieval"]
VIEW = "qa: questions with context and answers; retrieval: paragraphs, and questions that ask for them."
"""What the setting `view` is for."""


class Articles:
    """Rows of files of one source, through all of which a paragraph's text has one name.

    JSON has no lines: `line` is the number of the question in its file, that of the paragraph for a paragraph, and that
    of the article for what is wrong with an article. Rows of an article are of one group. A paragraph that stands there
    more than once, which none of its questions could tell apart, is one row.
    """

    def __init__(self, view: View, encoding: str = UTF8) -> None:
        self._view, self._encoding = view, encoding
        self._names: dict[str, str] = {}

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        """With `id`, `title`, `context`, `question` and `answers`; or `id`, `text`, `passage` and `relevant`."""
        paragraphs, questions = itertools.count(1), itertools.count(1)
        for found in _paragraphs(path, self._encoding):
            if isinstance(found, Rejected):
                yield found
                continue
            title, group, context, asked = found
            line = next(paragraphs)
            if self._view == "retrieval" and context not in self._names:
                self._names[context] = f"paragraph:{len(self._names) + 1}"
                passage = {"id": self._names[context], "text": context, "passage": True, "relevant": None}
                yield Record(passage, path.name, line, part, group)
            for question, line in zip(asked, questions, strict=False):
                if wrong := self._wrong(question):
                    yield Rejected(path.name, line, *wrong, as_text(question))
                elif self._view == "qa":
                    row = _example(question) | {"title": title, "context": context}
                    yield Record(row, path.name, line, part, group)
                elif not _impossible(question):  # which no paragraph answers
                    yield Record(_search(question, self._names[context]), path.name, line, part, group)

    def _wrong(self, question: Any) -> tuple[str, str] | None:
        """Field and reason, where a question is not of the published form."""
        if not isinstance(question, dict):
            return "", "not a JSON object"
        for name in ("id", "question"):
            if not isinstance(question.get(name), str):
                return name, "missing" if question.get(name) is None else "not text"
        return None if self._view == "retrieval" else _wrong_answers(question)


def _impossible(question: dict[str, Any]) -> bool:
    return question.get("is_impossible") is True


def _search(question: dict[str, Any], passage: str) -> dict[str, Any]:
    relevant = [{"passage_id": passage, "grade": 1}]
    return {"id": question["id"], "text": question["question"], "passage": False, "relevant": relevant}


def _example(question: dict[str, Any]) -> dict[str, Any]:
    given = question.get("answers") or ()
    answers = [{"start": item["answer_start"], "text": item["text"]} for item in given]
    return {"id": question["id"], "question": question["question"], "answers": answers}


def _wrong_answers(question: dict[str, Any]) -> tuple[str, str] | None:
    answers = question.get("answers")
    if _impossible(question):
        return ("answers", "there, though the question is impossible") if answers else None
    if not isinstance(answers, list):
        return "answers", "missing" if answers is None else "not an array"
    for item in answers:
        if not isinstance(item, dict) or not isinstance(item.get("text"), str):
            return "answers", "without text"
        if type(item.get("answer_start")) is not int:  # not a bool either
            return "answers", "without a whole number as answer_start"
    return None


def _paragraphs(path: Path, encoding: str) -> Iterator[tuple[str, str, str, list[Any]] | Rejected]:
    """Title of the article, its name as a group, text and questions of each paragraph of a file."""
    for item in readers.read_json(path, "data", encoding):
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
