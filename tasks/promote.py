"""Transferred models in the model registry, and which of them is the champion."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from models.adapted.card import markdown, summary
from models.adapted.contest import Contender, Contest, Last, told
from models.adapted.exam import Exam
from models.adapted.files import SETTLED, SUMMARY, downstream_of, train_rows, weight_bytes
from models.adapted.predicting import load
from models.adapted.rule import Rule
from models.config import Config
from models.data import counts
from models.data.draws import draw
from models.interfaces.downstream import Downstream
from models.seeds import derive
from tasks.graph import refs
from tasks.graph.step import step
from tasks.model_card import card, leaked
from tasks.running.failures import Stopped, may_heal, reason
from tasks.running.job import Job
from tasks.storage import manifest, registry
from tasks.storage.champions import Champions
from tasks.storage.lease import lease


class PromoteConfig(Config):
    """Whose models they are, and how they are compared."""

    recipe: str = Field(description="Name of the recipe, with which that of the registered model begins.")
    entry: str = Field(description="Name of the recipe's entry, with which it ends.")
    rule: Rule = Field(default=Rule(), description="When one of them becomes the champion.")
    validation_rows: int | None = Field(
        default=None, ge=1, description="Validation rows at most, the same for all models. None: all."
    )
    resamples: int = Field(default=1000, ge=100, description="Bootstrap resamples of the validation rows.")
    seed: int = Field(default=1, description="Draws the resamples, and the rows where they are not all.")


def _registered(config: PromoteConfig) -> registry.RegisteredModel:
    return registry.RegisteredModel(config.recipe, config.entry)


def _stands(ref: refs.Promotion) -> bool:
    """Whether the versions and the alias are there; to which version it was moved is the user's business."""
    assert isinstance(ref.config, PromoteConfig), f"{ref.name} was not made by `promote`"
    model = _registered(ref.config)
    if not model.stands(ref.adapted):
        return False
    if said := _by_hand(Champions(model.name)):
        logging.getLogger("headwater").warning("%s: %s", ref.title, said)
    return True


def _by_hand(champions: Champions) -> str:
    """What to say of an alias that somebody else has set; empty where nobody has."""
    if not champions.by_hand:
        return ""
    return (
        f"version {champions.current} of {champions.name} was made the champion by hand and stays, until "
        f"`headwater promote` or `headwater rollback {champions.name}`"
    )


@step(refs.Promotion, process="shared", gpu=True, stands=_stands)
def promote(
    job: Job,
    config: PromoteConfig,
    rows: refs.Split,
    adapted: tuple[refs.Adapted, ...],
    scores: tuple[refs.Scores, ...] = (),
    leaks: refs.Leaks | None = None,
) -> None:
    """Registers every transferred model; the alias goes to the best on all validation rows, if the rule lets it.

    Settings of a model of few labels were chosen by few of these rows. Here all models, and the last champion, are
    asked the same ones. Scores on test rows are for the card of a model alone.
    """
    model = _registered(config)
    model.claim()

    def waiting() -> None:
        job.say(f"another run registers models as {model.name}; waiting for it")

    with lease(model.lock, on_wait=waiting, shared=True):
        versions = {item: model.register(item) for item in adapted}
        folders = {version: job.files(item) for item, version in versions.items()}
        exam = _exam(job, config, rows, next(iter(folders.values())))
        asked = {
            version: _asked(job, exam, version, folder, f"version {version}")
            for version, folder in folders.items()
        }
        champions = Champions(model.name)
        newer = [version for version in folders if int(version) > champions.closed]
        best = max(
            newer or folders, key=lambda item: (exam.rank(asked[item].answers), *_preference(folders[item]))
        )
        last = model.champion()
        contest = Contest(
            exam,
            config.rule,
            asked[best],
            None if last is None else _last(job, exam, last, asked, rows),
            champions.by_hand,
            bool(newer),
            _checks(job, config.rule, rows, leaks),
            config.resamples,
            config.seed,
        )
        found = contest.verdict()
        _describe(job, model, versions, scores, leaks)
        champions.tell_of_hand()
        if found["crowned"]:
            champions.crown(best, "run", found["reason"])
        ranks = {version: exam.score(item.answers) for version, item in asked.items()}
        for version in folders:
            if version == best and (found["crowned"] or version != champions.current):
                champions.tell(version, found["reason"])
            elif version != champions.current:
                champions.tell(version, _behind(exam, ranks, version, best))
    text = json.dumps({"name": model.name, "validation": ranks, **found}, indent=2, ensure_ascii=False)
    (job.out / "promotion.json").write_text(text, encoding="utf-8")
    job.metrics({f"validation/{exam.downstream.headline}": ranks[best]})
    job.say(told(model.name, found))


def _describe(
    job: Job,
    model: registry.RegisteredModel,
    versions: Mapping[refs.Adapted, str],
    scores: tuple[refs.Scores, ...],
    leaks: refs.Leaks | None,
) -> None:
    """Each version gets a card, with its scores on test rows, on which nothing here depends."""
    for item, version in versions.items():
        made = card(job, model.name, version, item, scores, leaks)
        model.describe(version, summary(made), markdown(made))


def _behind(exam: Exam, ranks: Mapping[str, float], version: str, best: str) -> str:
    """Why a version is not the best of the new ones."""
    headline, rows = exam.downstream.headline, f"{exam.rows.height:,} validation rows"
    return (
        f"not the champion: version {best} comes before it; {headline} {ranks[version]:.3f} against {ranks[best]:.3f} "
        f"on {rows}"
    )


def _checks(job: Job, rule: Rule, rows: refs.Split, leaks: refs.Leaks | None) -> dict[str, dict[str, Any]]:
    """Of the rows the models are compared and scored on: by name, the `share` of bad ones, and the one `allowed`."""
    made = counts.load(job.files(rows.rows))
    shares = {"the labelled rows are in quarantine": sum(made["quarantined"].values()) / made["read"]}
    allowed = dict.fromkeys(shares, rule.quarantined)
    if leaks is not None:
        sizes = counts.load(job.files(rows))["parts"]
        found = leaked(job, leaks)
        for part in ("validation", "test"):
            name = f"the {part} rows stand in the corpus"
            shares[name] = found[part] / sizes[part]
            allowed[name] = rule.leaked
    return {name: {"share": share, "allowed": allowed[name]} for name, share in shares.items()}


def _exam(job: Job, config: PromoteConfig, rows: refs.Split, candidate: Path) -> Exam:
    """All validation rows; where the entry caps them, those that its models of most labels were chosen by."""
    folder, downstream = job.files(rows), downstream_of(candidate)
    validation = pl.read_parquet(folder / "validation.parquet")
    validation = draw(validation, config.validation_rows, derive(config.seed, "validation"))
    pool = pl.read_parquet(folder / "pool.parquet") if downstream.pool else validation.clear()
    return Exam(downstream, validation, pool)


def _asked(job: Job, exam: Exam, version: str, folder: Path, title: str) -> Contender:
    """The answers of a model."""
    downstream, predictor = load(folder, job.workplace.device)
    answers = exam.answers(downstream, predictor, lambda done, total: job.progress(done, total, title))
    return Contender(version, answers, weight_bytes(folder))


def _preference(folder: Path) -> tuple[int, int]:
    """Of equally good models the one that has learnt from more labels is taken, then that of fewer weights."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    return train_rows(folder), -summary["trainable_parameters"]


def _last(
    job: Job, exam: Exam, last: registry.Version, asked: Mapping[str, Contender], rows: refs.Split
) -> Last:
    """Asks the last champion.

    One that nobody can use any more makes room for the best of the candidates. One that is for something else, or not
    of Headwater's making, cannot be compared with them, and it is not for us to take the alias from it.
    """
    if last.number in asked:
        return Last(last.number, asked[last.number])
    folder = last.folder()
    if folder is None:
        return Last(
            last.number, None, note=f"the files of version {last.number} are gone", stays=not last.key
        )
    try:
        if other := _stranger(folder, exam.downstream):
            note = f"it cannot be compared with version {last.number}, which {other}"
            return Last(last.number, None, note=note, stays=True)
        found = _asked(job, exam, last.number, folder, f"the last champion, version {last.number}")
    except Stopped:
        raise
    except Exception as error:  # whatever files that are damaged, or of another Headwater, may lead to
        # Of files they cannot read, libraries raise an OSError without a number.
        if may_heal(error) and not (isinstance(error, OSError) and error.errno is None):
            raise
        return Last(last.number, None, note=f"version {last.number} can no longer be loaded: {reason(error)}")
    return Last(last.number, found, _changed(last.number, folder, rows))


def _stranger(folder: Path, downstream: Downstream) -> str:
    """Why a model has nothing to do with this entry; empty where it has."""
    if not (folder / SETTLED).is_file() or not (folder / "model").is_dir():
        return "is not a model that Headwater has carried over"
    kind = json.loads((folder / SETTLED).read_text(encoding="utf-8"))["kind"]
    if kind != downstream.kind:
        return f"is for {kind}, and this entry for {downstream.kind}"
    measured = downstream_of(folder).headline
    if measured != downstream.headline:
        return f"is measured by {measured}, and this entry by {downstream.headline}"
    return ""


def _changed(number: str, folder: Path, rows: refs.Split) -> str:
    """What to say of a model that comes from other labelled rows than the candidates."""
    listed = folder / manifest.NAME
    if not listed.is_file() or manifest.inputs(listed).get("rows") == rows.key:
        return ""
    return (
        f"version {number} comes from other labelled rows, since files, settings or code have changed, and may have "
        "learnt from some of those it was compared on"
    )
