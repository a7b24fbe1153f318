"""The Prefect server of one command: its own, which ends with it, or the one that PREFECT_API_URL names."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from flows.commands.processes import LOOPBACK, Server, kept, listening, start
from models.errors import RecipeError
from tasks.environment import EMBEDDED_PREFECT, home, public
from tasks.storage.lease import lease

START_SECONDS = 120
"""Within which a server answers, though it makes its tables first."""
_ANSWER_SECONDS = 5


@contextmanager
def embedded_prefect() -> Iterator[Server | None]:
    """A Prefect server for the length of one command, unless PREFECT_API_URL names one; it is still starting.

    Prefect would start one by itself, which outlives a command that is killed. This one is started again when it is.

    Raises:
        RecipeError: nobody, or something else than Prefect, answers at PREFECT_API_URL; a proxy cannot be used.
    """
    check_proxies()
    if own := os.environ.get("PREFECT_API_URL"):
        check_prefect(own)
        yield None
        return
    with listening() as door, making() as done:
        api = f"http://{LOOPBACK}:{door.getsockname()[1]}/api"
        command = [
            *(sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"),
            *("--fd", str(door.fileno()), "--log-level", "error", "--lifespan", "on"),
        ]
        # What Prefect itself sets for its temporary server.
        settings = {
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
        }
        # uvicorn puts its folder first among those that Python looks into: not one that may have a types.py.
        server = start("prefect-embedded", command, settings, (door.fileno(),), home())
        server.answered = done
        # Pages are those of `headwater up`, which shows the same database.
        pages = f"http://{LOOPBACK}:4200"
        os.environ.update({"PREFECT_API_URL": api, "PREFECT_UI_URL": pages, EMBEDDED_PREFECT: api})
        try:
            with kept(server):
                yield server
        finally:
            for name in ("PREFECT_API_URL", "PREFECT_UI_URL", EMBEDDED_PREFECT):
                del os.environ[name]


def wait_for(embedded: Server) -> None:
    """Wait until the server of this command answers.

    Raises:
        HeadwaterError: it ended, or did not answer in time.
    """
    embedded.wait_until(f"{os.environ['PREFECT_API_URL']}/health", START_SECONDS)


@contextmanager
def making() -> Iterator[Callable[[], None]]:
    """Within it no other process makes Prefect's database, where there is none yet; what is given says that it is made.

    Two that did so at once would trip over each other.
    """
    made = Path(os.environ["PREFECT_HOME"]) / "made"
    with ExitStack() as held:
        if not made.exists():
            held.enter_context(lease("prefect"))

        def done() -> None:
            made.touch()
            held.close()

        yield done


def check_project(command: str) -> None:
    """
    Raises:
        RecipeError: there is nothing to deploy in the working directory.
    """
    if not Path("prefect.yaml").is_file():
        raise RecipeError(
            f"there is no prefect.yaml here, in {Path.cwd()}: start `headwater {command}` in the project's folder, or "
            "make one of this with `headwater init`"
        )


def check_proxies() -> None:
    """Prefect prepares for every proxy that is named, also for those it will not use.

    Raises:
        RecipeError: one is of a kind that needs a package which is not there.
    """
    for kind, proxy in urllib.request.getproxies().items():
        if proxy.startswith("socks") and find_spec("socksio") is None:
            raise RecipeError(
                f"{kind}_proxy: {public(proxy)} needs the package socksio: pip install 'httpx[socks]', or unset it"
            )


def check_prefect(api: str) -> None:
    """Whatever answers but with a page is taken for Prefect: it may want to know first who asks.

    Raises:
        RecipeError: nobody, or something else, answers at `api`.
    """
    remedy = "start that server, or unset PREFECT_API_URL to use an embedded one"
    try:
        # urllib takes user and password for part of the host's name; nobody asks for them here.
        with urllib.request.urlopen(f"{public(api).rstrip('/')}/health", timeout=_ANSWER_SECONDS) as response:
            if response.headers.get_content_type() == "text/html":
                raise RecipeError(
                    f"PREFECT_API_URL: {public(api)} is a page; the address of an API ends with /api"
                )
    except urllib.error.HTTPError:
        return
    except (ValueError, OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise RecipeError(f"PREFECT_API_URL: nobody answers at {public(api)} ({reason}); {remedy}") from error
