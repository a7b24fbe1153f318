"""What commands write reaches terminals that know no Korean, readers that go away, and nobody at all."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from flows import terminal

PROJECT = Path(__file__).parents[2]
ASCII = {"PYTHONIOENCODING": "ascii"}
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def ended(
    home: Path,
    *arguments: object,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
    **environment: str,
) -> "subprocess.CompletedProcess[bytes]":
    """How the command ends as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        env=os.environ | {"HEADWATER_HOME": str(home)} | environment,
        stdout=stdout,
        stderr=stderr,
        cwd=PROJECT,
        check=False,
    )


def test_a_terminal_gets_lines_that_break_at_words_and_a_file_whole_ones() -> None:
    text = f"the files of a model lie in /{'a' * 50}/model, and 음악이 훌륭했다 is one of its texts"
    at_terminal, in_file = (
        Console(file=io.StringIO(), width=40, force_terminal=is_terminal) for is_terminal in (True, False)
    )
    for console in (at_terminal, in_file):
        terminal.tell(console, text)
    lines = at_terminal.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(lines) > 2 and " ".join(line.strip() for line in lines) == text
    assert all(cell_len(line.rstrip()) <= 40 for line in lines if "aaa" not in line)
    assert in_file.file.getvalue() == f"{text}\n"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("environment", [PLAIN, ASCII | PLAIN, {"PYTHONIOENCODING": "latin-1"}], ids=str)
def test_what_an_encoding_lacks_is_escaped(tmp_path: Path, environment: dict[str, str]) -> None:
    done = ended(tmp_path, "plan", "없음.yaml", **environment)
    assert done.returncode == 2
    shown = "\\uc5c6\\uc74c.yaml" if "PYTHONIOENCODING" in environment else "없음.yaml"
    assert done.stderr.decode("utf-8").startswith(f"headwater: {shown}: no such recipe")


def test_json_is_json_in_every_encoding() -> None:
    code = "import json; from flows import terminal; terminal.prepare(); print(json.dumps('감정', ensure_ascii=False))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | ASCII, cwd=PROJECT, capture_output=True, check=True
    )
    assert json.loads(done.stdout.decode("ascii")) == "감정"


def unread() -> int:
    """A pipe whose reader has gone, as that of `| head` does."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_a_command_whose_reader_goes_away_ends_in_silence(tmp_path: Path) -> None:
    done = ended(tmp_path, "--help", stdout=unread())
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_error_that_nobody_reads_keeps_its_exit_code(tmp_path: Path) -> None:
    assert ended(tmp_path, "plan", "nothing.yaml", stderr=unread()).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file that is always full")
def test_output_that_does_not_fit_on_its_disk_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = ended(tmp_path, "--help", stdout=full)
    assert (done.returncode, done.stderr) == (1, b"headwater: standard output: No space left on device\n")


def test_closed_streams_are_no_error_and_no_file_takes_their_place(tmp_path: Path) -> None:
    command = f'exec "{sys.executable}" -m flows.cli --help >&- 2>&-'
    environment = os.environ | {"HEADWATER_HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, cwd=PROJECT, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
