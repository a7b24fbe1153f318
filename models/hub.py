"""What the Hugging Face hub holds under a name, at one commit.

A recipe says which: `@` and a commit stand for themselves; a branch or tag is asked for at every run; where it says
nothing, the commit that was found at the first run holds from then on, and is kept under the home folder. So a run
without network uses what the one before did.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models.errors import DataError, NetworkError
from models.files import write_whole
from models.home import home

Kind = Literal["dataset", "model"]
ID = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")
"""A model's name, with a commit, branch or tag after `@`."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECONDS = 10
_asked: dict[tuple[Kind, str, str], "Pin"] = {}


@dataclass(frozen=True)
class Pin:
    """At which commit something is read."""

    kind: Kind
    name: str
    revision: str
    """What the recipe says; empty where it says nothing."""
    commit: str
    newest: str = ""
    """The commit that the main branch is at, where it has moved since."""

    def __str__(self) -> str:
        told = f"{self.kind} {self.name}: commit {self.commit[:12]}"
        told += f" of {self.revision}" if self.revision and self.revision != self.commit else ""
        if not self.newest:
            return told
        how = "write revision: main" if self.kind == "dataset" else f"write {self.name}@main"
        return f"{told}; its branch has moved to {self.newest[:12]} since ({how} to follow it)"


def forget() -> None:
    """Ask the hub anew: within one run what it has said holds."""
    _asked.clear()


def parted(source: str) -> tuple[str, str]:
    """Name and revision of `name@revision`."""
    name, _, revision = source.partition("@")
    return name, revision


def pinned(kind: Kind, name: str, revision: str = "") -> Pin:
    """Which commit is meant.

    Raises:
        DataError: there is no such name or revision, or it is not public.
        NetworkError: the hub cannot be asked, and was not before.
    """
    if _COMMIT.fullmatch(revision):
        return Pin(kind, name, revision, revision)
    asked = (kind, name, revision)
    if asked not in _asked:
        _asked[asked] = _found(kind, name, revision)
    return _asked[asked]


def at_commit(source: str) -> str:
    """A model's `name@commit`, for what its recipe says."""
    name, revision = parted(source)
    return f"{name}@{pinned('model', name, revision).commit}"


def _found(kind: Kind, name: str, revision: str) -> Pin:
    place = home() / "hub" / f"{kind}s" / f"{name}@{revision}".replace("/", "--")
    known = _known(place) or _downloaded(kind, name, revision)
    try:
        now = _ask(kind, name, revision)
    except NetworkError:
        if not known:
            raise
        return Pin(kind, name, revision, known)
    commit = now if revision or not known else known
    if commit != known or not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(place) as draft:
            draft.write_text(json.dumps({"commit": commit}), encoding="utf-8")
    return Pin(kind, name, revision, commit, newest="" if now == commit else now)


def _known(place: Path) -> str:
    try:
        return json.loads(place.read_text(encoding="utf-8"))["commit"]
    except (OSError, ValueError, KeyError):
        return ""


def _downloaded(kind: Kind, name: str, revision: str) -> str:
    """The commit of what the hub's own cache holds, from before anything was pinned."""
    from huggingface_hub import constants

    folder = f"{kind}s--{name.replace('/', '--')}"
    try:
        return (Path(constants.HF_HUB_CACHE) / folder / "refs" / (revision or "main")).read_text().strip()
    except OSError:
        return ""


def _ask(kind: Kind, name: str, revision: str) -> str:
    from huggingface_hub import HfApi

    with reaching(f"{kind} {name}"):
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
            raise NetworkError("HF_HUB_OFFLINE is set")
        api: Any = HfApi()
        ask = api.dataset_info if kind == "dataset" else api.model_info
        return str(ask(name, revision=revision or None, timeout=_SECONDS).sha)


@contextmanager
def reaching(what: str) -> Iterator[None]:
    """What the hub's library raises, as errors for people."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except RevisionNotFoundError as error:
        raise DataError(
            f"{what} has no such revision on the hub: check what stands after revision or @"
        ) from error
    except RepositoryNotFoundError as error:
        raise DataError(f"there is no {what} on the hub, or it is not public") from error
    except HFValidationError as error:
        raise DataError(f"{what}: no name that the hub has ({' '.join(str(error).split())[:100]})") from error
    except NetworkError as error:
        raise NetworkError(f"{what}: the hub cannot be asked ({error})") from error
    except LocalEntryNotFoundError as error:
        raise NetworkError(f"{what}: the hub cannot be reached, and it is not here from before") from error
    except EntryNotFoundError as error:
        raise DataError(f"{what} lacks a file that is needed ({str(error).splitlines()[0][:200]})") from error
    except (HfHubHTTPError, OSError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise NetworkError(f"{what}: the hub cannot be reached ({said})") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpcore", "requests"):
            raise
        raise NetworkError(f"{what}: the hub cannot be reached ({str(error)[:200]})") from error
