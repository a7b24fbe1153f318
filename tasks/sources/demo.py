"""The embedded demo: texts of a small invented Korean world, made on the spot, with dirt in known numbers."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from models.demo_world import dirt
from models.demo_world import rows as world_rows
from models.demo_world.world import World
from models.seeds import Seed
from tasks.reading.source import Record, Rejected, Source


class Demo(Source):
    """A seeded invented world; the corpus and the labelled rows of one seed belong together."""

    kind: Literal["demo"] = Field(
        default="demo", description="An invented Korean world, generated from a seed."
    )
    view: Literal["corpus", "classification", "pair", "ner", "qa", "retrieval", "generation"] = Field(
        default="corpus", description="What to make of the world: the corpus, or rows of a downstream."
    )
    seed: Seed = Field(default=1, description="Another seed is another world.")
    documents: int = Field(
        default=30_000, ge=100, description="Documents in the corpus, before dirt is planted."
    )
    train: int = Field(
        default=4_000, ge=200, description="Labelled rows for training, before dirt is planted."
    )
    validation: int = Field(default=500, ge=20, description="Labelled rows for validation.")
    test: int = Field(default=1_000, ge=20, description="Labelled rows for testing.")

    def check(self) -> None:
        """There is nothing that could be missing."""

    def read(self) -> Iterator[Record | Rejected]:
        """Rows with their place in a file that could be written."""
        views = {"corpus": self._corpus, "classification": self._classification}
        return views.get(self.view, self._rows)()

    def _corpus(self) -> Iterator[Record | Rejected]:
        for line, text in enumerate(dirt.corpus(World(self.seed), self.seed, self.documents), start=1):
            if text == "{":
                yield Rejected(dirt.CORPUS_FILE, line, "", "not JSON", text)
            else:
                yield Record({"id": f"demo:{line}", "source": "demo", "text": text}, dirt.CORPUS_FILE, line)

    def _classification(self) -> Iterator[Record | Rejected]:
        rows = dirt.labelled(World(self.seed), self.seed, self._sizes())
        for line, part, (text, label) in dirt.numbered(rows):
            fields = {"id": f"{part}:{line}", "text": text, "label": label}
            yield Record(fields, dirt.LABELLED_FILE, line, part)

    def _rows(self) -> Iterator[Record | Rejected]:
        made = world_rows.rows(World(self.seed), self.seed, self.view, self._sizes())
        for line, (part, row) in enumerate(made, start=1):
            yield Record(row, f"demo-{self.view}.jsonl", line, part)

    def _sizes(self) -> dict[str, int]:
        return {"train": self.train, "validation": self.validation, "test": self.test}
