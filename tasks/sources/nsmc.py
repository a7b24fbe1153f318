"""NSMC, Korean film reviews with sentiment, as published: https://github.com/e9t/nsmc."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from tasks.sources import Record, Rejected, Source
from tasks.sources.files import Files


class Nsmc(Source):
    """`ratings_*.txt`: tab-separated, header `id document label`, and a `"` is part of the text.

    Read with quoting on, a review that begins with a quotation mark swallows the rows after it.
    """

    kind: Literal["nsmc"] = Field("nsmc", description="The published NSMC files.")
    train: str = Field(description="Path of ratings_train.txt.")
    validation: str | None = Field(None, description="Path of a validation file, where there is one.")
    test: str | None = Field(None, description="Path of ratings_test.txt.")

    def identity(self) -> Any:
        """The content of the files, by part."""
        return {"kind": self.kind, "files": self._files().identity()}

    def check(self) -> None:
        """Files are there, and have the published header."""
        self._files().check()

    def read(self) -> Iterator[Record | Rejected]:
        """Rows with `id`, `text` and `label`, validation and test beside train."""
        return self._files().read()

    def _files(self) -> Files:
        paths = {"train": self.train, "validation": self.validation, "test": self.test}
        return Files.model_validate(
            {
                "parts": {part: (path,) for part, path in paths.items() if path},
                "format": "tsv",
                "quoting": False,
                "columns": {"id": "id", "text": "document", "label": "label"},
            }
        )
