"""CoNLL files of any layout and scheme: every sentence is a row or set aside, entities are where their words are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.errors import RecipeError
from tasks.reading.source import Record, Rejected
from tasks.sources.conll import Conll

Read = Callable[..., list[Record | Rejected]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str, recognised: bool = False, **settings: Any) -> list[Record | Rejected]:
        path = tmp_path / "train.conll"
        path.write_text(text, encoding="utf-8")
        source = Conll.recognises(path) if recognised else Conll(paths=(str(path),), **settings)
        assert source is not None
        source.check()
        return list(source.read())

    return read


def named(item: Record | Rejected) -> list[tuple[str, str]]:
    assert isinstance(item, Record), item
    text = item.fields["text"]
    return [(text[found["start"] : found["end"]], found["type"]) for found in item.fields["entities"]]


def sentence(tags: str) -> str:
    return "".join(f"w{at} {tag}\n" for at, tag in enumerate(tags.split())) + "\n"


CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
New NNP B-NP B-LOC
York NNP I-NP I-LOC
# NN B-NP O

-DOCSTART- -X- -X- O

# NN B-NP O
Peter NNP B-NP B-PER
"""


@pytest.mark.parametrize("recognised", [False, True])
def test_conll_2003_is_read_without_a_setting(read: Read, recognised: bool) -> None:
    first, second = read(CONLL_2003, recognised)
    assert isinstance(first, Record) and first.fields["text"] == "EU rejects New York #"
    assert named(first) == [("EU", "ORG"), ("New York", "LOC")]
    assert (
        isinstance(second, Record)
        and second.fields["text"] == "# Peter"
        and named(second) == [("Peter", "PER")]
    )
    assert (first.line, second.line, first.group) == (3, 11, "")


def test_sentences_of_a_document_can_be_kept_together(read: Read) -> None:
    assert [item.group for item in read(CONLL_2003, documents=True) if isinstance(item, Record)] == [
        "train.conll:1",
        "train.conll:2",
    ]


CONLLU = """# sent_id = s-7
# text = Don't go to Seoul.
1-2\tDon't\t_\t_
1\tDo\tO\tSpaceAfter=No
2\tn't\tO\t_
3\tgo\tO\t_
4\tto\tO\t_
5\tSeoul\tB-LOC\tLemma=x|SpaceAfter=No
6\t.\tO\t_

"""


@pytest.mark.parametrize("recognised", [False, True])
def test_columns_of_another_order_with_comments_ids_and_spaces(read: Read, recognised: bool) -> None:
    (row,) = read(CONLLU, recognised, token=1, tag=2, separator="\t")
    assert isinstance(row, Record) and row.fields["id"] == "s-7" and row.line == 4
    assert row.fields["text"] == "Don't go to Seoul." and named(row) == [("Seoul", "LOC")]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A B-A I-B", None),  # IOB2, in which the last is malformed
        ("B-A I-A O B-A B-B I-B", ["w0 w1 A", "w3 A", "w4 w5 B"]),
        ("I-A I-A B-A O I-B I-A", ["w0 w1 A", "w2 A", "w4 B", "w5 A"]),  # IOB1
        ("B-A I-A E-A S-B O S-A", ["w0 w1 w2 A", "w3 B", "w5 A"]),
        ("B-A I-A L-A U-B O U-A", ["w0 w1 w2 A", "w3 B", "w5 A"]),
        ("I-A I-A O I-B I-A", ["w0 w1 A", "w3 B", "w4 A"]),
    ],
)
def test_schemes_are_told_apart_by_their_tags(read: Read, tags: str, expected: list[str] | None) -> None:
    (row,) = read(sentence(tags))
    if expected is None:
        assert isinstance(row, Rejected) and (row.line, row.reason) == (6, "I- continues no entity")
    else:
        assert [" ".join(item) for item in named(row)] == expected


def test_types_alone_are_a_scheme_too(read: Read) -> None:
    (row,) = read("w0 PER\nw1 PER\nw2 O\nw3 LOC\n", scheme="io")
    assert [" ".join(item) for item in named(row)] == ["w0 w1 PER", "w3 LOC"]


GOOD = sentence("B-A I-A O") * 3


@pytest.mark.parametrize(
    ("bad", "scheme", "line", "reason"),
    [
        ("w0 O\nw1 I-A\n", None, 14, "I- continues no entity"),
        ("w0 B-A\nw1 I-B\n", None, 14, "I- continues no entity"),
        ("w0 O\nw1\n", None, 14, "too few columns"),
        ("w0 O\nw1 X-A\n", None, 14, "not a BIO tag"),
        ("w0 B-A\nw1 O\n", "bioes", 14, "B- is not ended"),
        ("w0 O\nw1 B-A\n", "bioes", 14, "B- is not ended"),
        ("w0 O\nw1 E-A\n", "bioes", 14, "E- ends no entity"),
    ],
)
def test_a_malformed_line_sets_its_sentence_aside_with_its_line(
    read: Read, bad: str, scheme: Any, line: int, reason: str
) -> None:
    whole = (
        (GOOD.replace("I-A", "E-A") if scheme else GOOD) + bad + "\n" + sentence("S-A" if scheme else "B-A")
    )
    found = read(whole, scheme=scheme)
    assert [type(item) for item in found] == [Record] * 3 + [Rejected, Record]
    assert isinstance(rejected := found[3], Rejected)
    assert (rejected.line, rejected.reason, rejected.raw) == (line, reason, bad.strip())


@pytest.mark.parametrize("text", ["id,text\n1,a\n", "word\nalone\n", "\n\n", "this is\nprose\n"])
def test_another_format_is_refused(read: Read, text: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"train\.conll, line 1: a file of conll has|no sentence|is empty"):
        read(text)
    assert Conll.recognises(tmp_path / "train.conll") is None


def test_words_without_spaces_between_them(read: Read) -> None:
    (row,) = read("서\tB-LOC\n울\tI-LOC\n에\tO\n", joiner="", separator="\t")
    assert isinstance(row, Record) and row.fields["text"] == "서울에" and named(row) == [("서울", "LOC")]
