"""A corpus that grows by a file: only that file is encoded, with the tokenizer there is."""

import json
from pathlib import Path
from typing import Any

from flows.graph.corpus import corpus_ref
from flows.graph.pretraining import model_refs
from flows.recipe.recipe import Recipe
from tasks.graph import refs
from tests.support import recipes


def keys(folder: Path, files: range, **encode: Any) -> dict[str, set[str]]:
    """By step, the keys of all that a model of texts in these files is made from."""
    for number in files:
        rows = [{"text": f"{number}번째 파일의 {row}번째 글"} for row in range(3)]
        path = folder / f"text-{number:03d}.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    small = recipes.SMALL
    (upstream,) = small["upstreams"]
    written = recipes.write(
        folder,
        small
        | {
            "corpus": {"sources": [{"kind": "files", "paths": [f"{folder}/*.jsonl"]}]},
            "upstreams": [upstream | {"encode": {"sequence_length": 32, **encode}}],
        },
    )
    recipe = Recipe.load(written)
    _, model = model_refs(recipe, recipe.upstreams[0], corpus_ref(recipe))
    found: dict[str, set[str]] = {}
    for ref in refs.ordered([model]):
        found.setdefault(ref.step, set()).add(ref.key)
    return found


def test_a_new_file_is_ingested_and_encoded_alone_and_the_tokenizer_stays_until_there_are_twice_as_many(
    tmp_path: Path,
) -> None:
    before = keys(tmp_path, range(20))
    after = keys(tmp_path, range(20, 21))
    for step in ("ingest", "validate", "encode"):
        assert before[step] < after[step] and len(after[step]) == 21, step
    assert after["tokenizer"] == before["tokenizer"]
    assert not after["hold_out"] & before["hold_out"] and not after["pretrain"] & before["pretrain"]
    twice = keys(tmp_path, range(21, 32))
    assert not twice["tokenizer"] & before["tokenizer"]


def test_what_documents_see_of_each_other_is_settled_after_they_are_encoded(tmp_path: Path) -> None:
    apart, across = (keys(tmp_path, range(3), across_documents=across) for across in (False, True))
    assert apart["encode"] == across["encode"]
    assert not apart["pretrain"] & across["pretrain"]
