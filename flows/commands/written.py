"""Sources that `headwater init` has found, as a recipe writes them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.commands.looking import Labelled
from tasks.reading.remote import Fetched, is_remote


def source(given: Labelled, parts: Mapping[str, Sequence[Path]], folder: Path) -> dict[str, Any]:
    """The settings of a source of labelled rows: its files by part as a recipe in `folder` names them, its columns."""
    settings = {"kind": given.source.kind, **_set_to(given)}
    by_part = {part: paths(files, folder) for part, files in parts.items()}
    first = by_part.get("train") or by_part[""]
    fields = type(given.source).model_fields
    if not {"paths", "parts"} <= {*fields}:
        # There is a field for each file, or one for a folder that one of them lies in.
        named = {str(place): paths([place], folder)[0] for place in (given.looked_at, given.looked_at.parent)}
        settings = {
            name: named.get(value, value) if isinstance(value, str) and name != "kind" else value
            for name, value in settings.items()
        }
        others = [part for part in ("validation", "test") if part in fields]
        return settings | {part: by_part[part][0] for part in others if part in by_part}
    by_name = {part: by_part[part] for part in ("train", "validation", "test") if part in by_part}
    settings |= {"parts": by_name} if by_name else {"paths": first}
    if given.guess.columns:
        settings["columns"] = {**_id(given), **given.guess.columns}
    if given.guess.group:
        settings["group"] = given.guess.group
    return settings


def as_corpus(given: Labelled, folder: Path) -> dict[str, Any]:
    """The settings of a source that reads the texts of labelled training rows as plain text."""
    settings = source(given, {"": given.parts.get("train") or given.parts[""]}, folder)
    if is_plain(given):
        made = [given.guess.made_of(name) for name in given.guess.reads]
        names = [name for item in made for name in ([item] if isinstance(item, str) else item)]
        settings = {name: value for name, value in settings.items() if name not in ("columns", "group")}
        settings |= {"columns": {"text": names[0] if len(names) == 1 else names}} if names != ["text"] else {}
    return settings


def is_plain(given: Labelled) -> bool:
    """Whether rows are those of plain files, whose columns can be named."""
    return given.source.kind == "files"


def paths(named: Sequence[Path | str], folder: Path) -> list[str]:
    """Paths as a recipe in `folder` names them: from it where they lie near, in its parent or with it in the working
    directory, else whole; addresses as they are."""
    return [address or _seen_from(folder.resolve(), path) for path in named for address in [_address(path)]]


def _address(path: Path | str) -> str:
    if isinstance(path, str):
        return path if is_remote(path) else ""
    return path.url if isinstance(path, Fetched) else ""


def _seen_from(folder: Path, path: Path | str) -> str:
    whole = Path(os.path.abspath(Path(path).expanduser()))
    around = [place for place in (folder.parent, Path.cwd()) if folder.is_relative_to(place)]
    return os.path.relpath(whole, folder) if any(map(whole.is_relative_to, around)) else str(whole)


def _set_to(given: Labelled) -> dict[str, Any]:
    """How a source is set up, but for what it is told of files and columns."""
    told = {"kind", "paths", "parts", "columns", "group"}
    return given.source.model_dump(mode="json", exclude_defaults=True, exclude_none=True, exclude=told)


def _id(given: Labelled) -> dict[str, str]:
    """The column of ids, where one names every row."""
    named = [name for name in given.rows[0] if name.lower().endswith("id") and name != "id"]
    unique = [name for name in named if len({str(row.get(name)) for row in given.rows}) == len(given.rows)]
    return {"id": unique[0]} if unique and "id" not in given.rows[0] else {}
