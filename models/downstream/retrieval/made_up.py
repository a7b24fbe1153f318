"""Made-up queries and passages: good ones, and ones that are turned away."""

from __future__ import annotations

from typing import Any

from models.downstream.retrieval import relevance
from models.late import pl

_TOLD = {
    "마을의 도서관은 언덕 위에 있고 밤에도 연다.": ("도서관은 어디에 있나?", "밤에도 여는 곳은?"),
    "민수는 시장에서 사과를 샀다.": ("사과를 산 사람은 누구인가?", "민수는 무엇을 샀나?"),
    "국화는 가을에 핀다. 벚꽃과는 다르다.": ("가을에 피는 꽃은?", "국화는 언제 피나?"),
    "섬으로 가는 배는 저녁에 떠난다.": ("배는 언제 떠나나?", "저녁에 섬으로 가는 것은?"),
}
"""Each passage with two queries that it answers."""


def examples() -> pl.DataFrame:
    """Queries, and the passages that answer them."""
    passages = [(f"passage-{at}", passage, True, None) for at, passage in enumerate(_TOLD)]
    queries = [
        (f"query-{at}-{number}", asked[number], False, [{"passage_id": f"passage-{at}", "grade": 1}])
        for number in range(2)
        for at, asked in enumerate(_TOLD.values())
    ]
    schema = {"id": pl.String, "text": pl.String, "passage": pl.Boolean, "relevant": relevance.column()}
    return pl.DataFrame(queries + passages, schema=schema, orient="row")


def corrupted() -> pl.DataFrame:
    """Rows each of which is wrong in its own way."""
    frame = examples()
    query, passage = frame.row(0, named=True), frame.row(frame.height - 1, named=True)
    known = query["relevant"][0]
    wrong: dict[str, list[Any]] = {"id": [None, " "], "text": [None, "\n"], "passage": [None]}
    rows = [passage | {name: value} for name, values in wrong.items() for value in values]
    rows.append(passage | {"relevant": [known]})
    rows += [query | {"relevant": relevant} for relevant in (None, [], [None], [known], [known, known])]
    rows += [query | {"relevant": [known | {"grade": grade}]} for grade in (None, 0, -1)]
    return pl.DataFrame(rows, schema=frame.schema)
