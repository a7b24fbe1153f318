"""What a recipe names on the hub stays at the commit that was found, is shown, and needs no network afterwards."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from flows.commands.why import said_of
from models import hub, pretrained
from models.errors import DataError, NetworkError, RecipeError
from tasks.sources.hub import Hub
from tasks.storage.changes import Change

OLD, NEW, TAGGED = "a" * 40, "b" * 40, "c" * 40


class HubServer:
    """A hub with one model and one data set, whose main branch can move."""

    def __init__(self) -> None:
        self.branches = {"main": OLD, "v1": TAGGED}
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = self.path.strip("/").split("/")
                if parts[0] == "api" and parts[2:4] == ["org", "name"]:
                    revision = parts[5] if len(parts) > 5 else "main"
                    commit = ours.branches.get(revision)
                    error = {} if commit else {"X-Error-Code": "RevisionNotFound"}
                    self.answer(
                        200 if commit else 404, {"id": "org/name", "sha": commit, "siblings": []}, error
                    )
                elif parts[:3] == ["org", "name", "resolve"] and parts[4] == "config.json":
                    marks = {"X-Repo-Commit": parts[3], "ETag": f'"{parts[3]}"'}
                    self.answer(200, {"model_type": "bert", "commit": parts[3]}, marks)
                else:
                    self.answer(404, {"error": "none"}, {"X-Error-Code": "RepoNotFound"})

            do_HEAD = do_GET

            def answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    made = HubServer()
    url = f"http://127.0.0.1:{made.server.server_address[1]}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    hub.forget()
    yield made
    made.server.shutdown()
    made.server.server_close()
    hub.forget()


def again() -> None:
    """As the next run asks."""
    hub.forget()


def test_what_says_nothing_stays_at_its_first_commit_and_a_branch_is_followed(server: HubServer) -> None:
    source, branch = Hub(dataset="org/name"), Hub(dataset="org/name", revision="main")
    assert source.identity()["revision"] == branch.identity()["revision"] == OLD
    assert pretrained.content("org/name") == f"org/name@{OLD}" == pretrained.content("org/name@main")
    assert pretrained.content("org/name@v1") == f"org/name@{TAGGED}"
    server.branches["main"] = NEW
    again()
    assert (source.identity()["revision"], branch.identity()["revision"]) == (OLD, NEW)
    assert (pretrained.content("org/name"), pretrained.content("org/name@main")) == (
        f"org/name@{OLD}",
        f"org/name@{NEW}",
    )
    assert str(source.pins()[0]) == (
        "dataset org/name: commit aaaaaaaaaaaa; its branch has moved to bbbbbbbbbbbb since (write revision: main to "
        "follow it)"
    )
    assert "write org/name@main" in str(hub.pinned("model", "org/name"))
    assert source.origins()[0]["sha256"] == OLD


def test_without_network_the_commit_of_the_last_run_holds(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, branch = Hub(dataset="org/name"), Hub(dataset="org/name", revision="main")
    assert source.identity() == {**branch.identity()}
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    again()
    assert source.identity()["revision"] == branch.identity()["revision"] == OLD
    source.check()
    with pytest.raises(NetworkError, match="model org/other: the hub cannot be asked"):
        hub.pinned("model", "org/other")


def test_a_model_is_read_at_its_commit(server: HubServer) -> None:
    assert pretrained.settings("org/name")["commit"] == OLD
    server.branches["main"] = NEW
    again()
    assert [
        pretrained.settings(name)["commit"] for name in ("org/name", "org/name@main", f"org/name@{TAGGED}")
    ] == [
        OLD,
        NEW,
        TAGGED,
    ]


def test_names_and_revisions_that_are_not_there_are_told(server: HubServer) -> None:
    with pytest.raises(DataError, match="there is no model org/none on the hub"):
        hub.pinned("model", "org/none")
    with pytest.raises(RecipeError, match=r"org/name: the hub cannot say .* no such revision"):
        Hub(dataset="org/name", revision="none").check()


def test_why_names_a_branch_that_moved() -> None:
    assert said_of(Change("field", "sources.0.revision", OLD, NEW)) == (
        "field sources.0.revision: the hub's branch moved, aaaaaaaaaaaa -> bbbbbbbbbbbb"
    )
    assert "branch moved" in said_of(Change("field", "pretrained", f"org/name@{OLD}", f"org/name@{NEW}"))
    assert "branch moved" not in said_of(Change("field", "pretrained", f"org/name@{OLD}", f"org/other@{NEW}"))
