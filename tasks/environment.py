"""Where numbers are computed and state lives, and quiet, local defaults for libraries, set before their import."""

import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from models.errors import HeadwaterError, RecipeError

TRIES = 9
"""How often a run that goes on asks again where Prefect's or MLflow's server is away: at growing intervals, eight
minutes at the least. A server that is away from the start is told of at once."""

_DEFAULTS = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    # What steps say stands in the logs of their runs; on the terminal a run has lines of its own.
    "PREFECT_LOGGING_EXTRA_LOGGERS": "headwater",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_CLIENT_MAX_RETRIES": str(TRIES),
    # More would hold a command for minutes before anyone hears of a server that is down; runs have `patience`.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",  # what it says of a head that starts fresh is no news
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Machine:
    """Where numbers are computed; changes no key."""

    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    threads: int = 0
    """For numeric work; 0 for one a core."""
    jobs: int = 1
    """How many steps that leave room for others share the threads at once."""

    @property
    def cores(self) -> int:
        """Threads there are for numeric work."""
        return self.threads or os.cpu_count() or 1


LEAST_FREE = 50_000_000
"""Bytes on the disk below which nothing is begun: databases that cannot grow fail in many words."""


def home() -> Path:
    """The folder of all state: `HEADWATER_HOME`, else `.headwater` in the working directory."""
    return Path(os.path.expanduser(os.environ.get("HEADWATER_HOME") or ".headwater")).resolve()


def home_id() -> str:
    """A name of the home folder that no other has, wherever it is moved or mounted."""
    path = make_home() / "id"
    if not path.exists():
        made = uuid4().hex
        draft = path.with_name(f"id.{made}")
        draft.write_text(made, encoding="ascii")
        with suppress(FileExistsError):  # linked whole, or another process was first
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text(encoding="ascii")


def public(url: str) -> str:
    """An address without the user and password in it, for what others may read."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def prepare() -> None:
    """Set what is not set yet: telemetry off, Prefect's database under `home()`, no proxy before this machine."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Libraries read the one or the other: each names what both did.
    direct = [os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    named = [host.strip() for hosts in direct for host in hosts.split(",") if host.strip()]
    both = ",".join(dict.fromkeys([*named, *_THIS_MACHINE]))
    os.environ.update(no_proxy=both, NO_PROXY=both)
    os.environ.setdefault("PREFECT_HOME", str(home() / "prefect"))


def check_disk() -> None:
    """
    Raises:
        HeadwaterError: there is hardly any room for the home folder.
    """
    free = shutil.disk_usage(home()).free
    if free < LEAST_FREE:
        raise HeadwaterError(
            f"the disk is full: {free / 1e6:.0f} MB are left for {home()}; free some space, or set HEADWATER_HOME "
            "to a folder on another disk"
        )


def make_home() -> Path:
    """Create the folders that servers expect to find, and give the home folder.

    Raises:
        RecipeError: the folder cannot be used.
        HeadwaterError: the disk is full.
    """
    prepare()
    folder, remedy = home(), "set HEADWATER_HOME to another folder"
    if "?" in str(folder) or not str(folder).isprintable():
        shown = repr(str(folder))
        raise RecipeError(
            f"the home folder {shown}: addresses of databases take no '?' or control character; {remedy}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Path(os.environ["PREFECT_HOME"]).expanduser().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecipeError(
            f"the home folder {error.filename or folder}: {error.strerror}; {remedy}"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RecipeError(f"the home folder {folder} cannot be written; {remedy}")
    check_disk()
    return folder
