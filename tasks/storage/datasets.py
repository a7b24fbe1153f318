"""The data that steps read, as MLflow's datasets: name, digest, rows, columns and part.

No row is read for it: files of Parquet and Arrow say themselves what they hold, and the manifest has their digests.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from models.data import counts
from tasks.graph import refs
from tasks.graph.refs import Ref
from tasks.storage import artifacts, manifest
from tasks.storage.connection import client, reaching, tracking_uri

Held = refs.Ingested | refs.Validated | refs.Corpus | refs.Split | refs.Sequences
"""Artifacts that hold rows."""
_SOURCE = "local"
"""Of MLflow's kinds of source the one that loads any address; ours is `runs:/…`, which holds wherever a home moves."""
_READ = {
    "adapt": ("train", "validation"),
    "leaks": ("validation", "test"),
    "predict": ("test",),
    "promote": ("validation",),
    "score": ("test",),
}
"""By step, the parts of its rows that it reads; other steps read all that there are."""
_DIGITS = 12
_FEW = 8
"""Shards of which each is named as a dataset where they are read together."""
_TRIES = 3
_SCHEMA = 1_000_000
"""Characters of a schema that MLflow takes, and a little less."""


def log_inputs(run_id: str, ref: Ref) -> None:
    """Say in MLflow which data the step of `ref` reads."""
    several = [items for items in ref.inputs.values() if isinstance(items, tuple) and len(items) > _FEW]
    apart = {item.key for items in several for item in items}
    found = [item for parent in ref.parents() if parent.key not in apart for item in _read(ref.step, parent)]
    found += [_tagged(_of_shards(items), "rows") for items in several if isinstance(items[0], Held)]
    if found:
        _log(run_id, found)


def log_sources(run_id: str, ref: Ref, files: Sequence[Mapping[str, str]], out: Path) -> None:
    """Say in MLflow which files a step has read, each by its `file` and `sha256`; `out` holds what it made of them."""
    if not files:  # rows that are made up on the spot
        return
    names = [item["file"] for item in files]
    content = json.dumps([[item["file"], item["sha256"]] for item in files])
    read = counts.load(out)["read"]
    dataset = Dataset(
        name=f"{_name(ref)}/files",
        digest=sha256(content.encode()).hexdigest()[:_DIGITS],
        source_type=_SOURCE,
        source=json.dumps(
            {"uri": names[0] if len(names) == 1 else f"{len(names)} files", "files": names[:500]}
        ),
        profile=json.dumps({"num_rows": read, "num_files": len(names)}),
    )
    _log(run_id, [_tagged(dataset, "source")])


def _log(run_id: str, found: Sequence[DatasetInput]) -> None:
    """Name datasets as inputs of a run.

    MLflow looks for a dataset and then adds it, so of two processes that name a new one at once the second fails; asked
    again it finds it.
    """
    with reaching():
        for left in reversed(range(_TRIES)):
            try:
                return client().log_inputs(run_id, found)
            except MlflowException as error:
                if not left or "unique" not in str(error).lower():
                    raise


def of(ref: Held, part: str) -> Dataset | None:
    """One part of an artifact as a dataset; None where it has no such part."""
    return _parts(tracking_uri(), ref).get(part)


def _read(step: str, parent: Ref) -> Iterator[DatasetInput]:
    if isinstance(parent, Held):
        for part, dataset in _parts(tracking_uri(), parent).items():
            if part in _READ.get(step, (part,)):
                yield _tagged(dataset, part)


def _of_shards(items: Sequence[Ref]) -> Dataset:
    """What many shards hold, as one dataset: each is one of its own where it is made."""
    keys = json.dumps([item.key for item in items])
    return Dataset(
        name=f"{_name(items[0])}/shards",
        digest=sha256(keys.encode()).hexdigest()[:_DIGITS],
        source_type=_SOURCE,
        source=json.dumps({"uri": f"{len(items)} artifacts of {items[0].step}"}),
        profile=json.dumps({"num_shards": len(items)}),
    )


def _tagged(dataset: Dataset, context: str) -> DatasetInput:
    return DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, context)])


@lru_cache(maxsize=256)
def _parts(store: str, ref: Held) -> dict[str, Dataset]:
    """What an artifact holds, by part: rows that are in none yet are `rows`."""
    made = artifacts.find(ref.key)
    if made is None:
        return {}
    folder = artifacts.folder(made.run_id, ref.key)
    listed = json.loads((folder / manifest.NAME).read_text(encoding="utf-8"))["files"]
    digests = {item["path"]: item["sha256"] for item in listed}
    if isinstance(ref, refs.Corpus):
        return _of_corpus(ref, made.run_id, folder, digests)
    found = {}
    for part in ("rows", "train", "validation", "test"):
        for path in (folder / f"{part}.parquet", folder / f"{part}.arrow"):
            if path.is_file():
                rows, schema = _shape(path)
                found[part] = Dataset(
                    name=f"{_name(ref)}/{part}",
                    digest=digests[path.name][:_DIGITS],
                    source_type=_SOURCE,
                    source=json.dumps({"uri": f"runs:/{made.run_id}/{path.name}"}),
                    schema=_columns(schema),
                    profile=json.dumps({"num_rows": rows}),
                )
    return found


def _of_corpus(ref: refs.Corpus, run_id: str, folder: Path, digests: Mapping[str, str]) -> dict[str, Dataset]:
    """The parts of a corpus, whose rows stay in its shards: which they are is in one file."""
    return {
        part: Dataset(
            name=f"{_name(ref)}/{part}",
            digest=digests["parts.parquet"][:_DIGITS],
            source_type=_SOURCE,
            source=json.dumps({"uri": f"runs:/{run_id}/parts.parquet"}),
            profile=json.dumps({"num_rows": number}),
        )
        for part, number in counts.load(folder)["parts"].items()
    }


def _name(ref: Ref) -> str:
    """The entry whose rows these are, else the corpus, with the upstream for which it was cut into tokens."""
    corpus = f"corpus/{ref.about.upstream}" if ref.about.upstream else "corpus"
    return ref.about.downstream or corpus


def _shape(path: Path) -> tuple[int, pa.Schema]:
    """Rows and columns of a file."""
    if path.suffix == ".parquet":
        about = pq.read_metadata(path)
        return about.num_rows, about.schema.to_arrow_schema()
    with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
        return sum(batch.num_rows for batch in stream), stream.schema


def _columns(schema: pa.Schema) -> str | None:
    """Columns as MLflow's page shows them."""
    columns = [
        {"name": item.name, "type": str(item.type).replace("large_", ""), "required": False}
        for item in schema
    ]
    text = json.dumps({"mlflow_colspec": columns}, ensure_ascii=False)
    return text if len(text) < _SCHEMA else None
