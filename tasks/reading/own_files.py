"""Sources of files that users name themselves: all of them, or those of each part."""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from models.config import did_you_mean
from models.data.encodings import check_encoding
from models.data.lines import UTF8, ends_with_a_byte
from models.data.packed import packing
from models.data.records import Record, Rejected
from models.paths import RecipePath
from tasks.reading.known import known
from tasks.reading.shards import File, Piece, Shard, can_be_cut, grouped, pieces
from tasks.reading.source import FileSource, Part, check_readable, content, matches, shown

_ENCODINGS = ["utf-8", "cp949", "euc-kr", "utf-16", "cp1252"]


class OwnFiles(FileSource):
    """Rows of files that `paths` (or, by part, `parts`) name."""

    paths: tuple[RecipePath, ...] = Field(
        default=(),
        description="Files, globs or addresses (s3://…, https://…); ${VARIABLE} is filled in from the environment.",
    )
    parts: Mapping[Part, tuple[RecipePath, ...]] = Field(
        default={}, description="Files or globs of each published part: train, validation, test."
    )
    encoding: str = Field(
        default=UTF8,
        description="How characters are written as bytes: utf-8, cp949 (Korean Windows), utf-16 …",
    )

    _files: tuple[tuple[str, Path], ...] | None = None
    """Its files, where a shard of it has only some."""
    _digest: str = ""

    @field_validator("paths", mode="before", json_schema_input_type=str | tuple[str, ...])
    @classmethod
    def _one(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else (value,)

    @field_validator("parts", mode="before", json_schema_input_type=Mapping[Part, str | tuple[str, ...]])
    @classmethod
    def _one_each(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {part: cls._one(paths) for part, paths in value.items()}

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name
        except LookupError as error:
            raise ValueError(f"unknown encoding '{value}'{did_you_mean(value, _ENCODINGS)}") from error

    @model_validator(mode="after")
    def _some(self) -> "OwnFiles":
        if not self.paths and not self.parts:
            raise ValueError("name at least one file in 'paths' or 'parts'")
        return self

    def identity(self) -> Any:
        """How files are read, and their content in order; never their paths."""
        fixed = super().identity()
        del fixed["paths"], fixed["parts"]
        files = [[part, *self.form_of(path), self._digest or content(path)] for part, path in self.files()]
        return {**fixed, "files": files}

    @property
    def digest(self) -> str:
        """Of the piece of its file, where a shard has no more; else empty."""
        return self._digest

    def form_of(self, path: Path) -> list[str]:
        """What of a file counts beside its content, such as its format."""
        return []

    def has_lines(self, path: Path) -> bool:
        """Whether each row of a file is a line of it, whatever the encoding."""
        return False

    def shards(self, size: int) -> list[Shard]:
        """Files by name and content; large ones in pieces, of a great many the small ones together."""
        large, others = [], []
        for part, path in self.files():
            cut: list[tuple[Piece, str]] = []
            if path.stat().st_size > size and self.has_lines(path) and can_be_cut(path):
                cut = _cut(path, size)
            if len(cut) > 1 and ends_with_a_byte(self.encoding):
                large += self._pieces(part, path, cut)
            else:
                others.append(File(part, path, shown(path.name), content(path), path.stat().st_size))
        others.sort(key=lambda file: (file.name, file.content))
        return [*large, *(self._group(group) for group in grouped(others))]

    def _pieces(self, part: str, path: Path, cut: list[tuple[Piece, str]]) -> Iterator[Shard]:
        name = shown(path.name)
        for number, (piece, digest) in enumerate(cut):
            source = self._only((part, path))
            source._digest = digest
            told = f"{name} ({number + 1} of {len(cut)})"
            yield Shard(source, told, (name, cut[0][1]), piece.end - piece.start, False, piece)

    def _group(self, files: tuple[File, ...]) -> Shard:
        first, last = files[0], files[-1]
        return Shard(
            self._only(*((file.part, file.path) for file in files)),
            first.name if len(files) == 1 else f"{first.name} … {last.name}",
            (first.name, first.content),
            sum(file.size for file in files),
            packing(first.path) is not None,
        )

    def _only(self, *files: tuple[str, Path]) -> Self:
        """This source of these of its files alone, whatever else its patterns come to name."""
        told: dict[str, tuple[str, ...]] = {}
        for part, path in files:
            told[part] = (*told.get(part, ()), shown(str(path)))
        own = self.model_copy(update={"paths": told.pop("", ()), "parts": told})
        own._files = files
        return own

    def check(self) -> None:
        """Each file exists, is not empty, is in its encoding and of its form."""
        for _, path in self.files():
            check_readable(path)
            check_encoding(path, self.encoding)
            self.check_form(path)

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        """Files in the order of parts and of sorted names."""
        for part, path in self.files():
            yield path, self.rows(path, part)

    def files(self) -> list[tuple[str, Path]]:
        """Every file with its part, globs sorted by name.

        Raises:
            RecipeError: a path or glob names nothing.
        """
        if self._files is not None:
            return list(self._files)
        named = [("", pattern) for pattern in self.paths]
        named += [(part, pattern) for part in sorted(self.parts) for pattern in self.parts[part]]
        return [(part, path) for part, pattern in named for path in matches(pattern)]

    def check_form(self, path: Path) -> None:
        """
        Raises:
            RecipeError: the file is of another format.
        """

    def rows(self, path: Path, part: str) -> Iterator[Record | Rejected]:
        """Every row of one file."""
        raise NotImplementedError


def _cut(path: Path, size: int) -> list[tuple[Piece, str]]:
    def ask() -> list[tuple[dict[str, int], str]]:
        return [(piece.model_dump(), digest) for piece, digest in pieces(path, size)]

    return [(Piece(**piece), digest) for piece, digest in known(path, f"pieces of {size}", ask)]
