"""What a killed step goes on from: below the home, or where `HEADWATER_WORK` says, so that other machines reach it.

Where that is a folder, steps work in it. Where it is an address of a store (`s3://bucket/work`), they work below the
home, and what they keep is copied there as it grows, and fetched from there by who goes on.
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from models import files
from models.errors import RecipeError, StoreError
from tasks.environment import home, public
from tasks.reading.file_systems import file_system

VARIABLE = "HEADWATER_WORK"
_COPY_SECONDS = 10.0
"""How often it is looked for what a step has kept since."""
_END_SECONDS = 30.0
_LOG = logging.getLogger("headwater")


class Work:
    """The folders of one execution of a step.

    Attributes:
        out: what becomes the artifact; this execution's alone.
        scratch: what nothing goes on from; this execution's alone too, and always on this machine.
        resumable: what a later one goes on from.
    """

    def __init__(self, key: str) -> None:
        shared = os.environ.get(VARIABLE, "")
        self._own = home() / "work" / key
        self.out, self.scratch = self._own / "out", self._own / "scratch"
        self._copy = _Copy.at(shared, key) if is_address(shared) else None
        there = shared and self._copy is None
        self.resumable = Path(shared).expanduser() / key if there else self._own / "resumable"

    def __enter__(self) -> Self:
        for folder in (self.out, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self.resumable.mkdir(parents=True, exist_ok=True)
        if self._copy is not None:
            self._copy.begin(self.resumable)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After an error what is kept stays; else the artifact is stored, and nothing after that may fail it."""
        if self._copy is not None:
            self._copy.end(done=error is None)
        shutil.rmtree(self.scratch, ignore_errors=True)
        if error is None:
            for folder in (self._own, self.resumable):
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Left:
    """What steps that did not finish have left to go on from."""

    key: str
    written: float
    folder: Path | None
    """Where it lies on this machine or in a folder that machines share."""
    store: "_Copy | None" = None

    def delete(self) -> None:
        """Delete it, for who holds the lease of its key."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.store is not None:
            self.store.delete()


def left() -> Iterator[Left]:
    """What there is to go on from, here and where machines share it."""
    shared = os.environ.get(VARIABLE, "")
    folders = [home() / "work", *([Path(shared).expanduser()] if shared and not is_address(shared) else [])]
    for folder in sorted(item for place in folders for item in place.glob("*") if item.is_dir()):
        yield Left(folder.name, _last(folder), folder)
    if is_address(shared):
        yield from _Copy.all(shared)


def is_address(place: str) -> bool:
    """Whether it is the address of a store, and no folder."""
    return "://" in place


def check() -> None:
    """
    Raises:
        RecipeError: `HEADWATER_WORK` cannot be used.
    """
    shared = os.environ.get(VARIABLE, "")
    if is_address(shared):
        _store(shared)
    elif shared:
        try:
            Path(shared).expanduser().mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecipeError(f"{VARIABLE}: {shared}: {error.strerror}; name another folder") from error


class _Copy:
    """What a step keeps, copied to a store file by file; the one by which a folder is known to be whole comes last."""

    def __init__(self, store: Any, path: str) -> None:
        self._store, self._path = store, path
        self._sent: dict[str, tuple[int, int]] = {}
        self._ended = threading.Event()
        self._done = False
        self._thread: threading.Thread | None = None

    @classmethod
    def at(cls, address: str, key: str) -> "_Copy":
        store, path = _store(address)
        return cls(store, f"{path.rstrip('/')}/{key}")

    @classmethod
    def all(cls, address: str) -> Iterator[Left]:
        store, path = _store(address)
        base = path.rstrip("/")
        found: dict[str, list[dict[str, Any]]] = {}
        for name, about in store.find(base, detail=True).items():
            found.setdefault(name[len(base) + 1 :].partition("/")[0], []).append(about)
        for key, items in sorted(found.items()):
            yield Left(key, max(map(_when, items)), None, cls(store, f"{base}/{key}"))

    def begin(self, folder: Path) -> None:
        """Fetch what others have kept, and send what is kept from now on.

        Raises:
            StoreError: the store does not answer.
        """
        try:
            for name, size in self._sizes().items():
                self._fetch(name, size, folder / name)
        except Exception as error:  # each store has errors of its own
            why = public(" ".join(str(error).split()))[:300]
            raise StoreError(
                f"{VARIABLE}: {public(self._path)} cannot be used ({why}); is the store there, and are its credentials?"
            ) from error
        self._thread = threading.Thread(target=self._send_all, args=(folder,), daemon=True)
        self._thread.start()

    def _fetch(self, name: str, size: int, here: Path) -> None:
        if not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            with files.write_whole(here) as draft:
                self._store.get_file(f"{self._path}/{name}", str(draft))
        state = _state(here)
        if state[0] == size:  # else it was written after the last copy, and is sent
            self._sent[name] = state

    def end(self, *, done: bool) -> None:
        """Send the rest; or delete all, once the step is done."""
        self._done = done
        self._ended.set()
        if self._thread is not None:
            self._thread.join(None if done else _END_SECONDS)
        if done:
            self.delete()

    def delete(self) -> None:
        with suppress(Exception):  # a rest costs room, and `clean` shows it
            self._store.rm(self._path, recursive=True)

    def _send_all(self, folder: Path) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(_COPY_SECONDS)
            if self._done:
                return
            try:
                self._send(folder)
            except Exception as error:  # noqa: BLE001 the work goes on; it only would begin further back elsewhere
                _LOG.info("checkpoints could not be copied to %s: %s", public(self._path), public(str(error)))

    def _send(self, folder: Path) -> None:
        there = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*"), key=_seals_last)}
        kept = {name: path for name, path in there.items() if path.is_file() and files.DRAFT not in name}
        for name, path in kept.items():
            with suppress(FileNotFoundError):  # an older checkpoint that has just been deleted
                state = _state(path)
                if self._sent.get(name) != state:
                    self._store.put_file(str(path), f"{self._path}/{name}")
                    self._sent[name] = state
        for name in self._sent.keys() - kept.keys():
            with suppress(FileNotFoundError):
                self._store.rm_file(f"{self._path}/{name}")
            del self._sent[name]

    def _sizes(self) -> dict[str, int]:
        start = len(self._path) + 1
        found = self._store.find(self._path, detail=True)
        return {name[start:]: about["size"] for name, about in found.items()}


def _store(address: str) -> tuple[Any, str]:
    """
    Raises:
        RecipeError: nothing here reads such addresses.
    """
    scheme = address.partition("://")[0]
    options: dict[str, Any] = {"auto_mkdir": True} if scheme == "file" else {}
    if scheme == "s3" and (endpoint := os.environ.get("MLFLOW_S3_ENDPOINT_URL")):
        # That of the artifacts, unless AWS's own variables name another.
        options["endpoint_url"] = endpoint
    kind = file_system(scheme, VARIABLE, "name a folder, or s3://BUCKET/FOLDER")
    return kind(**options, use_listings_cache=False), kind._strip_protocol(address)


def _seals_last(path: Path) -> tuple[bool, str]:
    return path.name == files.SEAL, str(path)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _last(folder: Path) -> float:
    """When anything in a folder was written last."""
    times = [folder.stat().st_mtime]
    for path in folder.rglob("*"):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)


def _when(about: dict[str, Any]) -> float:
    """When a store says that a file was written."""
    for name in ("LastModified", "mtime", "created"):
        if isinstance(found := about.get(name), datetime):
            return found.timestamp()
        if isinstance(found, int | float):
            return float(found)
    return time.time()
