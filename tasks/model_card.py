"""What the card of a registered model says, from the steps behind it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from models.adapted.card import Card
from models.adapted.files import SUMMARY, downstream_of, examples
from models.adapted.requests import Asked
from models.bootstrap import interval
from models.data import counts
from models.interfaces.downstream import Downstream
from models.reporting.resampling import Resampling
from tasks.graph import refs
from tasks.reading.remote import file_name
from tasks.running.job import Job


def card(
    job: Job,
    name: str,
    version: str,
    adapted: refs.Adapted,
    scores: Sequence[refs.Scores],
    leaks: refs.Leaks | None,
) -> Card:
    """The card of a version.

    Args:
        scores: of this version and of others.
    """
    folder, rows = job.files(adapted), adapted.rows
    downstream = downstream_of(folder)
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    made = counts.load(job.files(rows))
    own = next((item for item in scores if item.predictions.adapted == adapted), None)
    measured, details = _measured(job, own)
    alike = [
        item for item in scores if _but_for_its_seed(item.predictions.adapted) == _but_for_its_seed(adapted)
    ]
    example = examples(downstream).row(0, named=True)
    return Card(
        name=name,
        version=version,
        kind=downstream.kind,
        mode=summary["mode"],
        labels=summary["rows"]["train"],
        model_class=_model_class(folder),
        texts=tuple(example[name] for name in downstream.inputs),
        request=Asked.of(folder, downstream.inputs).example(example),
        base=base_of(adapted.model),
        licence=licence_of(adapted.model),
        sources=_sources(rows.rows),
        rows=made["parts"],
        set_aside={
            "in quarantine": sum(made["quarantined"].values()),
            "removed": sum(made["removed"].values()),
        },
        leaked=None if leaks is None else leaked(job, leaks),
        headline=downstream.headline,
        scores=measured,
        without_leaks=details.get("without_leaks", {}).get("metrics", {}),
        over_seeds=_over_seeds(job, downstream, alike) if own and len(alike) > 1 else {},
        seeds=len(alike),
        by_label=details.get("by_label", ()),
        temperature=summary["setting"].get("temperature", 1.0),
    )


def _but_for_its_seed(adapted: refs.Adapted) -> Any:
    return {name: value for name, value in adapted.config.identity().items() if name != "seed"}


def _over_seeds(
    job: Job, downstream: Downstream, scores: Sequence[refs.Scores]
) -> dict[str, dict[str, float]]:
    """Means over the seeds of a model, with intervals over seeds and test rows."""
    how: Any = scores[0].config
    resampling = Resampling(downstream, how.resamples, how.seed)
    found = resampling.of({number: job.files(item) for number, item in enumerate(scores)})
    return {name: {"value": value, **interval(found.draws[name])} for name, value in found.values.items()}


def _model_class(folder: Path) -> str:
    """The class by which `transformers` loads the model; one that has learnt nothing has the head it came with."""
    settings = json.loads((folder / "model" / "config.json").read_text(encoding="utf-8"))
    name = settings["architectures"][0].replace("LMHeadModel", "ForCausalLM")
    head = name.partition("For")[2]
    return f"AutoModelFor{head}" if head else "AutoModel"


def leaked(job: Job, leaks: refs.Leaks) -> Mapping[str, int]:
    """By part, the rows that stand in the corpus."""
    found = pl.read_parquet(job.files(leaks) / "leaks.parquet").unique(["part", "row_id"])
    return {part: int((found["part"] == part).sum()) for part in ("validation", "test")}


def _measured(job: Job, scores: refs.Scores | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metrics on test rows, and the details beside them."""
    if scores is None:
        return {}, {}
    folder = job.files(scores)
    metrics, details = (
        json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("metrics", "details")
    )
    return metrics, details


def _sources(made: refs.Ref) -> list[str]:
    """What rows were read from: kinds of sources, and names of files without the folders they lie in."""
    found = []
    for ref in refs.ordered([made]):
        for source in getattr(ref.config, "sources", ()):
            values = source.model_dump(mode="json")
            paths = [
                item for value in values.values() for item in (value if isinstance(value, list) else [value])
            ]
            files = [file_name(item) for item in paths if isinstance(item, str) and "/" in item]
            view = values.get("view") or ", ".join(files)
            found.append(f"{source.kind} ({view})" if view else source.kind)
    return list(dict.fromkeys(found))


def _brought(model: refs.Model | None) -> str:
    """The folder or hub id of a pretrained model that it comes from; empty where all of it was learnt here."""
    config = None if model is None else model.config
    inner = getattr(config, "model", None)
    return getattr(config, "pretrained", None) or getattr(inner, "pretrained", None) or ""


def base_of(model: refs.Model | None) -> str:
    """What a pretrained model is, or comes from."""
    brought = _brought(model)
    if model is None or (brought and model.step == "fetch"):
        return f"{_named(brought)}, as it was" if brought else "none"
    corpus = "; ".join(_sources(model))
    return f"pretrained on {corpus}" + (f", from {_named(brought)}" if brought else "")


def _named(brought: str) -> str:
    """A pretrained model without the folders it lies in."""
    return Path(brought).name if Path(brought).is_dir() else brought


def licence_of(model: refs.Model | None) -> str:
    """That of the base, where a card lies beside it that says so, or all of it was learnt here."""
    brought = _brought(model)
    if not brought:
        return (
            ""
            if model is None
            else "The base model was pretrained from nothing; what holds is the licence of the data."
        )
    card = Path(brought) / "README.md"
    if not card.is_file():
        return ""
    _, _, rest = card.read_text(encoding="utf-8", errors="replace").partition("---\n")
    try:
        head = yaml.safe_load(rest.partition("\n---")[0])
    except yaml.YAMLError:
        return ""
    licence = head.get("license") if isinstance(head, dict) else None
    return f"That of the base model: {licence}." if licence else ""
