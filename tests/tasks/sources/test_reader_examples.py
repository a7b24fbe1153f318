"""The examples of docs/readers.md are read as they stand there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.recipe.entry import DownstreamPart
from tasks.reading.source import Record

PAGE = Path(__file__).parents[3] / "docs" / "readers.md"
SECTIONS = {
    found[1]: found[2]
    for found in re.finditer(r"^## `(\w+)`.*?\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)
}


def values(text: str) -> list[Any]:
    """JSON values one after the other, over several lines or not."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def files(kind: str, example: str, folder: Path) -> list[str]:
    """The example in files."""
    texts = {"conll": example} if kind == "conll" else {}
    for number, value in enumerate([] if texts else values(example)):
        several = isinstance(value, list) or "data" in value
        texts[f"{number}.{'json' if several else 'jsonl'}"] = json.dumps(value)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in texts]


@pytest.mark.parametrize(("kind", "rows"), [("conll", 1), ("squad", 2), ("chat", 2), ("annotations", 4)])
def test_they_are_rows_and_their_recipes_are_right(kind: str, rows: int, tmp_path: Path) -> None:
    example, recipe = re.findall(r"```\w*\n(.*?)```", SECTIONS[kind], re.S)[:2]
    (entry,) = yaml.safe_load(recipe)["downstreams"]
    source = DownstreamPart.model_validate(entry).data[0]
    paths = files(kind, example, tmp_path)
    source = type(source).model_validate({**source.model_dump(exclude={"parts"}), "paths": paths})
    source.check()
    found = list(source.read())
    assert len(found) == rows and all(isinstance(item, Record) for item in found)
