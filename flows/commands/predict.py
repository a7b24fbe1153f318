"""`headwater predict`: answers of an adapted model, as JSON lines."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any

from models.adapted.serving import Served
from models.errors import RecipeError
from tasks.reading.source import Record, Rejected
from tasks.sources.files import Files
from tasks.storage import artifacts

BATCH = 256


def predict(model: str, inputs: Sequence[str], file: Path | None, out: Path | None) -> int:
    """Writes one line of JSON for each input, or for each row of `file`, in their order; gives the exit code.

    A row that cannot be read or lacks a text is answered by `{"error": …, "line": …}`, and the exit code is then 1.

    Raises:
        RecipeError: nothing to answer, inputs beside a file, no such model, an input that is not JSON, or a file that
            cannot be read.
        DataError: an input lacks a field.
    """
    if not inputs and file is None:
        raise RecipeError(
            f"nothing to answer: give a text or a JSON object after {model}, or a file of rows with --file"
        )
    if inputs and file is not None:
        raise RecipeError(
            f"there are inputs and --file {file}: give one of the two, and ask again for the other"
        )
    rows = None if file is None else _rows(file)
    served = Served(_folder(model))
    single = served.downstream.inputs[0] if len(served.downstream.inputs) == 1 else None
    requests: Iterator[Mapping[str, Any] | Rejected] = (
        iter([_parsed(text, single) for text in inputs])
        if rows is None
        else (_fields(item, served) for item in rows)
    )
    bad = 0
    with out.open("w", encoding="utf-8") if out is not None else nullcontext(sys.stdout) as target:
        while batch := list(islice(requests, BATCH)):
            answers = iter(served.predict([item for item in batch if not isinstance(item, Rejected)]))
            for item in batch:
                wrong = isinstance(item, Rejected)
                answer = {"error": item.reason, "line": item.line} if wrong else next(answers)
                bad += wrong
                print(json.dumps(answer, ensure_ascii=False), file=target)
    return 1 if bad else 0


def _folder(model: str) -> Path:
    """Where a model lies: a path, `name@alias`, or a `models:/` URI."""
    if model.startswith("models:/"):
        return artifacts.resolve(model)
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    if "@" in model:
        return artifacts.resolve(f"models:/{model}")
    raise RecipeError(f"{model}: no such folder, and no name@alias or models:/ URI of a registered model")


def _parsed(text: str, single: str | None) -> dict[str, Any]:
    """An input of the command line: a JSON object with the fields, or the text of the only one."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError(f"input is not JSON ({error}): {text[:80]}") from error
    if single is None:
        raise RecipeError(f"this model needs several fields: give a JSON object, not the text '{text[:40]}'")
    return {single: text}


def _rows(file: Path) -> Iterator[Record | Rejected]:
    """Each row, or why it cannot be read."""
    source = Files(paths=(str(file),))
    source.check()
    rows = source.read()
    first = next(rows, None)
    if first is None:
        raise RecipeError(f"nothing to answer: {file} holds no rows")
    return chain([first], rows)


def _fields(item: Record | Rejected, served: Served) -> Mapping[str, Any] | Rejected:
    """The fields of a row, or why there is nothing to answer."""
    if isinstance(item, Rejected):
        return item
    lacking = served.lacking(item.fields)
    return Rejected(item.file, item.line, "", lacking, "") if lacking else item.fields
