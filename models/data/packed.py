"""Packed files: gzip, bzip2, xz and zstd, known by their first bytes and never by their names."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

CHUNK = 1 << 17


@dataclass(frozen=True)
class Packing:
    """A way to pack a file, and how it is read."""

    name: str
    suffix: str
    mark: bytes
    """How such a file begins."""
    open: Callable[[str], Any]


def _zstd(path: str) -> Any:
    import pyarrow  # it takes a tenth of a second to import, and few files are packed so

    return pyarrow.CompressedInputStream(path, "zstd")


PACKINGS = (
    Packing("gzip", ".gz", b"\x1f\x8b", gzip.open),
    Packing("bzip2", ".bz2", b"BZh", bz2.open),
    Packing("xz", ".xz", b"\xfd7zXZ\x00", lzma.open),
    # Arrow's, which says when a file breaks off: the reader of `zstandard` takes that for its end.
    Packing("zstd", ".zst", b"\x28\xb5\x2f\xfd", _zstd),
)


class Broken(Exception):
    """A packed file breaks off, or is damaged."""


def packing(path: Path) -> Packing | None:
    """How a file is packed; None where it is not."""
    with path.open("rb") as file:
        begin = file.read(max(len(item.mark) for item in PACKINGS))
    return next((item for item in PACKINGS if begin.startswith(item.mark)), None)


def unpacked_name(name: str) -> str:
    """A file's name without the ending that says how it is packed."""
    suffix = next((item.suffix for item in PACKINGS if name.lower().endswith(item.suffix)), "")
    return name[: len(name) - len(suffix)]


def opened(path: Path) -> BinaryIO:
    """A file's bytes, unpacked; reading them raises `Broken` where it breaks off or is damaged."""
    how = packing(path)
    if how is None:
        return path.open("rb")
    return cast(BinaryIO, io.BufferedReader(_Unpacked(path, how), CHUNK))


class _Unpacked(io.RawIOBase):
    """What is packed in a file. Going back reads it from the beginning again."""

    def __init__(self, path: Path, how: Packing) -> None:
        self._path, self._how = path, how
        self._at, self._file = 0, how.open(str(path))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        try:
            read = self._file.read(len(buffer))
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise self._broken(error) from error
        except OSError as error:
            if error.errno is not None:  # the disk, not what lies on it
                raise
            raise self._broken(error) from error
        buffer[: len(read)] = read
        self._at += len(read)
        return len(read)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            while self.read(CHUNK):
                pass
        target = offset + (0 if whence == io.SEEK_SET else self._at)
        if target < self._at:
            self._file.close()
            self._at, self._file = 0, self._how.open(str(self._path))
        while self._at < target and self.read(min(CHUNK, target - self._at)):
            pass
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _broken(self, error: Exception) -> Broken:
        return Broken(f"the {self._how.name} file is broken here ({str(error) or type(error).__name__})")
