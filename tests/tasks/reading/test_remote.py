"""Files on other machines: read like local ones, known by content, fetched again only when their store says so."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import zstandard

from models.errors import NetworkError, RecipeError
from tasks.reading import remote
from tasks.reading.source import Record, Rejected, read_all
from tasks.sources.files import Files
from tasks.sources.nsmc import Nsmc

ROWS = "".join(
    json.dumps({"text": f"글 {number}", "label": number % 2}, ensure_ascii=False) + "\n"
    for number in range(5)
)


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    remote.forget()


class Web:
    """A server of files with, or without, what tells that they have changed; it counts what is asked."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.asked: Counter[str] = Counter()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked[self.command] += 1
                data, marks = web.files.get(self.path.partition("?")[0], (None, {}))
                status = 404 if data is None else int(marks.get("status", 200))
                self.send_response(status)
                self.send_header("Content-Length", str(len(data or b"")))
                for name, value in marks.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data or b"")

            do_HEAD = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    import boto3  # takes longer than any of these tests
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="data")
        yield client
    server.stop()


def texts(source: Any) -> list[str]:
    remote.forget()
    source.check()
    found = list(read_all([source]))
    assert not [item for item in found if isinstance(item, Rejected)]
    return [item.fields["text"] for item in found if isinstance(item, Record)]


def test_an_object_of_s3_is_read_like_a_file_and_has_its_identity(s3: Any, tmp_path: Path) -> None:
    packed = zstandard.ZstdCompressor().compress(ROWS.encode())
    (tmp_path / "b.jsonl.zst").write_bytes(packed)
    for key in ("own/b.jsonl.zst", "own/a.jsonl.zst"):
        s3.put_object(Bucket="data", Key=key, Body=packed)
    source, local = Files(paths=("s3://data/own/b.jsonl.zst",)), Files(paths=(str(tmp_path / "b.jsonl.zst"),))
    assert texts(source) == texts(local) == [f"글 {number}" for number in range(5)]
    assert source.identity() == local.identity()
    whole = Files(paths=("s3://data/own/*.zst",))
    assert len(texts(whole)) == 10
    names: list[tuple[str, str]] = []
    list(read_all([whole], lambda name, path: names.append((name, f"{path}"))))
    assert names == [(f"{name}.jsonl.zst", f"s3://data/own/{name}.jsonl.zst") for name in "ab"]
    s3.put_object(
        Bucket="data", Key="own/b.jsonl.zst", Body=zstandard.ZstdCompressor().compress(b'{"text": "new"}\n')
    )
    assert texts(source) == ["new"] and source.identity() != local.identity()


@pytest.mark.parametrize("path", ["s3://data/none.csv", "s3://no-such-bucket/a.csv", "s3://data/none/*.csv"])
def test_what_is_not_in_the_store_is_one_line(s3: Any, path: str) -> None:
    with pytest.raises(RecipeError, match=r"^s3://\S+: no such file") as caught:
        Files(paths=(path,)).check()
    assert "\n" not in str(caught.value)


def test_a_file_with_an_etag_is_fetched_once_until_it_changes(web: Web) -> None:
    web.files["/rows.jsonl"] = (ROWS.encode(), {"ETag": '"one"'})
    source = Files(paths=(f"{web.url}/rows.jsonl",), columns={"text": "text"})
    for _ in range(3):
        assert len(texts(source)) == 5
    assert web.asked["GET"] == 1 and web.asked["HEAD"] >= 3
    web.files["/rows.jsonl"] = (b'{"text": "new"}\n', {"ETag": '"two"'})
    assert texts(source) == ["new"] and web.asked["GET"] == 2
    (kept,) = (path for path in remote._cache().glob("*/rows.jsonl") if path.read_text() != ROWS)
    kept.write_text('{"text": "bent"}\n')
    assert texts(source) == ["new"] and web.asked["GET"] == 3


def test_a_file_of_which_nothing_is_said_is_read_each_time(web: Web) -> None:
    web.files["/rows.jsonl"] = (ROWS.encode(), {})
    source = Files(paths=(f"{web.url}/rows.jsonl",))
    assert len(texts(source)) == 5 and len(texts(source)) == 5 and web.asked["GET"] == 2
    same = source.identity()
    web.files["/rows.jsonl"] = (ROWS.replace("글", "말").encode(), {})
    assert texts(source)[0] == "말 0" and source.identity() != same


def test_published_formats_and_messages_name_the_address(web: Web) -> None:
    web.files["/train.txt"] = (b"id\tdocument\tlabel\n1\ta\t1\n", {"ETag": "1"})
    web.files["/bad.csv"] = (b"body,label\na,b\n", {"ETag": "1"})
    assert texts(Nsmc(train=f"{web.url}/train.txt")) == ["a"]
    with pytest.raises(RecipeError, match=rf"^{web.url}/bad.csv: no column 'text'"):
        Files(paths=(f"{web.url}/bad.csv",), columns={"text": "text"}).check()


def test_passwords_and_tokens_in_addresses_are_shown_to_nobody(web: Web, tmp_path: Path) -> None:
    web.files["/rows.jsonl"] = (ROWS.encode(), {"ETag": "1"})
    told: list[str] = []
    where = web.url.replace("http://", "http://user:hunter22@")
    source = Files(paths=(f"{where}/rows.jsonl?token=verysecret",))
    source.check()
    told += [f"{name} {path}" for name, path in _files(source)]
    told += [json.dumps(source.identity())]
    told += [path.read_text() for path in (tmp_path / "home").rglob("*.json")]
    with pytest.raises(RecipeError) as caught:
        Files(paths=(f"{where}/none.jsonl?token=verysecret",)).check()
    told.append(str(caught.value))
    assert len(told) == 4 and not [text for text in told if "hunter22" in text or "verysecret" in text]


def _files(source: Files) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    list(read_all([source], lambda name, path: found.append((name, f"{path}"))))
    return found


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("{web}/none.csv", RecipeError, "no such file"),
        ("{web}/secret.csv", RecipeError, "no permission to read it: give credentials in the environment"),
        ("{web}/down.csv", NetworkError, "its store does not answer"),
        ("http://127.0.0.1:9/a.csv", NetworkError, "its store does not answer"),
        ("gs://bucket/a.csv", RecipeError, "what reads gs:// is not installed: pip install 'gcsfs'"),
        ("nothing://a.csv", RecipeError, "nothing reads addresses with nothing://"),
    ],
)
def test_what_keeps_a_file_from_being_fetched_is_one_line(
    web: Web, path: str, error: type, message: str
) -> None:
    web.files["/secret.csv"] = (b"", {"status": "403"})
    web.files["/down.csv"] = (b"", {"status": "503"})
    with pytest.raises(error, match=message) as caught:
        Files(paths=(path.format(web=web.url),)).check()
    assert "\n" not in str(caught.value)
