"""The command line, as far as it answers before anything runs."""

import gzip
from pathlib import Path

import pytest

from flows import cli
from tests.support.recipes import SMALL, on_files, write, write_corpus, write_labelled


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write(
        tmp_path, on_files(write_corpus(tmp_path / "corpus.jsonl.gz"), write_labelled(tmp_path / "rows"))
    )


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    return captured.err.removeprefix("headwater: ").strip()


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "sed=1"], "did you mean 'seed'?"),
        (["--set", "seed=x"], "needs a whole number, not 'x'"),
        (["--set", "seed"], "dotted.path=value"),
        (["--only", "clasification"], "did you mean 'classification'?"),
        (["--set", "corpus.sources.0.paths=nothing.txt"], "nothing.txt: no such file"),
        (["--set", "upstreams.mlm.encode.sequence_length=900"], "beyond the model's 64 positions"),
    ],
    ids=str,
)
def test_what_is_wrong_before_the_first_step_ends_with_2(
    recipe: Path, command: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, str(recipe), *arguments]) == 2
    assert message in said(capsys)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "is empty"),
        ("plain.jsonl.gz", b'{"text": "no gzip"}\n', "not gzip at all"),
        ("empty.jsonl.gz", gzip.compress(b"", mtime=0), "empty when unpacked"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_2(
    recipe: Path, tmp_path: Path, name: str, content: bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert cli.main(["run", str(recipe), "--set", f"corpus.sources.0.paths={tmp_path / name}"]) == 2
    line = said(capsys)
    assert message in line
    assert name in line


def test_a_recipe_that_is_not_there_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", str(tmp_path / "nothing.yaml")]) == 2
    assert "no such recipe" in said(capsys)


def test_predict_without_anything_to_answer_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["predict", str(tmp_path)]) == 2
    assert said(capsys).startswith("nothing to answer: give a text or a JSON object after")


def test_predict_with_inputs_and_a_file_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "가"}\n', encoding="utf-8")
    assert cli.main(["predict", str(tmp_path), "나", "--file", str(rows)]) == 2
    assert said(capsys).startswith(f"there are inputs and --file {rows}: give one of the two")


def test_predict_of_a_file_without_rows_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows.write_text("\n\n", encoding="utf-8")
    assert cli.main(["predict", str(tmp_path), "--file", str(rows), "--out", str(out)]) == 2
    assert said(capsys) == f"nothing to answer: {rows} holds no rows"
    assert not out.exists()


def test_up_outside_the_project_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["up"]) == 2
    assert "no prefect.yaml here" in said(capsys)


def test_an_unknown_command_ends_with_2() -> None:
    with pytest.raises(SystemExit) as error:
        cli.main(["rnu"])
    assert error.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "r.yaml", "--set", "a=1", "b=2"],
        ["run", "--set", "a=1", "--set", "b=2", "r.yaml"],
        ["run", "--set", "a=1", "b=2", "r.yaml"],
    ],
    ids=" ".join,
)
def test_settings_may_follow_one_set_or_have_one_each(arguments: list[str]) -> None:
    options = cli._parser().parse_args(cli._repeat_set(arguments))
    assert (options.recipe, options.set) == (Path("r.yaml"), ["a=1", "b=2"])


@pytest.mark.parametrize("command", ["run", "plan", "up"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"headwater {command}" in capsys.readouterr().out.split("example", 1)[1]


def test_plan_shows_every_step_and_runs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(write(tmp_path, SMALL))]) == 0
    table = capsys.readouterr().out
    for step in (
        "ingest",
        "validate",
        "split",
        "tokenizer",
        "encode",
        "pretrain",
        "adapt",
        "score",
        "report",
    ):
        assert step in table
    assert "hit" not in table
    assert "steps to run" in table
