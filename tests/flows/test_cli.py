"""The command line, as far as it answers before anything runs."""

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows import cli
from models.errors import HeadwaterError
from tests.support.recipes import SMALL, on_files, write, write_corpus, write_labelled

PROJECT = Path(__file__).parents[2]


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
        (["--set", "corpus.sources.0.paths=nothing.txt"], "corpus.sources: nothing.txt: no such file"),
        (["--set", "corpus.sources.0.paths=http://127.0.0.1:9/a.txt"], "a.txt: its store does not answer"),
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
    for name in ("bad.yaml", "prefect.yaml", "night.prefect.yaml"):
        (tmp_path / name).touch()
    assert cli.main(["run", str(tmp_path / "nothing.yaml")]) == 2
    line = said(capsys)
    assert "no such recipe: known are " in line and "ask.yaml, bad.yaml, demo.yaml" in line
    assert "prefect.yaml" not in line


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """The address of a server that is not Prefect's."""
    (tmp_path / "health.html").write_text("<html></html>")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PREFECT_API_URL", "http://user:word@127.0.0.1:9/api", "nobody answers at http://127.0.0.1:9/api ("),
        ("PREFECT_API_URL", "127.0.0.1:4200/api", "nobody answers at 127.0.0.1:4200/api (unknown url type"),
        (
            "PREFECT_API_URL",
            "http://[/api",
            "nobody answers at http://[/api (Invalid IPv6 URL); start that server",
        ),
        (
            "all_proxy",
            "socks5h://127.0.0.1:9",
            "socks5h://127.0.0.1:9 needs the package socksio: pip install",
        ),
        (
            "HEADWATER_HOME",
            "/dev/null",
            "the home folder /dev/null: File exists; set HEADWATER_HOME to another",
        ),
        ("HEADWATER_HOME", "/dev/null/x", "the home folder /dev/null/x: Not a directory; set HEADWATER_HOME"),
        (
            "HEADWATER_HOME",
            "what?",
            "addresses of databases take no '?' or control character; set HEADWATER_HOME",
        ),
    ],
    ids=str,
)
def test_a_variable_that_cannot_be_used_ends_with_2(
    recipe: Path,
    name: str,
    value: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert cli.main(["run", str(recipe)]) == 2
    line = said(capsys)
    assert message in line and name in line


def test_an_address_of_prefect_that_is_a_page_ends_with_2(
    recipe: Path, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"{page}/health.html?")
    assert cli.main(["run", str(recipe)]) == 2
    *_, line = capsys.readouterr().err.splitlines()  # the server says who asks, too
    assert line.endswith("is a page; the address of an API ends with /api")


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


@pytest.mark.parametrize("command", ["up", "deploy"])
def test_nothing_is_deployed_from_outside_the_project(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([command]) == 2
    assert "no prefect.yaml here" in said(capsys)


def test_deploy_without_a_server_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    assert cli.main(["deploy"]) == 2
    assert said(capsys).startswith("PREFECT_API_URL names no server: set it to the address of one")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert cli.main(["deploy"]) == 2
    assert "nobody answers at http://127.0.0.1:9/api" in said(capsys)


def test_schedules_that_were_on_go_on_where_a_file_cannot_be_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.commands import deploying

    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    active = {"weekly": True, "nightly": False}

    def schedules() -> list[tuple[tuple[str, str], str, str, bool]]:
        return [((f"flow/{name}", "cron"), name, name, is_on) for name, is_on in active.items()]

    def refused(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        active.update(weekly=False)  # as Prefect does
        return subprocess.CompletedProcess(command, 1, "", "no such entry point")

    class Client:
        def __enter__(self) -> "Client":
            return self

        def __exit__(self, *_: object) -> None: ...

        def update_deployment_schedule(self, deployment: str, _: str, **changed: bool) -> None:
            active[deployment] = changed["active"]

    monkeypatch.setattr(deploying, "schedules", schedules)
    monkeypatch.setattr(deploying, "get_client", lambda **_: Client())
    monkeypatch.setattr(deploying.subprocess, "run", refused)
    with pytest.raises(HeadwaterError, match=r"prefect\.yaml could not be deployed; see .*deploy\.log"):
        deploying.deploy()
    assert active == {"weekly": True, "nightly": False}


def test_ports_that_cannot_be_listened_on_end_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert cli.main(["up", "--prefect-port", port]) == 2
        assert said(capsys).startswith(
            f"port {port} is in use: stop what listens there, or name another with --pref"
        )
        assert cli.main(["up", "--prefect-port", port, "--mlflow-port", port]) == 2
        assert said(capsys) == f"both servers cannot listen on port {port}: name another with --mlflow-port"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "no such command 'rnu'. Did you mean 'run'? (see headwater --help)"),
        (["--verison"], "no such option: --verison (Possible options: --version) (see headwater --help)"),
        (["run"], "missing argument 'RECIPE' (see headwater run --help)"),
        (["run", "a.yaml", "b.yaml"], "got unexpected extra argument(s) (b.yaml) (see headwater run --help)"),
        (["plan", "a.yaml", "--jsn"], "no such option: --jsn (Possible options: --json"),
        (["plan", "a.yaml", "--only"], "option '--only' requires an argument (see headwater --help)"),
        (["up", "--mlflow-port", "x"], "invalid value for '--mlflow-port': Input should be a valid integer"),
        (["up", "--prefect-port", "70000"], "invalid value for '--prefect-port': Input should be less than"),
        (["up", "--mlflow-port", "0"], "invalid value for '--mlflow-port': Input should be greater than"),
        (["trace", "3f2a91c07b1e"], "missing argument 'ROW_ID' (see headwater trace --help)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_command_line_is_answered_in_one_line_and_ends_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert said(capsys).startswith(message)


@pytest.mark.parametrize(
    "settings",
    [
        ["RECIPE", "--set", "seed=a", "threads=b"],
        ["--set", "seed=a", "--set", "threads=b", "RECIPE"],
        ["--set", "seed=a", "threads=b", "RECIPE"],
        ["--set=seed=a", "RECIPE", "--set=threads=b"],
    ],
    ids=" ".join,
)
def test_settings_may_follow_one_set_or_have_one_each(
    recipe: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", *(str(recipe) if item == "RECIPE" else item for item in settings)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "headwater: --set seed: needs a whole number, not 'a'",
        "headwater: --set threads: needs a whole number, not 'b'",
    ]


def test_only_may_be_given_more_than_once(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(recipe), "--only", "ingest", "--only", "tokenizer, split", "--json"]) == 0
    steps = {row["name"].split()[0].split("/")[0] for row in json.loads(capsys.readouterr().out)["steps"]}
    assert steps == {"ingest", "validate", "split", "tokenizer"}


@pytest.mark.parametrize("command", [[], ["run"], ["plan"], ["up"], ["predict"], ["trace"]], ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_has_examples_and_fits_80_columns(
    command: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, option]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("  Examples:") + 1
    assert lines[start].startswith(f"    headwater {' '.join(command)}")
    assert max(columns(line) for line in lines) <= 80


def columns(line: str) -> int:
    """How wide a line is in a terminal, where Korean letters take two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def test_without_a_command_it_shows_help_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    project = tomllib.loads(PROJECT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"headwater {project['version']}\n"


def test_a_shell_completes_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_HEADWATER_COMPLETE", "complete_bash")
    for words, completed in (("headwater pred", ["predict"]), ("headwater run --o", ["--only", "--on"])):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        with pytest.raises(SystemExit) as ended:
            cli.main([])
        assert ended.value.code == 0
        assert capsys.readouterr().out.split() == completed


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"pydantic", "rich", "numpy", "torch", "prefect", "mlflow"}),
        (["run", "--hlep"], {"numpy", "torch", "prefect", "mlflow"}),
        (["run", "nothing.yaml"], {"torch", "prefect", "mlflow"}),
    ],
    ids=["help", "mistyped", "missing"],
)
def test_what_needs_no_heavy_library_is_answered_without_one(
    arguments: list[str], absent: set[str], tmp_path: Path
) -> None:
    code = "import sys; from flows import cli; cli.main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "HEADWATER_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not absent & set(done.stdout.split())


def test_plan_shows_every_step_and_runs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(write(tmp_path, SMALL)), "--no-probe"]) == 0
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
