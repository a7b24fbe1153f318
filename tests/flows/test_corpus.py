"""A corpus of many files: what a new one costs, in which order they count, and how they are shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.commands.together import together
from flows.graph.corpus import corpus_ref, shards
from flows.recipe.recipe import Recipe
from tasks.graph.refs import Ref, ordered
from tests.support.recipes import SMALL, write


def of_files(tmp_path: Path, *sources: dict[str, Any], **settings: Any) -> Recipe:
    corpus = {"sources": [{"kind": "files"} | source for source in sources], **settings}
    return Recipe.load(write(tmp_path, SMALL | {"corpus": corpus}))


def write_file(folder: Path, name: str, *texts: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
    return str(folder / name)


def steps(recipe: Recipe) -> list[Ref]:
    corpus = corpus_ref(recipe)
    assert corpus is not None
    return ordered([corpus])


def test_a_new_file_of_a_hundred_is_the_only_one_that_is_read(tmp_path: Path) -> None:
    for number in range(99):
        write_file(tmp_path / "texts", f"{number:03}.txt", f"글 {number}", f"다른 글 {number}")
    recipe = of_files(tmp_path, {"paths": [f"{tmp_path}/texts/*.txt"]})
    before = steps(recipe)
    write_file(tmp_path / "texts", "050-new.txt", "새 글")
    new = [ref for ref in steps(recipe) if ref not in before]
    assert [ref.title for ref in new] == ["ingest (050-new.txt)", "validate (050-new.txt)", "hold_out"]


def test_paths_and_sources_in_another_order_are_the_same_corpus(tmp_path: Path) -> None:
    paths = [write_file(tmp_path / name, "rows.txt", f"글 {name}", "모두의 글") for name in ("b", "a", "c")]
    one = of_files(tmp_path, {"paths": paths})
    other = of_files(tmp_path, {"paths": paths[2]}, {"paths": paths[1::-1]})
    assert steps(one)[-1] == steps(other)[-1]
    twins = [{"paths": paths[0]}, {"paths": paths[0], "by_line": False}]
    assert steps(of_files(tmp_path, *twins))[-1] == steps(of_files(tmp_path, *twins[::-1]))[-1]
    assert [shard.ref.about.shard for shard in shards(one)] == ["rows.txt", "rows.txt#2", "rows.txt#3"]


def test_the_shards_of_a_step_are_one_line() -> None:
    rows = [
        {"name": f"ingest ({n})", "of_shards": "ingest", "status": "hit", "seconds": None} for n in range(99)
    ]
    rows.append({"name": "ingest (99)", "of_shards": "ingest", "status": "run", "seconds": 4.0})
    rows.append({"name": "hold_out", "of_shards": "", "status": "run", "seconds": 1.0})
    shown = [(row["name"], row["told"], row["seconds"]) for row in together(rows, ("seconds",))]
    assert shown == [("ingest, 100 shards", "1 run, 99 hit", 4.0), ("hold_out", "run", 1.0)]


@pytest.mark.slow
def test_shards_add_up_and_a_new_file_is_all_that_is_read(tmp_path: Path, headwater: Callable) -> None:
    texts = [f"{number}번째 글은 다른 글과 같지 않다" for number in range(60)]
    for number in range(3):
        write_file(tmp_path / "texts", f"{number}.txt", *texts[number * 15 : number * 15 + 30], "")
    write_file(tmp_path / "texts", "broken.jsonl", '{"text": "좋은 글"}', "{")
    sources = [{"kind": "files", "paths": [f"{tmp_path}/texts/*.txt", f"{tmp_path}/texts/*.jsonl"]}]
    recipe = write(tmp_path, SMALL | {"name": "shards", "corpus": {"sources": sources}})
    made = headwater("run", recipe, "--only", "hold_out", "--json")
    assert made.code == 0, made.err
    found = {step["title"]: step for step in json.loads(made.out)["steps"]}
    counted = found["hold_out"]["metrics"]
    assert (counted["rows/read"], counted["rows/removed"], counted["rows/kept"]) == (92, 30, 61)
    assert counted["rows/quarantined"] == 1 == found["validate (broken.jsonl)"]["metrics"]["rows/quarantined"]
    assert "validate: 4 shards" in made.err and "validate (0.txt)" not in made.err

    refused = headwater("run", recipe, "--only", "hold_out", "--set", "corpus.quarantine=0.001")
    assert refused.code == 1
    assert "the first is broken.jsonl, line 2" in " ".join(refused.err.split())

    write_file(tmp_path / "texts", "1-new.txt", "새 글")
    more = headwater("run", recipe, "--only", "hold_out", "--steps")
    assert more.code == 0, more.err
    lines = [" ".join(line.split()) for line in more.out.splitlines()]
    assert [line.partition(" hit")[0] for line in lines if "shards" in line] == [
        "ingest, 5 shards 1 run, 4",
        "validate, 5 shards 1 run, 4",
    ]
