"""Models in MLflow's own sense: what its Models tab lists, with their metrics, and registered versions link to.

The files of a model are those of the run that made it. On a disk its folder is a link to them, so that nothing lies
there twice and `models:/m-…` loads; where artifacts lie elsewhere, it holds the small files that the page shows.
"""

import json
import os
import re
import tempfile
from pathlib import Path

from mlflow.entities import Dataset, LoggedModel, LoggedModelInput, LoggedModelOutput, Metric, Run
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS
from mlflow.utils.uri import is_local_uri

from tasks.graph import refs
from tasks.graph.refs import Ref
from tasks.storage import artifacts, datasets
from tasks.storage.connection import client, reaching

_SHOWN = ("MLmodel", "input_example.json", "serving_input_example.json", "README.md")
"""Files that the page of a model shows."""

_ORIGIN = ("mlflow.user", "mlflow.source.")
"""Tags that a model takes from the run that made it."""


def log(run_id: str, ref: Ref) -> None:
    """What a finished step means for models: it made one, or asked one, or measured one."""
    if isinstance(ref, refs.Model | refs.Adapted):
        of(ref)
    elif isinstance(ref, refs.Predictions | refs.Scores):
        adapted = ref.adapted if isinstance(ref, refs.Predictions) else ref.predictions.adapted
        model_id = of(adapted)
        if model_id is not None:
            with reaching():
                client().log_inputs(run_id, models=[LoggedModelInput(model_id)])
                _measure(model_id, client().get_run(run_id), adapted)


def of(ref: refs.Model | refs.Adapted) -> str | None:
    """Id of the logged model that an artifact is, made where there is none; None where MLflow could not load it."""
    made = artifacts.find(ref.key)
    if made is None or ref.about.mode == "baseline":
        return None
    with reaching():
        run = client().get_run(made.run_id)
        outputs = run.outputs.model_outputs if run.outputs else []
        return outputs[0].model_id if outputs else _made(ref, run)


def link(ref: Ref, name: str, version: str) -> None:
    """The page of a logged model names a version that it was registered as."""
    model_id = of(ref) if isinstance(ref, refs.Model | refs.Adapted) else None
    if model_id is None:
        return
    with reaching():
        known = json.loads(client().get_logged_model(model_id).tags.get(MLFLOW_MODEL_VERSIONS, "[]"))
        if (one := {"name": name, "version": version}) not in known:
            client().set_logged_model_tags(model_id, {MLFLOW_MODEL_VERSIONS: json.dumps([*known, one])})


def _made(ref: refs.Model | refs.Adapted, run: Run) -> str:
    """Makes the logged model of a finished run; READY is what comes last, and what counts."""
    about = ref.about.tags()
    origin = {name: value for name, value in run.data.tags.items() if name.startswith(_ORIGIN)}
    params = {name.removeprefix("headwater."): value for name, value in about.items()}
    model = client().create_logged_model(
        run.info.experiment_id,
        _name(ref),
        source_run_id=run.info.run_id,
        tags={"headwater.key": ref.key, **about, **origin},
        params=params,
        model_type=ref.about.kind or ref.about.upstream or ref.step,
    )
    _give_files(model, run)
    _measure(model.model_id, run, ref)
    client().finalize_logged_model(model.model_id, "READY")
    client().log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
    return model.model_id


def _name(ref: Ref) -> str:
    """What the Models tab calls it, of letters that MLflow takes."""
    labels = f"{ref.about.labels}-labels" if ref.about.labels is not None else ""
    seed = f"seed-{ref.about.seed}" if ref.about.several else ""
    parts = (ref.about.downstream or ref.about.upstream or ref.step, ref.about.mode, labels, seed)
    return re.sub(r"[/:.%\"']", "-", "-".join(part for part in parts if part))


def _give_files(model: LoggedModel, run: Run) -> None:
    places = str(model.artifact_location), str(run.info.artifact_uri)
    if all(is_local_uri(place) for place in places):
        target, source = (Path(local_file_uri_to_path(place)) for place in places)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Relative: a home that is moved keeps both.
        target.symlink_to(os.path.relpath(source, target.parent), target_is_directory=True)
        return
    there = {item.path for item in client().list_artifacts(run.info.run_id)}
    with tempfile.TemporaryDirectory() as folder:
        for name in there.intersection(_SHOWN):
            client().download_artifacts(run.info.run_id, name, folder)
        if any(Path(folder).iterdir()):
            client().log_model_artifacts(model.model_id, folder)


def _measure(model_id: str, run: Run, ref: refs.Model | refs.Adapted) -> None:
    """Attaches to a model what a run has measured on held-out rows, each with the rows it was measured on.

    The points are those that the run has: with the same time and place on the curve, MLflow keeps them once.
    """
    measured = {"eval/" if isinstance(ref, refs.Model) else "validation/": "validation", "test/": "test"}
    found = []
    for point in run.data._metric_objs:
        start, _, metric = point.key.partition("/")
        part = measured.get(f"{start}/")
        if part is not None and "_without_" not in metric:
            rows = _rows(ref, part)
            named = (None, None) if rows is None else (rows.name, rows.digest)
            found.append(Metric(point.key, point.value, point.timestamp, point.step, model_id, *named))
    if found:
        client().log_batch(run.info.run_id, metrics=found)


def _rows(ref: refs.Model | refs.Adapted, part: str) -> Dataset | None:
    """A part of what a model was made from."""
    held = [parent for parent in ref.parents() if isinstance(parent, datasets.Held)]
    parted = next((parent for parent in held if isinstance(parent, refs.Corpus | refs.Split)), None)
    return None if parted is None else datasets.of(parted, part)
