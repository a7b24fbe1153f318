"""Files that other machines keep (s3://, https://, hf:// …), fetched by `fsspec` into a cache under the home folder.

A file is known by its content, as one that lies here is. What its store says of it (ETag, version, time of change) is
kept beside the digest, so that what has not changed is not fetched again; of a file of which a store says nothing, all
is read each time. Passwords and tokens come from the environment, or stand in an address and are shown to nobody.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from models.errors import HeadwaterError, NetworkError, RecipeError
from models.files import digest, write_whole
from tasks.environment import home, public
from tasks.reading.file_systems import file_system

_MARKS = (
    *(
        "ETag",
        "etag",
        "VersionId",
        "version_id",
        "generation",
        "md5Hash",
        "content_md5",
        "Content-MD5",
        "Digest",
    ),
    *("blob_id", "Last-Modified", "LastModified", "last_modified", "mtime", "modified", "created"),
)
"""What stores say of a file that is another when the file is; its size alone is not enough."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 2}}}
}
_LONG = 1_000
"""Characters of an address that a message shows."""
_found: dict[str, list[Path]] = {}


class Fetched(PosixPath):
    """A file of another machine, as it lies in the cache; in messages it is its address."""

    url = ""

    def __format__(self, spec: str) -> str:
        return format(self.url or str(self), spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return restored, (str(self), self.url)


def restored(path: str, url: str) -> Path:
    """A file of another machine, told to another process; it is fetched where that process does not find it."""
    if url and not Path(path).exists():
        return fetched(url)[0]
    return _as_fetched(Path(path), url)


def is_remote(path: str) -> bool:
    """Whether it is an address and no path of this machine."""
    scheme, there, _ = path.partition("://")
    return bool(there) and scheme.replace("+", "").isalnum()


def forget() -> None:
    """Ask stores anew: within one run what they have said holds."""
    _found.clear()


def fetched(pattern: str) -> list[Path]:
    """The files that an address names, or a glob where the store can list: fetched, where the cache does not have them.

    Raises:
        RecipeError: there is none, or it may not be read, or what reads such addresses is not installed.
        NetworkError: its store does not answer.
    """
    if pattern not in _found:
        shown = public(pattern)[:_LONG]
        with _in_one_line(pattern, shown):
            store, path = _store(pattern, shown)
            names = _listed(store, path) if _is_glob(pattern) else [path]
            if not names:
                raise FileNotFoundError(shown)
            _found[pattern] = [_fetch(store, name, pattern) for name in names]
    return _found[pattern]


def _store(pattern: str, shown: str) -> tuple[Any, str]:
    """The file system of an address, and what it calls the file."""
    scheme = pattern.partition("://")[0]
    kind = file_system(scheme, shown, "check the path")
    options = dict(_OPTIONS.get(scheme, {}))
    if scheme in ("http", "https"):
        import aiohttp

        options = {
            "client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)}
        }
    options |= kind._get_kwargs_from_urls(pattern)  # the host, where paths are those of one
    return kind(**options, skip_instance_cache=True, use_listings_cache=False), kind._strip_protocol(pattern)


def _is_glob(pattern: str) -> bool:
    """In addresses of the web `?` begins a query."""
    marks = "*" if pattern.startswith("http") else "*?["
    return any(mark in pattern for mark in marks)


def _listed(store: Any, path: str) -> list[str]:
    found = store.glob(path, detail=True)
    return sorted(name for name, about in found.items() if about.get("type") != "directory")


def _fetch(store: Any, name: str, pattern: str) -> Path:
    """A file as it lies in the cache, where it is fetched to unless it is known not to have changed."""
    url = public(_address(store, name, pattern) if _is_glob(pattern) else pattern)
    about = store.info(name)
    if about.get("type") == "directory":
        raise RecipeError(f"{url} is a folder; name its files, for example {url.rstrip('/')}/*.jsonl.gz")
    marks = _marks(about)
    memory = _cache() / "known" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
    known = _read(memory)
    if marks and known.get("marks") == marks:
        path = _cache() / known["sha256"] / known["name"]
        if path.is_file() and digest(path) == known["sha256"]:
            return _as_fetched(path, url)
    path = _download(store, name, about, file_name(url))
    told = {"url": url, "marks": marks, "sha256": path.parent.name, "name": path.name}
    memory.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(memory) as draft:
        draft.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return _as_fetched(path, url)


def _address(store: Any, name: str, pattern: str) -> str:
    """The address of a file that a glob has found, which its store may call by less."""
    scheme = pattern.partition("://")[0]
    host = store._get_kwargs_from_urls(pattern).get("host", "")
    return name if "://" in name else f"{scheme}://{host}{name}"


def _download(store: Any, name: str, about: Mapping[str, Any], own: str) -> Path:
    """Fetches a file whole, to where its content says.

    Raises:
        NetworkError: it breaks off.
    """
    draft = _cache() / "drafts" / f"{os.getpid()}-{hashlib.sha256(name.encode()).hexdigest()}"
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        store.get_file(name, str(draft))
        size = about.get("size")
        if isinstance(size, int) and draft.stat().st_size != size:
            raise NetworkError(f"{draft.stat().st_size:,} of {size:,} bytes came; try again")
        place = _cache() / digest(draft) / own
        place.parent.mkdir(exist_ok=True)
        draft.replace(place)
        return place
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        draft.unlink(missing_ok=True)


def _marks(about: Mapping[str, Any]) -> dict[str, str]:
    """By what a store tells whether a file has changed; empty where it says nothing."""
    marks = {name: str(about[name]) for name in _MARKS if about.get(name)}
    return marks and marks | {"size": str(about.get("size"))}


def _read(memory: Path) -> dict[str, Any]:
    try:
        return json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def file_name(url: str) -> str:
    """The last name of an address without its query, by which rows say where they come from."""
    path = urlsplit(url).path if url.startswith("http") else url.partition("://")[2]
    return unquote(path).rstrip("/").rpartition("/")[2] or "file"


def _as_fetched(path: Path, url: str) -> Path:
    made = Fetched(path)
    made.url = url
    return made


def _cache() -> Path:
    folder = home() / "cache" / "remote"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _in_one_line(pattern: str, shown: str) -> Iterator[None]:
    """What libraries raise, as what went wrong and what to do."""
    pattern.partition("://")[0]
    try:
        yield
    except NetworkError as error:
        raise NetworkError(f"{shown}: {error}") from error
    except HeadwaterError:
        raise
    except Exception as error:
        told = _told(error, pattern.partition("://")[0])
        if told is None:
            raise
        raise type(told)(f"{shown}: {told}") from error


def _told(error: Exception, scheme: str) -> HeadwaterError | None:
    """What an error of a library means; None where it is none of a store."""
    cause = error.__cause__ or error
    found = (getattr(item, "status", None) for item in (error, cause))
    status = next((item for item in found if isinstance(item, int)), None)
    said = public(" ".join(str(cause).split()))[:200] or type(cause).__name__
    if isinstance(error, PermissionError) or status in (401, 403) or "Credentials" in type(cause).__name__:
        where = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true for what is public"
        how = f" ({where})" if scheme.startswith("s3") else ""
        return RecipeError(f"no permission to read it: give credentials in the environment{how}")
    if status in (404, 410) or (isinstance(error, FileNotFoundError) and cause is error):
        return RecipeError("no such file; check the address in the recipe")
    if scheme.startswith("s3") and isinstance(error, FileNotFoundError):
        return RecipeError(f"no such file ({said}); check the address in the recipe")
    if isinstance(error, ValueError | NotImplementedError):
        return RecipeError(f"cannot be read ({said}); check the address")
    ours = isinstance(error, OSError) and str(error.filename or "").startswith(str(home()))
    of_network = isinstance(error, OSError) or status is not None
    of_library = type(error).__module__.partition(".")[0] in (
        "aiohttp",
        "botocore",
        "huggingface_hub",
        "httpx",
    )
    if ours or not (of_network or of_library):
        return None
    return NetworkError(f"its store does not answer ({said}); check the network, or try again")
