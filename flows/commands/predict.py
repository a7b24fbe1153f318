"""`headwater predict`: answers of a model, adapted or only pretrained, as JSON lines."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from pydantic import ValidationError

from models.adapted.files import SETTLED
from models.config import did_you_mean
from models.errors import NetworkError, RecipeError
from models.interfaces.served import Served
from tasks.reading.source import Record, Rejected, matches
from tasks.sources.files import Files
from tasks.storage import artifacts, model_folders
from tasks.storage.champions import CHAMPION

BATCH = 256
_SETTING = re.compile(r"set (encoding|delimiter|format|sheet): (\S+)( in its source)?")
"""What a source tells to write into a recipe."""


def predict(
    model: str,
    inputs: Sequence[str],
    file: str | Path | None,
    out: Path | None,
    form: Mapping[str, str | None] = {},
) -> int:
    """Writes one line of JSON for each input, or for each row of `file`, in their order; gives the exit code.

    An answer to a row of a file says on which `line` the row stands. A row that cannot be read or lacks a text is
    answered by `{"error": …, "line": …}`, and the exit code is then 1. `out` is the whole of the answers or as it was.
    `form` says how the file is written, as the settings of the source `files` do.

    Raises:
        RecipeError: nothing to answer, inputs beside a file, no such model, an input that is not JSON, a file that
            cannot be read or has no column that the model reads, or an `out` that cannot or must not be written.
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
    form = {name: value for name, value in form.items() if value is not None}
    if form and file is None:
        raise RecipeError(f"--{next(iter(form))} says how a file is written: give one with --file")
    if out is not None:
        _check_target(out, None if file is None else Path(file))
    rows = None if file is None else _rows(str(file), form)
    served = opened(model)
    if rows is None:
        requests: Iterator[Request] = (Request(_parsed(text, served)) for text in inputs)
    else:
        first = list(islice(rows, BATCH))
        _check_columns(str(file), first, served)
        requests = (_request(item, served) for item in chain(first, rows))
    with _target(out) as target:
        return 1 if _answer(served, requests, target) else 0


class Request(NamedTuple):
    """What is asked, or why it cannot be, and where it stands in a file."""

    fields: Mapping[str, Any]
    line: int | None = None
    error: str = ""


def _answer(served: Served, requests: Iterator[Request], target: TextIO) -> int:
    """Writes an answer to each request; gives the number of those that cannot be answered."""
    bad = 0
    while batch := list(islice(requests, BATCH)):
        answers = iter(served.predict([item.fields for item in batch if not item.error]))
        for item in batch:
            answer = {"error": item.error} if item.error else next(answers)
            place = {} if item.line is None else {"line": item.line}
            bad += bool(item.error)
            print(json.dumps(answer | place, ensure_ascii=False), file=target)
    return bad


def _check_target(out: Path, file: Path | None) -> None:
    """Raises a RecipeError where answers cannot, or must not, be written to `out`."""
    if file is not None and out.exists() and file.exists() and out.samefile(file):
        raise RecipeError(f"--out {out} is the file with the rows: give the answers a file of their own")
    if out.is_dir():
        raise RecipeError(f"--out {out} is a folder: name a file in it")
    if not out.resolve().parent.is_dir():
        raise RecipeError(f"--out {out}: there is no such folder; make it first")


@contextmanager
def _target(out: Path | None) -> Iterator[TextIO]:
    """Standard output, or a draft that takes the place of `out` once all is written; what is no file (`/dev/null`, a
    pipe) stays what it is."""
    if out is None:
        yield sys.stdout
        return
    if out.exists() and not out.is_file():
        with out.open("w", encoding="utf-8") as target:
            yield target
        return
    out = out.resolve()  # what a link leads to is written, not the link
    draft = out.with_name(f".{out.name}.{os.getpid()}.draft")
    try:
        with draft.open("x", encoding="utf-8") as target:
            yield target
        if out.exists():
            shutil.copymode(out, draft)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def opened(model: str) -> Served:
    """The model that a path, `name@alias`, a `models:/` URI, or a name alone for its champion leads to.

    What was carried over to a downstream answers as that; what was only pretrained, by itself.
    """
    folder = _folder(model)
    if (folder / SETTLED).is_file():
        from models.adapted import serving

        return serving.Served(folder)
    from models.answering import pretrained

    return pretrained.load(folder)


def _folder(model: str) -> Path:
    if model.startswith("models:/"):
        return model_folders.resolve(model)
    if (folder := Path(model).expanduser()).is_dir():
        artifacts.check(folder)
        return folder
    if "@" in model:
        return model_folders.resolve(f"models:/{model}")
    try:
        return model_folders.resolve(f"models:/{model}@{CHAMPION}")
    except RecipeError as error:
        if model_folders.versions(model):
            raise
        raise RecipeError(
            f"{model}: no such folder, and no name@alias or models:/ URI of a registered model"
        ) from error


def _parsed(text: str, served: Served) -> dict[str, Any]:
    """An input of the command line: a JSON object with the fields, or the text of the only one."""
    if text.lstrip().startswith("{"):
        try:
            fields = json.loads(text)
        except json.JSONDecodeError as error:
            raise RecipeError(f"input is not JSON ({error}): {text[:80]}") from error
        _check_options(fields, served)
        return fields
    if len(served.inputs) > 1:
        example = json.dumps(dict.fromkeys(served.inputs, "…"), ensure_ascii=False)
        raise RecipeError(f"this model needs several fields: give '{example}', not the text '{text[:40]}'")
    return {served.inputs[0]: text}


def _check_options(fields: Mapping[str, Any], served: Served) -> None:
    """
    Raises:
        RecipeError: a pretrained model knows no such field, and would leave it out.
    """
    from models.answering.request import Speaker

    known = list(served.request.model_fields) if isinstance(served, Speaker) else list(fields)
    for name in fields:
        if name not in known:
            raise RecipeError(f"unknown field '{name}' in the input{did_you_mean(name, known)}")


def _check_columns(file: str, rows: Sequence[Record | Rejected], served: Served) -> None:
    """
    Raises:
        RecipeError: no row can be answered, since a field that the model needs is no column of the file.
    """
    records = [item for item in rows if not isinstance(item, Rejected)]
    columns = list(dict.fromkeys(name for item in records for name in item.fields))
    reasons = {served.lacking(item.fields) for item in records}
    if len(reasons) == 1 and (reason := reasons.pop()) and not set(served.inputs) <= set(columns):
        raise RecipeError(f"{file}: {reason} of any row; its columns are {', '.join(columns[:20])}")


def _rows(file: str, form: Mapping[str, str]) -> Iterator[Record | Rejected]:
    """Each row, or why it cannot be read."""
    try:
        matches(file, "--file")
        source = Files.model_validate({"paths": (file,), **form})
        source.check()
    except ValidationError as error:
        problem = error.errors()[0]
        told = str(problem["msg"]).removeprefix("Value error, ")
        raise RecipeError(f"--{problem['loc'][0]} {form.get(str(problem['loc'][0]))}: {told}") from error
    except (RecipeError, NetworkError) as error:
        raise RecipeError(_SETTING.sub(r"give --\1 \2", str(error))) from error
    rows = source.read()
    first = next(rows, None)
    if first is None:
        raise RecipeError(f"nothing to answer: {file} holds no rows")
    return chain([first], rows)


def _request(item: Record | Rejected, served: Served) -> Request:
    """A row of a file as it is asked."""
    if isinstance(item, Rejected):
        return Request({}, item.line, item.reason)
    return Request(item.fields, item.line, served.lacking(item.fields) or "")
