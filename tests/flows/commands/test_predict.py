"""`headwater predict`: one answer a row with its line, and no file lost to the answers."""

import gzip
import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from flows import cli
from flows.commands.predict import predict
from models.adapted.files import SETTLED, WAY
from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.downstream.classification import Classification
from models.downstream.pair import Pair
from models.errors import DataError, RecipeError
from models.transfer.finetune import Finetune


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adapted model, as small as one can be, that has learnt nothing."""
    folder = tmp_path_factory.mktemp("classifier")
    downstream = Classification(classes=("긍정", "부정"))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]")),
        pad_token="[PAD]",
        unk_token="[UNK]",
    )
    size = ModelConfig(hidden_size=32, layers=1, heads=2)
    from_scratch(downstream, tokenizer, size, dropout=0.0, seed=1).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    (folder / SETTLED).write_text(downstream.model_dump_json(), encoding="utf-8")
    (folder / WAY).write_text(Finetune().model_dump_json(), encoding="utf-8")
    return folder


ROWS = '{"text": "음악이 훌륭했다"}\n\nno json\n{"text": "지루했다"}\n{"title": "글이 없다"}\n'


@pytest.mark.parametrize("link", [False, True])
def test_the_file_with_the_rows_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: bool
) -> None:
    rows = out = tmp_path / "rows.jsonl"
    rows.write_text(ROWS, encoding="utf-8")
    if link:
        out = tmp_path / "out.jsonl"
        out.symlink_to(rows)
    assert cli.main(["predict", str(tmp_path), "--file", str(rows), "--out", str(out)]) == 2
    assert "is the file with the rows: give the answers a file of their own" in capsys.readouterr().err
    assert rows.read_text(encoding="utf-8") == ROWS


def test_each_row_of_a_file_has_an_answer_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Path
) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text(ROWS, encoding="utf-8")
    assert predict(str(classifier), [], rows, out) == 1
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [answer["line"] for answer in answers] == [1, 3, 4, 5]
    assert [answer.get("error") for answer in answers] == [None, "not JSON", None, "no text in field 'text'"]


def test_a_file_without_the_column_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Path
) -> None:
    (tmp_path / "rows.csv").write_text("title,team\n" + "the lift,keys\n" * 60, encoding="utf-8")
    assert cli.main(["predict", str(classifier), "--file", str(tmp_path / "rows.csv")]) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert "no text in field 'text' of any row; its columns are " in said.err and "title, team" in said.err


def test_a_text_alone_where_there_are_several_fields_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Path
) -> None:
    folder = shutil.copytree(classifier, tmp_path / "pair")
    (folder / SETTLED).write_text(Pair(classes=("0", "1")).model_dump_json(), encoding="utf-8")
    assert cli.main(["predict", str(folder), "where"]) == 2
    assert """give '{"text_a": "…", "text_b": "…"}', not the text 'where'""" in capsys.readouterr().err


def test_answers_that_break_off_leave_an_older_file_as_it_was(
    tmp_path: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, out = tmp_path / "rows.txt.gz", tmp_path / "out.jsonl"
    out.write_text("older\n")
    whole = gzip.compress("".join(f"글 {number}\n" for number in range(20_000)).encode())
    rows.write_bytes(whole[: len(whole) // 9])
    with pytest.raises(DataError, match="the gzip file is broken here"):
        predict(str(classifier), [], rows, out)
    assert out.read_text() == "older\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "rows.txt.gz"]


def test_answers_go_to_what_is_no_file_and_through_links_and_leave_both_as_they_are(
    tmp_path: Path, classifier: Path
) -> None:
    rows, link, real = tmp_path / "rows.txt", tmp_path / "link.jsonl", tmp_path / "real.jsonl"
    rows.write_text("좋다\n", encoding="utf-8")
    real.write_text("older\n")
    real.chmod(0o640)
    link.symlink_to(real)
    assert predict(str(classifier), [], rows, link) == 0
    assert link.is_symlink() and json.loads(real.read_text(encoding="utf-8"))["line"] == 1
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    pipe = tmp_path / "pipe"  # as /dev/null is, which no test may lose
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert predict(str(classifier), [], rows, pipe) == 0
    assert pipe.is_fifo() and json.loads(os.read(reader, 1000))["line"] == 1
    os.close(reader)


@pytest.mark.parametrize(("out", "reason"), [(".", "is a folder"), ("none/out.jsonl", "no such folder")])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, out: str, reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        predict("no-model", ["좋다"], None, tmp_path / out)


def test_a_file_that_is_not_there_is_named_with_what_named_it(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.csv: no such file; check --file"):
        predict("no-model", [], tmp_path / "none.csv", None)


def test_rows_without_a_character_are_answered_by_their_line(tmp_path: Path, classifier: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text("\n".join(json.dumps({"text": text}) for text in ("", " ", "좋다")), encoding="utf-8")
    assert predict(str(classifier), [], rows, out) == 1
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [answer.get("error") for answer in answers] == ["no text in field 'text'"] * 2 + [None]
    with pytest.raises(DataError, match="half a character in field 'text'"):
        predict(str(classifier), ['{"text": "\\ud800"}'], None, out)
