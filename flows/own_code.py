"""Which packages are meant by `flows`, `tasks` and `models`: plain names, which a folder of yours may have too."""

import os
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "tasks", "models")


def goes_first() -> None:
    """Have Python find this project's packages before others of their names, here and in child processes.

    The working directory, which `python -m` and Prefect's workers put first, goes last: what lies there can still be
    imported, but takes the place of nothing.
    """
    here: Path | None = None
    with suppress(OSError):  # the folder is gone
        here = Path.cwd()
    last = [entry for entry in sys.path if _is_elsewhere(entry, here)]
    if not last:
        return
    first = [entry for entry in sys.path if entry not in last]
    own = [] if any(_same(entry, ROOT) for entry in first) else [str(ROOT)]
    sys.path[:] = [*first, *own, *last]


def _is_elsewhere(entry: str, here: Path | None) -> bool:
    """Whether a place in which Python looks is the working directory, or has a package of the names of ours."""
    if _same(entry, ROOT):
        return False
    if not entry or (here is not None and _same(entry, here)):
        return True
    places = [os.path.join(entry, name) for name in PACKAGES]
    return any(os.path.isdir(place) or os.path.isfile(f"{place}.py") for place in places)


def _same(entry: str, folder: Path) -> bool:
    try:
        return Path(entry or ".").resolve() == folder.resolve()
    except OSError:
        return False
