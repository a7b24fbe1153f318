"""Rows with answers are checked."""

import polars as pl

from models.data import schemas as checked
from models.downstream.qa import QuestionAnswering


def test_rows_that_fail_are_named_with_their_reason_and_the_others_kept() -> None:
    good = QuestionAnswering().examples().row(0, named=True)
    bad = [
        ("answers: not in the context at its start", {"answers": [{"start": 1, "text": "도서관은"}]}),
        ("answers: no answer, for which there is 'unanswerable: true'", {"answers": []}),
        ("answers: missing", {"answers": None}),
        ("context: empty", {"context": " "}),
    ]
    rows = [good] + [good | {"id": str(number)} | change for number, (_, change) in enumerate(bad)]
    place = {"file": "a.json", "line": 1, "part": "", "group": ""}
    frame = pl.DataFrame(
        [row | place for row in rows], schema_overrides=QuestionAnswering().examples().schema
    )
    kept, quarantine = checked.check(frame, QuestionAnswering().schema())
    assert kept["id"].to_list() == [good["id"]]
    found = dict(
        zip(quarantine["id"], zip(quarantine["field"], quarantine["reason"], strict=True), strict=True)
    )
    assert {name: f"{field}: {reason}" for name, (field, reason) in found.items()} == {
        str(number): reason for number, (reason, _) in enumerate(bad)
    }
