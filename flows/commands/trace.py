"""`headwater trace`: from a test prediction back to its row, file and line, and to the models and data behind it."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from flows import terminal
from models.adapted.files import SETTLED
from models.config import did_you_mean
from models.data.counts import so_many, so_many_labels
from models.data.records import PROVENANCE
from models.errors import RecipeError
from models.interfaces.downstream import Downstream, DownstreamField
from tasks.storage import lineage, runs
from tasks.storage.lineage import Node

_FILES = 20
"""Files of a corpus that are named; a corpus may have thousands."""
_GONE = "no longer in MLflow"


def trace(run_id: str, row_id: str, as_json: bool) -> int:
    """Prints where the prediction for a test row comes from; gives the exit code.

    Raises:
        RecipeError: no such run or row, or nothing was predicted with it.
    """
    document = _document(lineage.predictions(run_id), row_id)
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
        return 0
    console = terminal.console(highlight=False)
    for name, text in _lines(document):
        terminal.tell(console, f"{name:<12}{terminal.printable(text)}")
    return 0


def _document(predictions: Node, row_id: str) -> dict[str, Any]:
    """All there is to say, JSON-able."""
    (rows,), (adapted,) = predictions.inputs["rows"], predictions.inputs["adapted"]
    prediction = _prediction(predictions, rows, row_id)
    row = _find(rows, "test", row_id) or {}
    behind = adapted.above(but=("rows",))
    return {
        "row_id": row_id,
        "row": {name: value for name, value in row.items() if name not in PROVENANCE},
        "prediction": prediction,
        "gold": {name: row[name] for name in _gold(predictions) if name in row},
        "file": row.get("file"),
        "line": row.get("line"),
        "part": "test",
        "sources": _sources(rows, row.get("file", "")),
        "predictions": _shown(predictions),
        "split": _shown(rows),
        "models": {
            "adapted": _shown(adapted),
            "pretrained": [_shown(node) for node in behind if node.step in ("pretrain", "fetch")],
        },
        "tokenizer": [_shown(node) for node in behind if node.step == "tokenizer"],
        "corpus": [item for node in _corpora(behind) for item in _corpus(node, behind)],
        "gone": [node.key for node in (adapted, *behind) if node.run is None],
    }


def _prediction(predictions: Node, rows: Node, row_id: str) -> dict[str, Any]:
    """What was predicted for a row: once, or by each draw of demonstrations.

    Raises:
        RecipeError: nothing was; says why, or which row may be meant.
    """
    table = pl.scan_parquet(predictions.folder() / "predictions.parquet")
    found = table.filter(pl.col("id") == row_id).collect()
    if not found.is_empty():
        made = [_plain(row) for row in found.drop("id", "draw", strict=False).to_dicts()]
        return made[0] if len(made) == 1 else {"draws": made}
    for part in ("train", "validation", "pool"):
        if _find(rows, part, row_id):
            raise RecipeError(f"row '{row_id}' is of part '{part}'; only rows of part 'test' are predicted")
    known = table.select("id").collect()["id"].to_list()
    near = difflib.get_close_matches(row_id, known, n=1)
    hint = did_you_mean(row_id, near) if near else f"; ids look like '{known[0]}' and '{known[-1]}'"
    raise RecipeError(f"run {_run_id(predictions)} predicted no row '{row_id}'{hint}")


def _find(rows: Node, part: str, row_id: str) -> dict[str, Any] | None:
    """A row of one part, if it is there, without columns that only other sources fill."""
    path = rows.folder() / f"{part}.parquet"
    found = pl.scan_parquet(path).filter(pl.col("id") == row_id).collect() if path.is_file() else None
    if found is None or found.is_empty():
        return None
    return _plain({name: value for name, value in found.row(0, named=True).items() if value is not None})


def _gold(predictions: Node) -> list[str]:
    """Columns that hold the right answer: those that follow the inputs in the schema.

    There are none where today's code no longer knows the downstream of then; the row shows them all the same.
    """
    settled = (predictions.folder() / SETTLED).read_text(encoding="utf-8")
    try:
        downstream = TypeAdapter[Downstream](DownstreamField).validate_json(settled)
    except ValueError:
        return []
    columns = list(downstream.schema().columns)
    last = max(columns.index(name) for name in downstream.inputs)
    return [name for name in columns[last + 1 :] if name != downstream.pool]


def _sources(rows: Node, file: str) -> list[dict[str, Any]]:
    """Who read the file that rows call `file`, and where it lay then."""
    readers = [node for node in rows.above() if node.step == "ingest"]
    return [{"paths": lineage.sources(node, file), "run": _shown(node)} for node in readers]


def _corpora(behind: Sequence[Node]) -> list[Node]:
    """The corpora behind a model; where there is only a tokenizer, this, with the shards it was learnt from."""
    held_out = [node for node in behind if node.step == "hold_out"]
    return held_out or [node for node in behind if node.step == "tokenizer" and node.inputs.get("shards")]


def _corpus(corpus: Node, behind: Iterable[Node]) -> list[dict[str, Any]]:
    """Each file of a corpus, with its documents, who read it for which corpus, and what learnt from that."""
    parts = {corpus.key, *(node.key for node in lineage.shards(corpus))}
    users = {
        node.step for node in behind if parts & {item.key for items in node.inputs.values() for item in items}
    }
    users = sorted(users - {"hold_out"})
    return [
        {
            "file": file,
            "documents": documents,
            "sources": [{"paths": lineage.sources(reader, own), "run": _shown(reader)}],
            "split": _shown(corpus),
            "used_by": users,
        }
        for file, documents, reader, own in lineage.documents(corpus)
    ]


def _shown(node: Node) -> dict[str, Any]:
    """An artifact and the run that made it, which is null where MLflow has it no more."""
    shown: dict[str, Any] = {"key": node.key, "run_id": None, "kept": node.kept or None}
    if node.run is None:
        return shown
    told = ("name", "upstream", "downstream", "mode", "labels", "seed")
    about = {name: node.run.tags.get(f"headwater.{name}") for name in told}
    return shown | {
        "run_id": node.run.run_id,
        "experiment_id": node.run.experiment_id,
        "url": runs.run_url(node.run.experiment_id, node.run.run_id),
        "step": node.step,
        "title": node.run.name,
        "about": {name: value for name, value in about.items() if value},
    }


def _run_id(node: Node) -> str:
    return node.run.run_id if node.run else ""


# ---- for people


def _lines(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is said, as a name and a text a line."""
    models = document["models"]
    lines = [("row", document["row_id"])]
    lines += [(f"  {name}", _json(value)) for name, value in document["row"].items() if name != "id"]
    predicted = document["prediction"].get("draws", [document["prediction"]])
    lines += [("predicted", _json(prediction)) for prediction in predicted]
    lines += [("gold", _json(document["gold"]))] if document["gold"] else []
    lines += [("file", f"{document['file']}, line {document['line']}")]
    lines += _readers(document["sources"])
    lines += [
        ("part", f"{document['part']}, of {_named(document['split'])}"),
        ("by", _named(document["predictions"])),
    ]
    lines += [("adapted", _named(models["adapted"]))]
    nothing = [] if document["gone"] else ["none"]
    for name, made in (("pretrained", models["pretrained"]), ("tokenizer", document["tokenizer"])):
        lines += [(name, text) for text in [_named(item) for item in made] or nothing]
    for item in document["corpus"][:_FILES]:
        parts = ", ".join(f"{number:,} of {part}" for part, number in item["documents"].items())
        lines += [("corpus", f"{item['file']}, documents: {parts}; used by {', '.join(item['used_by'])}")]
        lines += [*_readers(item["sources"]), ("  part", f"of {_named(item['split'])}")]
    if (more := len(document["corpus"]) - _FILES) > 0:
        lines += [("corpus", f"and {so_many(more, 'file')} more, which --json names")]
    lines += [] if document["corpus"] else [("corpus", text) for text in nothing]
    lines += [("gone", f"key {key[:12]}: {_GONE}") for key in document["gone"]]
    return [*lines, ("next", f"headwater up, then {document['predictions']['url']}")]


def _readers(sources: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [
        ("  read", " ".join(["by", _named(item["run"]), *(f"from {path}" for path in item["paths"])]))
        for item in sources
    ]


def _named(made: Mapping[str, Any]) -> str:
    """An artifact's step, what tells it from its siblings, and its run."""
    if made["run_id"] is None:
        return f"key {made['key'][:12]}, {_GONE}"
    about = made["about"]
    detail = [about["upstream"]] if "upstream" in about else []
    detail += [so_many_labels(int(about["labels"]))] if "labels" in about else []
    kept = f", kept: {made['kept']}" if made["kept"] else ""
    return f"{made['title']}{' (' + ', '.join(detail) + ')' if detail else ''}, run {made['run_id']}{kept}"


def _plain(value: Any) -> Any:
    """JSON-able: what is not a number is null."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
