"""KLUE-NER: every sentence is read or set aside, and no entity is lost or moved on the way to a model and back."""

import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from transformers import PreTrainedTokenizerBase

from models.data import schemas as checked
from models.data.ingestion import Ingestion
from models.downstream.ner import NamedEntities
from models.errors import RecipeError
from models.tokens.tokenizer import TokenizerConfig, load_tokenizer, wrap
from models.tokens.tokenizer_training import train as train_tokenizer
from tasks.reading.source import Record, Rejected
from tasks.sources.klue_ner import KlueNer

HEAD = ["## 토큰, 레이블 구분자 : \\t", "## 컬럼명 : CHAR\tNE_TAG"]
FIRST = ["## 가-1\t<강 너머:LC> #", "강\tB-LC", " \tI-LC", "너\tI-LC", "머\tI-LC", " \tO", "#\tO", ""]
SECOND = ["## 가-2\t<민수:PS><지우:PS>", "민\tB-PS", "수\tI-PS", "지\tB-PS", "우\tI-PS", ""]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Record | Rejected]]:
    """Rows of a file with these lines."""

    def read(*lines: str | bytes, end: bytes = b"\n") -> list[Record | Rejected]:
        raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
        path = tmp_path / "train.tsv"
        path.write_bytes(end.join([*raw, b""]))
        source = KlueNer(train=str(path))
        source.check()
        return list(source.read())

    return read


def row(name: str, line: int, text: str, *entities: tuple[int, int, str]) -> Record:
    found = [{"start": start, "end": end, "type": kind} for start, end, kind in entities]
    return Record({"id": name, "text": text, "entities": found}, "train.tsv", line, "train")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_sentences_are_put_together_from_their_characters(read: Callable, end: bytes) -> None:
    assert read(*HEAD, *FIRST, *SECOND, end=end) == [
        row("가-1", 3, "강 너머 #", (0, 4, "LC")),
        row("가-2", 11, "민수지우", (0, 2, "PS"), (2, 4, "PS")),
    ]


def test_the_last_sentence_needs_no_blank_line_and_a_comment_begins_another(read: Callable) -> None:
    found = read(*HEAD, *FIRST[:-1], *SECOND[:-1])
    assert [(item.fields["id"], item.line) for item in found] == [("가-1", 3), ("가-2", 10)]


def test_an_odd_space_and_a_tab_are_characters(read: Callable) -> None:
    found = read("## 가\t.", "가\tO", "\u3000\tO", "\t\tB-QT", "\u2028\tI-QT")
    assert found == [row("가", 1, "가\u3000\t\u2028", (2, 4, "QT"))]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("강 O", "no tab"),
        ("강산\tO", "not one character"),
        ("\tO", "not one character"),
        ("강\tX-LC", "not a BIO tag"),
        ("강\tB-", "not a BIO tag"),
        ("강\tI-LC", "I- continues no entity"),
        (b"\xb0\xad\tO", "not UTF-8"),
    ],
)
def test_a_malformed_line_sets_its_sentence_aside(read: Callable, line: str | bytes, reason: str) -> None:
    first, second = read(*HEAD, "## 가-1\t산강이", "산\tB-PS", line, "이\tO", "", *SECOND)
    raw = line if isinstance(line, str) else line.decode("utf-8", "backslashreplace")
    whole = f"## 가-1\t산강이\n산\tB-PS\n{raw}\n이\tO"
    assert first == Rejected("train.tsv", 5, "", reason, whole, "가-1")
    assert second.fields["id"] == "가-2"


def test_what_is_not_a_whole_sentence_is_set_aside(read: Callable) -> None:
    found = read(
        *HEAD, *FIRST, "강\tO", "", "## 가-3\t비었다", "", "## 한마디", "", "## 가-4\t비었다", *SECOND
    )
    assert [(item.line, item.reason, item.id) for item in found if isinstance(item, Rejected)] == [
        (11, "no comment with an id", ""),
        (13, "no characters", "가-3"),
        (17, "no characters", "가-4"),
    ]
    assert [item.fields["id"] for item in found if isinstance(item, Record)] == ["가-1", "가-2"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id\tdocument\tlabel"], "line 1: .*no comment at the head"),
        ([*HEAD, "강산\tO"], "line 3: .*not one character"),
        ([*HEAD, "", "서울 LC"], "line 4: .*no tab"),
        (HEAD, "only comments"),
    ],
)
def test_another_format_is_refused(read: Callable, lines: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read(*lines)


def test_sentences_without_entities_are_rows_too(read: Callable, tmp_path: Path) -> None:
    """Also where a whole batch has none, so that nothing tells what an entity is made of."""
    work = tmp_path / "work"
    work.mkdir()
    items = [item for lines in (["## 가\t강", "강\tO"], SECOND) for item in read(*lines)]
    Ingestion(False, None, work).run(items, tmp_path)
    frame = pl.read_parquet(tmp_path / "rows.parquet")
    for rows in (frame, frame[:1]):
        kept, bad = checked.check(rows, NamedEntities().schema())
        assert bad.is_empty() and kept["entities"].list.len().to_list() == [0, 2][: rows.height]


def published() -> tuple[KlueNer, dict[str, Path]]:
    folder = Path(os.environ["HEADWATER_DATA"]) / "ner" / "klue-ner"
    names = {"train": "train", "validation": "dev", "test": "test"}
    paths = {part: folder / f"klue-ner_{name}.tsv" for part, name in names.items()}
    source = KlueNer.model_validate({part: str(path) for part, path in paths.items()})
    source.check()
    return source, paths


@pytest.mark.real
def test_the_published_files_are_read_whole() -> None:
    source, paths = published()
    found = list(source.read())
    counts = Counter((type(item), item.part) for item in found if isinstance(item, Record))
    assert counts == {(Record, "train"): 3_379, (Record, "validation"): 423, (Record, "test"): 434}
    assert len(found) == counts.total()
    lines = {path.name: path.read_text(encoding="utf-8").split("\n") for path in paths.values()}
    compared = 0
    for item in found:
        assert isinstance(item, Record)
        name, sentence = lines[item.file][item.line - 1].removeprefix("## ").split("\t", 1)
        assert item.fields["id"] == name
        text = item.fields["text"]
        if "<" in text or ">" in text:
            continue
        compared += 1
        assert re.sub(r"<([^<>]*):[A-Z]{2}>", r"\1", sentence) == text
        marked = [(found[1], found[2]) for found in re.finditer(r"<([^<>]*):([A-Z]{2})>", sentence)]
        read = [(text[span["start"] : span["end"]], span["type"]) for span in item.fields["entities"]]
        assert read == marked
    assert compared > 4_000


def real_tokenizer(kind: str, rows: pl.DataFrame) -> PreTrainedTokenizerBase:
    if kind == "e5":
        folder = os.environ.get("HEADWATER_MODELS")
        if not folder:
            pytest.skip("HEADWATER_MODELS does not name the folder with the models")
        return load_tokenizer(f"{folder}/multilingual-e5-small-ko")
    texts = rows["text"].to_list()
    return wrap(train_tokenizer(TokenizerConfig(vocabulary=8000), lambda: [texts]))


@pytest.mark.real
@pytest.mark.parametrize("max_length", [128, 48], ids=["whole", "windows"])
@pytest.mark.parametrize("kind", ["wordpiece", "e5"])
def test_every_published_entity_comes_back_exactly(kind: str, max_length: int) -> None:
    items = [item for item in published()[0].read() if isinstance(item, Record)]
    frame = pl.DataFrame([{**item.fields, "file": item.file, "line": item.line} for item in items])
    frame = frame.with_columns(part=pl.lit(""), group=pl.lit(""))
    rows, bad = checked.check(frame, NamedEntities().schema())
    assert bad.is_empty() and rows.height == 4_236
    downstream = NamedEntities(max_length=max_length, stride=16).settle(rows)
    assert downstream.types == ("DT", "LC", "OG", "PS", "QT", "TI")
    features = downstream.encode(real_tokenizer(kind, rows), rows, labelled=True)
    assert max(len(feature.input_ids) for feature in features) <= max_length
    assert (len(features) > rows.height) == (max_length < 128)
    predictions = downstream.decode([downstream.oracle(item) for item in features], features, rows)
    assert predictions["id"].equals(rows["id"])
    got = [
        [{name: item[name] for name in ("start", "end", "type")} for item in row]
        for row in predictions["entities"].to_list()
    ]
    assert got == rows["entities"].to_list()
    assert downstream.evaluate(rows, predictions)["entity_f1"] == 1.0
