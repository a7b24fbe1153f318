"""`headwater promote` and `headwater rollback`: a person's word on the champion, remembered."""

from pathlib import Path

import pytest

from flows import cli
from tasks.storage import connection
from tasks.storage.champions import CHAMPION, REASON, Champions
from tasks.storage.registry import ENTRY, RECIPE

NAME = "people-reviews"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered model of three versions, and one of somebody else's making."""
    folder = tmp_path_factory.mktemp("model")
    client = connection.client()
    client.create_registered_model(NAME, tags={RECIPE: "people", ENTRY: "reviews"})
    client.create_registered_model("theirs")
    for name in (NAME, NAME, NAME, "theirs"):
        client.create_model_version(name, str(folder))
    return NAME


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command ends with, and its exit code before it."""
    code = cli.main(arguments)
    captured = capsys.readouterr()
    return f"{code} {(captured.out or captured.err).strip()}"


def test_forth_and_back(three: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "rollback", three).startswith(f"2 headwater: {three} has had no other champion")
    assert said(capsys, "promote", three, "1") == f"0 version 1 of {three} is the champion"
    assert said(capsys, "promote", three, "3", "--reason", "names of places") == (
        f"0 version 3 of {three} is the champion in place of version 1"
    )
    assert said(capsys, "promote", three, "3") == f"0 version 3 of {three} is the champion already"
    assert connection.client().get_model_version(three, "3").tags[REASON] == "champion: names of places"
    assert said(capsys, "rollback", three) == f"0 version 1 of {three} is the champion in place of version 3"
    assert said(capsys, "rollback", three).startswith(f"0 version 1 of {three} is the champion already")
    history = [(item.version, item.by) for item in Champions(three).history]
    assert history == [("1", "promote"), ("3", "promote"), ("1", "rollback")]

    connection.client().set_registered_model_alias(three, CHAMPION, "2")
    assert said(capsys, "rollback", three) == f"0 version 1 of {three} is the champion in place of version 2"
    assert connection.client().get_model_version_by_alias(three, CHAMPION).version == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["promote", "people-review", "1"], "no registered model is named 'people-review': did you mean"),
        (["rollback", "nothing"], "no registered model is named 'nothing'"),
        (["promote", NAME, "9"], f"{NAME} has no version '9': there are 1, 2, 3"),
        (["promote", NAME, "one"], f"{NAME} has no version 'one'"),
        (["promote", "theirs", "1"], "'theirs' was made by somebody else"),
        (["rollback", "theirs"], "'theirs' was made by somebody else"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    three: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, *arguments)
    assert found.startswith("2 headwater: ") and message in found
    assert len(found.splitlines()) == 1


def test_a_champion_whose_files_are_gone_is_not_gone_back_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    client = connection.client()
    client.create_registered_model("people-gone", tags={RECIPE: "people", ENTRY: "gone"})
    for folder in (tmp_path / "gone", tmp_path):
        client.create_model_version("people-gone", str(folder))
    assert said(capsys, "promote", "people-gone", "1") == (
        "2 headwater: version 1 of people-gone cannot be used: its files are gone"
    )
    Champions("people-gone").crown("1", "run", "champion: the first")
    assert said(capsys, "promote", "people-gone", "2").startswith("0 ")
    assert "its files are gone; it was the champion before" in said(capsys, "rollback", "people-gone")


@pytest.mark.parametrize("asked", ["people-none", "people-none@champion", "models:/people-none@champion"])
def test_predict_says_of_a_model_without_champion_which_versions_it_has(
    asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connection.client()
    if not client.search_registered_models("name = 'people-none'"):
        client.create_registered_model("people-none", tags={RECIPE: "people", ENTRY: "none"})
        for _ in range(2):
            client.create_model_version("people-none", str(tmp_path))
    assert said(capsys, "predict", asked, "text") == (
        "2 headwater: people-none has no champion; it has versions 1, 2: `headwater promote people-none 2` makes one "
        "the champion, or ask models:/people-none/2"
    )
