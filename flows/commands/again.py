"""A run made again: what it takes from what MLflow holds, and how what came out compares with what there was."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.recipe import yaml_text
from models.errors import RecipeError
from models.files import digest, digest_of_part
from tasks.storage import artifacts, lineage, manifest, provenance, runs, sources
from tasks.storage.changes import differences
from tasks.storage.runs import Tracked

_TELL_OF_TIME = ("report", "promote")
"""Steps whose files name times, or versions in a registry: they are another's with each run."""
NOT_MADE = "it was not made again"
_NOT_PASSED_ON = (
    *("MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PREFECT_UI_URL", "PREFECT_HOME"),
    "HEADWATER_WORK",  # what others go on from is not made again
)


@dataclass(frozen=True)
class Attempt:
    """What is made again: the steps of a flow run, or what one step of it needs."""

    flow: Tracked
    recipe: dict[str, Any]
    only: tuple[str, ...]
    steps: list[dict[str, Any]]
    """As they were then."""


def attempt(run: Tracked, only: Sequence[str]) -> Attempt:
    """
    Raises:
        RecipeError: MLflow does not hold what it takes.
    """
    flow = lineage.flow_of(run)
    text = provenance.text(flow.run_id, runs.RECIPE)
    if text is None:
        raise RecipeError(
            f"run {flow.run_id} ({flow.name}) does not hold its recipe; it cannot be made again"
        )
    recipe: Any = yaml_text.parse(text)[0]
    there = [item for item in lineage.steps(flow) if item["run_id"] and item["step"] not in _TELL_OF_TIME]
    if not run.step:
        return Attempt(flow, recipe, tuple(only), there)
    own = next((item for item in there if item["run_id"] == run.run_id), None)
    if own is None:
        raise RecipeError(
            f"run {run.run_id} ({run.name}, {run.status}) made nothing that could be made again"
        )
    node = lineage.of_key(own["key"])
    needed = {node.key, own["key"], *(above.key for above in node.above())}
    _narrow(recipe, own)
    name = own["entry"] if own["mode"] else own["step"]
    return Attempt(flow, recipe, (name,), [item for item in there if item["key"] in needed])


def _narrow(recipe: dict[str, Any], step: Mapping[str, Any]) -> None:
    """Leave of an entry the one mode, number of labels and seed that a step is about; it changes no key."""
    if not step["mode"]:
        return
    if not step["grid"]:
        recipe["gain"] = None
    elif recipe["gain"]:
        recipe["gain"] |= {"entries": [step["entry"]], "modes": [step["mode"]], "seeds": [step["seed"]]}
    for entry in recipe["downstreams"]:
        if entry["name"] == step["entry"]:
            entry["modes"] = [step["mode"]]
            if step["labels"] is not None and not step["grid"]:
                entry["labels"] = [step["labels"]]
            if entry.get("seeds") and not step["grid"]:
                entry["seeds"] = [step["seed"]]


def not_as_then(made: Attempt) -> dict[str, list[Any]]:
    """What is not what it was: files that were read, the project's code, and libraries.

    Raises:
        RecipeError: a file is no longer there.
    """
    then, now = (
        provenance.versions(text)
        for text in (provenance.text(made.flow.run_id, provenance.LOCK) or "", provenance.lock())
    )
    return {
        "files": list(_files(made)),
        "code": provenance.differing(provenance.code(made.flow.run_id), provenance.code_now()),
        "libraries": [{"name": name, "then": a, "now": b} for name, a, b in differences(then, now)]
        if then
        else [],
    }


def _files(made: Attempt) -> Iterator[str]:
    for item in made.steps:
        for file in sources.of(item["run_id"]) or () if item["step"] == "ingest" else ():
            path = Path(file["path"])
            if not path.is_file():
                raise RecipeError(f"{path}, which {item['title']} has read, is no longer there; put it back")
            part = file.get("bytes", "")
            now = digest_of_part(path, *map(int, part.split("-"))) if part else digest(path)
            if now != file["sha256"]:
                yield str(path)


def execute(made: Attempt, folder: Path) -> tuple[int, dict[str, Any], str]:
    """Run it below a folder, with the code of then where that is kept; exit code, what came out, and complaints."""
    recipe, home = folder / "recipe.yaml", folder / "home"
    recipe.write_text(yaml_text.dump(made.recipe), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    environment["HEADWATER_HOME"] = str(home)
    for snapshot in provenance.snapshots(made.flow.run_id):
        with zipfile.ZipFile(snapshot) as archive:
            archive.extractall(folder / "code")
        environment["PYTHONPATH"] = str(folder / "code")
    only = ["--only", ",".join(made.only)] if made.only else []
    # -P: else the working directory comes first, which may be a checkout of today's code.
    command = [sys.executable, "-P", "-m", "flows.cli", "run", str(recipe), "--json", *only]
    said: list[str] = []
    with (folder / "answer.json").open("w+", encoding="utf-8") as answer:
        with subprocess.Popen(
            command, env=environment, stdout=answer, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as child:
            assert child.stderr is not None, "it was asked for"
            for line in child.stderr:
                if line.startswith("headwater: "):
                    said.append(line.removeprefix("headwater: ").strip())
                else:
                    print(line, end="", file=sys.stderr)
        answer.seek(0)
        text = answer.read()
    return child.returncode, json.loads(text) if text.strip() else {"steps": []}, " ".join(said)


def compared(made: Attempt, document: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Each step then and now: the files whose bytes differ, and the largest difference of a score."""
    now = {item["title"]: item for item in document["steps"]}
    return [_step(item, now.get(item["title"]), folder) for item in made.steps]


def _step(then: Mapping[str, Any], now: Mapping[str, Any] | None, folder: Path) -> dict[str, Any]:
    if now is None or not now["run_id"] or now["status"] not in ("run", "hit"):
        why = (now or {}).get("reason") or NOT_MADE
        return {"title": then["title"], "missing": why, "files": [], "scores": {}}
    listed = artifacts.manifest_of(then["run_id"])
    (copy,) = (folder / "home" / "artifacts").glob(f"*/{now['run_id']}/artifacts/{manifest.NAME}")
    before, after = _digests(listed), _digests(json.loads(copy.read_text()))
    scores = {
        name: [value, now["metrics"].get(name)]
        for name, value in then["metrics"].items()
        if name.startswith("test/") and value != now["metrics"].get(name)
    }
    return {
        "title": then["title"],
        "missing": "" if listed else "what it made then is no longer in MLflow",
        "files": [name for name, _, _ in differences(before, after)],
        "scores": scores,
    }


def _digests(listed: Mapping[str, Any] | None) -> dict[str, str]:
    return {item["path"]: item["sha256"] for item in (listed or {"files": []})["files"]}
