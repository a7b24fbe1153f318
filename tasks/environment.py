"""Where numbers are computed and state lives, and quiet, local defaults for libraries, set before their import."""

import functools
import logging
import os
import re
import shutil
import sysconfig
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from models.errors import HeadwaterError, RecipeError
from models.home import home

TRIES = 9
"""How often a run that goes on asks again where Prefect's or MLflow's server is away: at growing intervals, eight
minutes at the least. A server that is away from the start is told of at once."""

EMBEDDED_PREFECT = "HEADWATER_EMBEDDED_PREFECT"
"""The variable that holds the address of a Prefect server which a command has started for itself alone."""

_DEFAULTS = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # where scripts read what a command says
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
    # Where a server passes artifacts on, its store may be out of reach: nobody goes there unless told to.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",  # what it says of a head that starts fresh is no news
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


_LOGINS = re.compile(r"(?<=://)[^/?#\s]*@")
_TOKENS = re.compile(
    r"(?i)([?&;][\w-]*(?:token|key|secret|passw|signature|sig|credential)[\w-]*=)[^&;#\s'\"]+"
)
_SECRET = re.compile(
    r"(?i)token(?!s|iz)|secret|passw|credential|private_key|access_key|api_key|auth_string|_dsn$|notify"
)
"""Names of variables whose values nobody else may read."""
_LEAST_SECRET = 8
"""Characters of a value that is looked for; a shorter one stands in many a text by chance."""
FILLED: dict[str, str] = {}
"""The variables that recipes of this process have named, and what they were filled with."""
_RECORD = logging.LogRecord
_CODE = Path(__file__).resolve().parents[1]

_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


LOCAL = "local"
"""The engine that runs steps on this machine."""


@dataclass(frozen=True)
class Resources:
    """What a step asks for on a cluster; None is what it gets by default."""

    cpus: int | None = None
    gpus: float | None = None
    memory_gb: float | None = None
    processes: int = 1
    """How many such shares of a cluster it has, a process in each."""


@dataclass(frozen=True)
class Machine:
    """Where numbers are computed; changes no key."""

    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    threads: int = 0
    """For numeric work; 0 for one a core."""
    jobs: int = 1
    """How many steps that leave room for others share the threads at once."""
    processes: int = 1
    """Into how many processes a pretraining divides its work; 0: one a GPU."""
    engine: str = LOCAL
    """What executes steps: this machine, or a Ray cluster by its address."""
    resources: Mapping[str, Resources] = field(default_factory=dict)
    """What steps ask for on a cluster, by the step's name."""
    pretrainings: int = 1
    """How many pretrainings share the threads at once."""

    @property
    def cores(self) -> int:
        """Threads there are for numeric work."""
        return self.threads or os.cpu_count() or 1


LEAST_FREE = 50_000_000
"""Bytes on the disk below which nothing is begun: databases that cannot grow fail in many words."""


def home_id() -> str:
    """A name of the home folder that no other has, wherever it is moved or mounted."""
    path = make_home() / "id"
    if not path.exists():
        name = uuid4().hex
        draft = path.with_name(f"id.{name}")
        draft.write_text(name, encoding="ascii")
        # Of several that start at once the first names it, whole or not at all.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii")


def is_secret(name: str, value: str) -> bool:
    """Whether a variable of the environment holds what nobody else may read."""
    return _names_a_secret(name) or public(value) != value


def public(text: str) -> str:
    """A text without passwords, for what others may read: logs, pages, artifacts, the terminal.

    Out of addresses go user, password and tokens; what a variable of the environment keeps secret, as its name says,
    is told by that name.
    """
    text = _TOKENS.sub(r"\1…", _LOGINS.sub("", text)) if "=" in text or "@" in text else text
    for name in filter(_names_a_secret, os.environ):
        value = os.environ.get(name, "")
        if len(value) >= _LEAST_SECRET and value in text:
            text = text.replace(value, f"${{{name}}}")
    return text


@functools.lru_cache(maxsize=4096)
def _names_a_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def as_written(value: Any) -> Any:
    """Settings, at whatever depth, as they may be stored: public, and with `${NAME}` where a recipe named a variable.

    So a path is that of whoever reads it, and what it holds is nobody else's business.
    """
    if isinstance(value, Mapping):
        return {key: as_written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_written(item) for item in value]
    if not isinstance(value, str):
        return value
    for name, filled in FILLED.items():
        if len(filled) >= _LEAST_SECRET:
            value = value.replace(filled, f"${{{name}}}")
    return public(value)


def _public_record(*arguments: Any, **options: Any) -> logging.LogRecord:
    """A log record of any library, with its traceback, as it may be read."""
    record = _RECORD(*arguments, **options)
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 logging itself tells of messages that cannot be put together
        return record
    if (said := public(message)) != message:
        record.msg, record.args = said, None
    if record.exc_info and record.exc_info[0]:
        record.exc_text = public("".join(traceback.format_exception(*record.exc_info)).rstrip())
    return record


def prepare() -> None:
    """Set what is not set yet: telemetry off, Prefect's database under `home()`, no proxy before this machine.

    From now on nothing that is logged holds a secret.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Libraries read the one or the other: each names what both did.
    direct = [os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    named = [host.strip() for hosts in direct for host in hosts.split(",") if host.strip()]
    both = ",".join(dict.fromkeys([*named, *_THIS_MACHINE]))
    os.environ.update(no_proxy=both, NO_PROXY=both)
    prefect = os.environ.get("PREFECT_HOME") or home() / "prefect"
    os.environ["PREFECT_HOME"] = str(Path(prefect).expanduser().absolute())  # servers run in another folder
    _children_find_this_code()
    logging.setLogRecordFactory(_public_record)


def _children_find_this_code() -> None:
    """Processes that are started look for modules where this one found them, and not in the working directory first, in
    which a `tasks.py` or a `random.py` may lie."""
    os.environ["PYTHONSAFEPATH"] = "1"
    installed = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(_CODE) not in {*installed, *named}:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_CODE), *named)))


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
