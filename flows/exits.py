"""How a command ends: its exit code, and what went wrong in one line each, never as a traceback."""

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from flows import terminal
from models.errors import HeadwaterError, RecipeError
from tasks import environment
from tasks.storage import place, work

FAILED, WRONG, INTERRUPTED, UNREAD = 1, 2, 130, 141
"""A step failed; something was wrong before the first step; Ctrl-C; nobody reads any more. All good is 0."""


def begin() -> None:
    """What comes first: the folder of all state is there, and sound, and parts of one's own are found.

    Raises:
        HeadwaterError: the folder cannot be used.
    """
    from models import outside  # not for help, which is answered at once

    environment.make_home()
    work.check()
    place.settle()
    outside.look_in(Path.cwd())


def answered(command: Callable[..., int]) -> Callable[..., int]:
    """`command` with an exit code for each of its errors; the folder of all state is there and sound beforehand."""

    @wraps(command)
    def answer(*arguments: Any, **options: Any) -> int:
        try:
            begin()
            return command(*arguments, **options)
        except terminal.Unread:
            raise
        except RecipeError as error:
            return _told(error, WRONG, options)
        except HeadwaterError as error:
            return _told(error, FAILED, options)
        except OSError as error:
            return say(f"{error.filename or environment.home()}: {error.strerror or error}", FAILED)
        except KeyboardInterrupt:
            return say("stopped", INTERRUPTED)
        except Exception as error:  # noqa: BLE001 the outermost place: a bug is shown as one line too
            return _unexpected(error)

    return answer


def say(message: str, code: int) -> int:
    """Say what is wrong on standard error; gives the exit code."""
    lines = [f"headwater: {line}" for line in environment.public(message).splitlines()]
    if not sys.stderr.isatty():
        print("\n".join(lines), file=sys.stderr)
        return code
    console = terminal.console(stderr=True)
    for line in lines:
        terminal.tell(console, line)
    return code


def _told(error: HeadwaterError, code: int, options: Mapping[str, Any]) -> int:
    """What is wrong, for people; where one JSON document was asked for, for scripts too."""
    if options.get("as_json"):
        lines = environment.public(str(error)).splitlines()
        status = "wrong" if code == WRONG else "failed"
        print(json.dumps({"status": status, "reason": "; ".join(lines), "errors": lines}, ensure_ascii=False))
    return say(str(error), code)


def _unexpected(error: Exception) -> int:
    """A bug, or a disk that is full: libraries say that in many words of their own."""
    try:
        environment.check_disk()
    except HeadwaterError as cause:
        return say(str(cause), FAILED)
    log = environment.home() / "logs" / "traceback.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(environment.public(traceback.format_exc()), encoding="utf-8")
    words = " ".join(str(error).split())[:300]
    return say(f"unexpected {type(error).__name__}: {words} (see {log})", FAILED)
