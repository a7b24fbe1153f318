"""Answers: pieces of a context; rows of them, and how these are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from models.data.comparison import Aligned
from models.errors import DataError
from models.late import pl

if TYPE_CHECKING:
    from pandera.polars import Check

NO_ANSWER = "no_answer_probability"
"""The column that predictions have where a question may have no answer."""
MARGIN = "no_answer_margin"
"""A model's predictions then also say by how much no answer outweighs its best one."""


def column() -> pl.List:
    """The type of a column of answers."""
    return pl.List(pl.Struct({"start": pl.Int64, "text": pl.String}))


def checks(unanswerable: bool) -> list[Check]:
    """What must hold of the answers of each row.

    Args:
        unanswerable: whether there may be none.
    """
    import pandera.polars as pa

    places = pa.Check(
        lambda data: data.lazyframe.select(
            pl.struct("context", "answers").map_elements(in_place, return_dtype=pl.Boolean)
        ),
        error="not in the context at its start",
    )
    some = pa.Check(
        lambda data: data.lazyframe.select(pl.col(data.key).list.len() > 0),
        error="no answer, for which there is 'unanswerable: true'",
    )
    return [places] if unanswerable else [some, places]


def in_place(row: dict[str, Any]) -> bool:
    """Whether each answer stands in the context where it says; a context that is missing has a reason of its own."""
    context, answers = row["context"], row["answers"]
    return context is None or all(
        answer is not None
        and answer["start"] is not None
        and answer["start"] >= 0
        and bool((answer["text"] or "").strip())
        and context.startswith(answer["text"], answer["start"])
        for answer in answers or ()
    )


def check(train: pl.DataFrame, longest: int) -> None:
    """Refuse training rows none of whose answers can be given.

    Args:
        longest: characters of an answer that is given.

    Raises:
        DataError: saying what is wrong with them.
    """
    lengths = [len(answer["text"]) for answers in train["answers"] for answer in answers]
    if not lengths:
        none = f"none of the {len(train):,} training rows has an answer" if len(train) else "no training rows"
        raise DataError(f"{none}: qa needs questions with answers; check the source")
    if min(lengths) > longest:
        raise DataError(
            f"all {len(lengths):,} training answers are longer than max_answer, {longest} characters: "
            f"raise it; the shortest has {min(lengths)}"
        )


def examples(unanswerable: bool) -> pl.DataFrame:
    """Made-up rows; the answer is the first or the second sentence of two, without its full stop, or there is none."""
    told: list[tuple[str, str, str, int | None]] = [
        ("마을", "도서관은 언덕 위에 있다. 빵집은 강가에 있다.", "도서관은 어디에 있나?", 0),
        ("마을", "우체국은 역 앞에 있다. 시장은 다리 건너에 있다.", "시장은 어디에 있나?", 1),
        ("친구", "민수는 사과를 샀다. 지우는 포도를 샀다.", "민수는 무엇을 샀나?", 0),
        ("친구", "하나는 피리를 분다. 두리는 북을 친다.", "두리는 무엇을 치나?", 1),
        ("계절", "봄에는 벚꽃이 핀다. 가을에는 국화가 핀다.", "봄에는 무엇이 피나?", 0),
        ("계절", "첫째 날은 비가 왔다. 둘째 날은 눈이 왔다.", "둘째 날은 무엇이 왔나?", 1),
        ("하루", "고양이는 창가에서 잔다. 강아지는 문 앞에서 잔다.", "고양이는 어디에서 자나?", 0),
        ("하루", "기차는 아침에 떠난다. 배는 저녁에 떠난다.", "배는 언제 떠나나?", 1),
    ]
    if unanswerable:
        asked = ["거북이가 누구니?", "얼마예요?", "왜 웃니?", "몇 시니?"]
        without = [(*row[:2], question, None) for row, question in zip(told, asked, strict=False)]
        told = [item for pair in zip(told[:4], without, strict=True) for item in pair] + told[4:]
    rows = []
    for number, (title, context, question, place) in enumerate(told):
        texts = [] if place is None else [context.removesuffix(".").split(". ")[place]]
        answers = [{"start": context.index(text), "text": text} for text in texts]
        rows.append((f"example-{number}", title, context, question, answers))
    names = ["id", "title", "context", "question"]
    return pl.DataFrame(rows, schema={**dict.fromkeys(names, pl.String), "answers": column()}, orient="row")


def corrupted(unanswerable: bool) -> pl.DataFrame:
    """The first of the examples, with something else wrong in each."""
    right = examples(unanswerable)
    row = right.row(0, named=True)
    text = row["answers"][0]["text"]
    wrong: dict[str, list[Any]] = {
        "id": [None, ""],
        "title": [None],
        "context": [None, " \t", "다른 글이다."],
        "question": [None, "\n"],
        "answers": [None, [None], *([] if unanswerable else [[]])]
        + [[{"start": start, "text": text}] for start in (None, 1, -1, len(row["context"]))]
        + [[{"start": 0, "text": item}] for item in (None, "", "다른 글")]
        + [
            [{"start": -len(row["context"]), "text": text}],
            [*row["answers"], {"start": 3, "text": text}],
        ],
    }
    rows = [row | {name: value} for name, values in wrong.items() for value in values]
    return pl.DataFrame(rows, schema=right.schema)


def placed(context: Aligned, answers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers as they stand in a form of the context."""
    places = [context.forth(item["start"], item["start"] + len(item["text"])) for item in answers]
    return [{"start": start, "text": context.text[start:end]} for start, end in places]


def predictions(
    rows: pl.DataFrame, answers: Sequence[tuple[int, int, float]], no_answer: Sequence[float] | None = None
) -> pl.DataFrame:
    """Predictions frame from the start, end and probability of each row's answer; white space around it is left out.

    Args:
        no_answer: how likely each row has none, where it may have none; an empty piece of the context says so.
    """
    answered = []
    for name, context, (start, end, probability) in zip(rows["id"], rows["context"], answers, strict=True):
        text = context[start:end]
        start += len(text) - len(text.lstrip())
        text = text.strip()
        answered.append((name, text, start, start + len(text), probability))
    columns = {
        "id": pl.String,
        "answer": pl.String,
        "start": pl.Int64,
        "end": pl.Int64,
        "probability": pl.Float64,
    }
    found = pl.DataFrame(answered, schema=columns, orient="row")
    if no_answer is None:
        return found
    return found.with_columns(pl.Series(NO_ANSWER, list(no_answer), dtype=pl.Float64))
