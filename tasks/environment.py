"""Where numbers are computed and state lives, and quiet, local defaults for libraries, set before their import."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from models.errors import HeadwaterError

_DEFAULTS = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
    # MLflow's own retries would hold a step for minutes before anyone hears of a server that is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",  # what it says of a head that starts fresh is no news
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


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
    return Path(os.environ.get("HEADWATER_HOME") or ".headwater").resolve()


def home_id() -> str:
    """A name of the home folder that no other has, wherever it is moved or mounted."""
    path = make_home() / "id"
    with suppress(FileExistsError), path.open("x", encoding="ascii") as file:
        file.write(uuid4().hex)
    return path.read_text(encoding="ascii")


def prepare() -> None:
    """Set what is not set yet: telemetry off, Prefect's database under `home()`."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
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
        HeadwaterError: the disk is full.
    """
    prepare()
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    home().mkdir(parents=True, exist_ok=True)
    check_disk()
    return home()
