"""Standard output and error that take any text, whatever their encoding, also where nobody reads it any more."""

import codecs
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # help is answered without it
    from rich.console import Console

_ESCAPED = "headwater.escaped"
_FILE_WIDTH = 140
"""Columns of a table in a file, which has no width to fit."""


class Unread(Exception):
    """Nobody reads standard output any more, as after `| head`."""


def prepare() -> None:
    """Make both streams safe to write to; what an encoding lacks is written as JSON escapes it."""
    codecs.register_error(_ESCAPED, _escaped)
    for number, name, kind in ((1, "stdout", _Output), (2, "stderr", _Courtesy)):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell; the next file to be opened would take its place
            setattr(sys, name, open(_nothing(number), "w", encoding="utf-8", closefd=False))  # noqa: SIM115
        elif stream is getattr(sys, f"__{name}__"):
            raw = io.BufferedWriter(kind(number, "w", closefd=False))
            lines = stream.line_buffering
            setattr(sys, name, io.TextIOWrapper(raw, stream.encoding, _ESCAPED, line_buffering=lines))


def read_utf8() -> None:
    """Begin this process anew where it takes arguments and names of files for ASCII, in which no Korean can be said."""
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def console(**settings: Any) -> "Console":
    """Standard output for tables."""
    from rich.console import Console

    made = Console(**settings)
    if not made.is_terminal:
        made.width = _FILE_WIDTH
    return made


def tell(console: "Console", text: str, **style: Any) -> None:
    """Print a text, broken at words where a terminal has no more room, else as it is; a long word stays whole."""
    lines = _at_words(text, console.width) if console.is_terminal else [text]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True, **style)


def _at_words(text: str, width: int) -> Iterator[str]:
    from rich.cells import cell_len

    for whole in text.split("\n"):
        line, *words = whole.split(" ")
        for word in words:
            if line.strip() and cell_len(f"{line} {word}") > width:
                yield line
                line = word
            else:
                line += f" {word}"
        yield line


def printable(text: str) -> str:
    """Text of files may hold what a terminal would obey."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


class _Output(io.FileIO):
    """Says once that what is written is lost."""

    lost = False

    def write(self, data: Any) -> int:
        """
        Raises:
            Unread: nobody reads it.
            OSError: its disk is full, say.
        """
        if self.lost:
            return len(data)
        try:
            return super().write(data)
        except OSError as error:
            self.lost = True
            if isinstance(error, BrokenPipeError):
                raise Unread from error
            raise OSError(error.errno, error.strerror, "standard output") from error


class _Courtesy(io.FileIO):
    """Progress and errors: that nobody reads them must not fail what they are about."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _nothing(number: int) -> int:
    """A file descriptor that, also for child processes, writes into nothing."""
    made = os.open(os.devnull, os.O_WRONLY)
    if made != number:
        os.dup2(made, number)
        os.close(made)
    os.set_inheritable(number, True)
    return number
