"""Pretrained models in the model registry, where they answer by themselves."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from models.answering import pretrained
from models.answering.request import Speaker
from models.config import Config
from tasks import packaging, pretrained_card, speaking
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job
from tasks.storage import artifacts, registry
from tasks.storage.champions import Champions
from tasks.storage.lease import lease


class RegisterConfig(Config):
    """Whose model it is."""

    recipe: str = Field(description="Name of the recipe, with which that of the registered model begins.")
    entry: str = Field(description="Name of the recipe's upstream, with which it ends.")
    manual: bool = Field(default=False, description="Whether the champion is chosen by a person alone.")


def _registered(config: RegisterConfig) -> registry.RegisteredModel:
    return registry.RegisteredModel(config.recipe, config.entry)


def _stands(ref: refs.Promotion) -> bool:
    """Whether the version and the alias are there; to which version it was moved is the user's business."""
    assert isinstance(ref.config, RegisterConfig), f"{ref.name} was not made by `register`"
    return _registered(ref.config).stands(ref.parents())


@step(refs.Promotion, process="shared", stands=_stands)
def register(job: Job, config: RegisterConfig, model: refs.Model) -> None:
    """Registers a pretrained model, makes it one that MLflow loads and serves, and the newest the champion.

    The files for that lie beside the model's and are no part of its artifact: to change how it answers trains nothing.
    """
    registered = _registered(config)
    registered.claim()
    speaker = pretrained.load(job.files(model))
    made = artifacts.find(model.key)
    measured = made.metrics if made else {}

    def waiting() -> None:
        job.say(f"another run registers models as {registered.name}; waiting for it")

    with lease(registered.lock, on_wait=waiting, shared=True):
        version = registered.register(model)
        registered.accompany(version, _described(job.scratch / "beside", speaker))
        card = pretrained_card.markdown(registered.name, version, speaker, model, measured)
        registered.describe(version, pretrained_card.summary(speaker, measured), card)
        champions = Champions(registered.name)
        champions.tell_of_hand()
        why = _objection(config, registered, champions, version)
        if not why:
            said = pretrained_card.held_out(measured)
            champions.crown(version, "run", f"champion: it is the newest{said}")
        elif version != champions.current:
            champions.tell(version, f"not the champion: {why}")
    found = {"name": registered.name, "version": version, "crowned": not why, "reason": why}
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (job.out / "registration.json").write_text(text, encoding="utf-8")
    crowned = f"not the champion: {why}" if why else "the champion"
    job.say(f"version {version} of {registered.name}, which {speaker.does}: {crowned}")


def _objection(
    config: RegisterConfig, model: registry.RegisteredModel, champions: Champions, version: str
) -> str:
    """Why a version does not become the champion; empty where it does, or is.

    Losses of other texts, tokenizers or objectives do not compare, so the newest is taken; a person's choice stays.
    """
    last = model.champion()
    if last is not None and last.number == version:
        return ""
    if config.manual:
        return "the recipe says promote: manual"
    if last is None or not last.stands:
        return ""
    if champions.by_hand:
        return f"version {last.number} was made the champion by hand"
    if int(version) <= champions.closed:
        return f"version {last.number} was chosen by a person when it was there"
    return "" if int(version) > int(last.number) else f"version {last.number} is newer"


def _described(folder: Path, speaker: Speaker[Any]) -> Path:
    """What makes a folder with a pretrained model one that MLflow loads: its text is needed, options are not."""
    folder.mkdir(exist_ok=True)
    options = [name for name in speaker.request.model_fields if name not in speaker.inputs]
    example = pd.DataFrame([{"text": speaker.example}])
    packaging.write(folder, (speaking.__name__,), example, packaging.with_options(example, options))
    return folder
