"""Folders in the form of BEIR, a benchmark of retrieval: https://github.com/beir-cellar/beir."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from models.data import columns
from models.data.columns import Made
from models.data.encodings import check_encoding
from models.data.lines import UTF8, shown, text_lines, undecodable
from models.data.readers import check_json_lines, read_json_lines
from models.data.records import Record, Rejected, as_text
from models.errors import RecipeError
from models.paths import RecipePath
from tasks.reading.source import FileSource, Part, check_readable, content, expand, matches

_ENDINGS = ("", ".gz", ".bz2", ".xz", ".zst")
_PARTS: dict[Part, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("dev", "validation", "valid"),
    "test": ("test",),
}
"""Part -> what its file of judgements is called."""


class Beir(FileSource):
    """`corpus.jsonl`, `queries.jsonl` and `qrels/train.tsv`, `dev.tsv`, `test.tsv`, each packed or not.

    Each query is a row of every part that judges it, with its passages there. One that no part judges is none. Passages
    and queries have the line of their own file, and malformed judgements that of theirs.
    """

    kind: Literal["beir"] = Field(default="beir", description="A folder in the form of BEIR.")
    path: RecipePath = Field(description="The folder with corpus.jsonl, queries.jsonl and qrels/.")
    passage: Made = Field(
        default=("title", "text"), description="What a passage is made of, as `columns` of the source files."
    )
    encoding: str = Field(default=UTF8, description="How characters are written as bytes.")

    def identity(self) -> Any:
        """The content of the files."""
        fixed = super().identity()
        del fixed["path"]
        return {**fixed, "files": [[name, content(path)] for name, path in self._files().items()]}

    def check(self) -> None:
        """The files are there, with the columns that they need."""
        files = self._files()
        for name, path in files.items():
            check_readable(path)
            check_encoding(path, self.encoding)
            if name in ("corpus", "queries"):
                check_json_lines(path, self.encoding)
        if not any(part in files for part in _PARTS):
            raise RecipeError(
                f"{expand(self.path)}: no judgements in it; put qrels/train.tsv, dev.tsv or test.tsv there"
            )

    def by_file(self) -> Iterator[tuple[Path, Iterable[Record | Rejected]]]:
        files = self._files()
        yield files["corpus"], self._passages(files["corpus"])
        judged: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for part in _PARTS:
            if part in files:
                yield files[part], self._judgements(files[part], judged.setdefault(part, {}))
        yield files["queries"], self._queries(files["queries"], judged)

    @classmethod
    def recognises(cls, path: Path) -> Self | None:
        """A folder, or one of its two files of texts."""
        folder = path if path.is_dir() else path.parent
        names = (
            {item.name.partition(".")[0] for item in folder.glob("*.jsonl*")} if folder.is_dir() else set()
        )
        ours = path.is_dir() or path.name.partition(".")[0] in ("corpus", "queries")
        known = {"corpus", "queries"} <= names and (folder / "qrels").is_dir()
        return cls(path=str(folder)) if ours and known else None

    def _files(self) -> dict[str, Path]:
        """The files by what they are: corpus, queries, and the parts that there are.

        Raises:
            RecipeError: there is no corpus, or there are no queries.
        """
        found = {name: self._one(f"{name}.jsonl") for name in ("corpus", "queries")}
        for name, path in found.items():
            if path is None:
                raise RecipeError(f"{expand(self.path)}: no {name}.jsonl in it, which a folder of BEIR has")
        for part, names in _PARTS.items():
            found[part] = next(filter(None, (self._one(f"qrels/{name}.tsv") for name in names)), None)
        return {name: path for name, path in found.items() if path is not None}

    def _one(self, name: str) -> Path | None:
        for ending in _ENDINGS:
            try:
                return matches(f"{self.path.rstrip('/')}/{name}{ending}")[0]
            except RecipeError as error:
                if "no such file" not in str(error):
                    raise
        return None

    def _passages(self, path: Path) -> Iterator[Record | Rejected]:
        for item in read_json_lines(path, self.encoding):
            if isinstance(item, Rejected) or "_id" not in item[1]:
                yield _no_id(item, path)
                continue
            line, fields = item
            text = columns.value(fields, self.passage)
            yield Record(
                {"id": fields["_id"], "text": text, "passage": True, "relevant": None}, path.name, line
            )

    def _queries(
        self, path: Path, judged: Mapping[str, Mapping[str, list[dict[str, Any]]]]
    ) -> Iterator[Record | Rejected]:
        for item in read_json_lines(path, self.encoding):
            if isinstance(item, Rejected) or "_id" not in item[1]:
                yield _no_id(item, path)
                continue
            line, fields = item
            for part, queries in judged.items():
                if (relevant := queries.get(str(fields["_id"]))) is not None:
                    row = {"id": fields["_id"], "text": fields.get("text"), "passage": False}
                    yield Record(row | {"relevant": relevant}, path.name, line, part)

    def _judgements(self, path: Path, queries: dict[str, list[dict[str, Any]]]) -> Iterator[Rejected]:
        """Fills in what each query asks for; gives the lines that have neither three columns nor TREC's four."""
        for number, line in text_lines(path, self.encoding):
            cells = line.split("\t") if "\t" in line else line.split()
            cells = [cell.strip() for cell in cells]
            if not any(cells) or (number == 1 and not _is_whole(cells[-1])):
                continue
            if (bad := undecodable(path, number, line, self.encoding)) is not None:
                yield bad
            elif len(cells) not in (3, 4):
                yield Rejected(path.name, number, "", "not query, passage and grade", shown(line))
            elif not _is_whole(cells[-1]):
                yield Rejected(path.name, number, "grade", "not a whole number", shown(line), value=cells[-1])
            else:
                relevant = {"passage_id": cells[-2], "grade": int(cells[-1])}
                queries.setdefault(cells[0], []).append(relevant)


def _no_id(item: Any, path: Path) -> Rejected:
    if isinstance(item, Rejected):
        return item
    return Rejected(path.name, item[0], "_id", "missing", as_text(item[1]))


def _is_whole(text: str) -> bool:
    return text.lstrip("-").isdecimal()
