"""Small facts that take time to find out: kept in a file of the home's cache, which may be lost at any moment."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from models.files import DRAFT
from models.home import home

_MOST = 5000
"""Facts above which a file begins anew: most are of what was there long ago."""


class Remembered:
    """Facts by what they are of, as JSON."""

    def __init__(self, name: str, stamp: str) -> None:
        """
        Args:
            name: of the file.
            stamp: what facts of the file depend on beside; where it is another one, they count no more.
        """
        self._name, self._stamp = name, stamp
        self._path: Path | None = None
        self._facts: dict[str, Any] = {}
        self._grew = False

    def of(self, key: str, find: Callable[[], Any]) -> Any:
        """What is remembered of `key`, else what `find` gives."""
        path = home() / "cache" / f"{self._name}.json"
        if path != self._path:
            self._path, self._facts, self._grew = path, self._read(path), False
        if key not in self._facts:
            self._facts[key] = find()
            self._grew = True
        return self._facts[key]

    def keep(self) -> None:
        """Write down what was found out since."""
        if not self._grew or self._path is None or not home().is_dir():
            return
        self._grew = False
        draft = self._path.with_name(f"{self._path.name}.{uuid4().hex}{DRAFT}")
        with suppress(OSError):
            draft.parent.mkdir(exist_ok=True)
            draft.write_text(json.dumps({"stamp": self._stamp, "facts": self._facts}), encoding="utf-8")
            os.replace(draft, self._path)  # whole, whoever else writes

    def _read(self, path: Path) -> dict[str, Any]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_bytes())
            if kept["stamp"] == self._stamp and len(kept["facts"]) < _MOST:
                return dict(kept["facts"])
        return {}
