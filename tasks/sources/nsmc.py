"""NSMC, Korean film reviews with sentiment, as published: https://github.com/e9t/nsmc."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from models import readers
from models.errors import RecipeError
from tasks.sources import Record, Rejected, Source, check_readable, content, matches, record

HEADER = ["id", "document", "label"]
COLUMNS = {"id": "id", "text": "document", "label": "label"}


class Nsmc(Source):
    """`ratings_*.txt`: tab-separated, header `id document label`, and a `"` is part of the text.

    Read with quoting on, a review that begins with a quotation mark swallows the rows after it.
    """

    kind: Literal["nsmc"] = Field(default="nsmc", description="The published NSMC files.")
    train: str = Field(description="Path of ratings_train.txt.")
    validation: str | None = Field(default=None, description="Path of a validation file, where there is one.")
    test: str | None = Field(default=None, description="Path of ratings_test.txt.")

    def identity(self) -> Any:
        """The content of the files, by part."""
        return {"kind": self.kind, "files": [[part, content(path)] for part, path in self._files()]}

    def check(self) -> None:
        """Files are there, and have the published header."""
        for _, path in self._files():
            check_readable(path)
            if (found := readers.header(path, "\t", quoting=False)) != HEADER:
                raise RecipeError(
                    f"{path}, line 1: an NSMC file has the columns {', '.join(HEADER)}, not {', '.join(found)}; "
                    "use 'files' for another format"
                )

    def read(self) -> Iterator[Record | Rejected]:
        """Rows with `id`, `text` and `label`."""
        for part, path in self._files():
            for item in readers.read_delimited(path, "\t", quoting=False):
                if isinstance(item, Rejected):
                    yield item
                else:
                    line, fields = item
                    yield record(fields, COLUMNS, None, path.name, line, part)

    def _files(self) -> list[tuple[str, Path]]:
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return [(part, path) for part, pattern in named.items() if pattern for path in matches(pattern)]
