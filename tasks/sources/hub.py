"""Data sets by hub id, read through `datasets`. No code of a data set is ever run."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from models import hub
from models.errors import DataError, NetworkError, RecipeError
from tasks.reading.source import COLUMNS, Made, Part, Record, Rejected, Source, record


class Hub(Source):
    """Splits of a data set on the hub, at one commit."""

    kind: Literal["hub"] = Field(default="hub", description="A data set on the Hugging Face hub.")
    dataset: str = Field(description="The data set's id, such as owner/name.")
    name: str | None = Field(default=None, description="The data set's configuration, where it has several.")
    revision: str = Field(
        default="",
        description="Commit, branch or tag, which is followed; left out, the commit that was found at the first run.",
    )
    splits: Mapping[Part, str] = Field(
        default={"train": "train"}, description="Our part -> the data set's split."
    )
    columns: Mapping[str, Made] = Field(default={}, description=COLUMNS)
    group: str | None = Field(
        default=None, description="The column whose rows must stay in one part, such as premise."
    )

    def asked_by(self) -> Mapping[str, Made]:
        return self.columns

    def identity(self) -> Any:
        """The settings, with the commit in place of a branch's name."""
        return {**super().identity(), "revision": self._commit()}

    def check(self) -> None:
        """The data set can be found.

        Raises:
            RecipeError: unknown id, or no network.
        """
        self._commit()

    def read(self) -> Iterator[Record | Rejected]:
        """Rows of each split; the split's row number stands for the line."""
        import datasets  # it takes long, and whoever reads a recipe need not wait for it
        from datasets.exceptions import DatasetNotFoundError
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        unreachable = (OSError, HfHubHTTPError, OfflineModeIsEnabled, DatasetNotFoundError, ValueError)
        commit = self._commit()
        for part, split in sorted(self.splits.items()):
            try:
                rows: Any = datasets.load_dataset(self.dataset, self.name, split=split, revision=commit)
            except unreachable as error:
                network = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
                raise (NetworkError if network else DataError)(
                    f"{self.dataset}, split '{split}': cannot be loaded ({_line(error)})"
                ) from error
            for line, fields in enumerate(rows, start=1):
                yield record(fields, self.columns, self.group, f"{self.dataset}/{split}", line, part)

    def pins(self) -> list[hub.Pin]:
        return [hub.pinned("dataset", self.dataset, self.revision)]

    def origins(self) -> list[dict[str, str]]:
        """The data set at its commit."""
        return [{"file": self.dataset, "path": f"hf://datasets/{self.dataset}", "sha256": self._commit()}]

    def _commit(self) -> str:
        """The commit that is meant."""
        try:
            return self.pins()[0].commit
        except (DataError, NetworkError) as error:
            raise RecipeError(
                f"{self.dataset}: the hub cannot say which data this is ({error}); check the id and the network, or "
                "use 'files'"
            ) from error


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
