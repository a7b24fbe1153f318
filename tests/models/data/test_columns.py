"""Canonical columns made of others: one, a field inside one, several as one text, or a template."""

from typing import Any

import pytest

from models.data import columns
from models.data.columns import Made

ROW: dict[str, Any] = {
    "subject": "No sound",
    "body": "The speaker is mute.",
    "empty": " ",
    "year": 2024,
    "share": float("nan"),
    "doc": {"body": "inside", "tags": ["a", "b"]},
    "doc.body": "a dot in the name",
    "meta.x": {"y": 1},
    "messages": [{"content": "first"}, {"content": "last"}],
    "{odd}": "braces in the name",
}


@pytest.mark.parametrize(
    ("made", "value"),
    [
        ("subject", "No sound"),
        (("subject", "body"), "No sound\nThe speaker is mute."),
        (("subject", "empty", "none", "share", "body"), "No sound\nThe speaker is mute."),
        ("{subject}\n\n{body} ({year})", "No sound\n\nThe speaker is mute. (2024)"),
        ("{none}: {body}", ": The speaker is mute."),
        ("{{{subject}}}", "{No sound}"),
        (("{year}: {subject}", "body"), "2024: No sound\nThe speaker is mute."),
        ("doc.body", "a dot in the name"),
        ("doc.tags.1", "b"),
        ("meta.x.y", 1),
        ("messages.0.content", "first"),
        ("messages.-1.content", "last"),
        ("messages.2.content", None),
        ("messages.x.content", None),
        ("{odd}", "braces in the name"),
        (("{odd}",), "braces in the name"),
        ("{messages.0.content} / {messages.1.content}", "first / last"),
        (("empty", "none"), None),
        ("{empty}: {none}", None),
        (("subject", "messages"), ROW["messages"]),  # no text: whoever checks the row says so
        ("year", 2024),
    ],
)
def test_what_a_column_is_made_of(made: Made, value: Any) -> None:
    assert columns.value(ROW, made) == value


@pytest.mark.parametrize(
    "made", ["a.b", ("subject", "doc.title"), "{messages.1.content}: {messages.0.role}", "doc.body", "plain"]
)
def test_an_example_is_a_row_with_a_text_in_each_of_them(made: Made) -> None:
    row = columns.example(made, "글")
    assert all(columns.value(row, name) == "글" for name in columns.names(made))
    assert list(columns.unknown(made, list(columns.paths(row)))) == []


def test_names_that_a_file_does_not_have() -> None:
    assert list(columns.unknown(("subject", "{year} {bdy}", "doc.body"), ["subject", "year"])) == [
        "bdy",
        "doc.body",
    ]
    assert list(columns.unknown("doc.body", ["doc"], nested=True)) == []
    assert list(columns.unknown("{odd}", ["{odd}"])) == []
