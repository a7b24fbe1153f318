"""The model registry: the registered model of a recipe's entry, its versions, and which of them is the champion."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mlflow.entities.model_registry as entities
from mlflow.exceptions import MlflowException

from models.adapted.card import FILE as CARD
from models.config import did_you_mean
from models.errors import RecipeError, StoreError
from tasks.graph.refs import Ref
from tasks.storage import artifacts, decoration, model_folders
from tasks.storage.champions import ABSENT, CHAMPION, Champions
from tasks.storage.connection import client, reaching

RECIPE, ENTRY, KEY = "headwater.recipe", "headwater.name", "headwater.key"


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    model: str
    number: str
    run_id: str
    key: str
    """Of the artifact that it is; empty for one that somebody has registered by hand."""

    @property
    def stands(self) -> bool:
        """Whether its files are there, as far as that can be said."""
        return not self.key or artifacts.intact(self.run_id)

    def folder(self) -> Path | None:
        """Its files; None where they are gone."""
        if self.key:
            return artifacts.folder(self.run_id, self.key) if self.stands else None
        try:
            found = model_folders.resolve(f"models:/{self.model}/{self.number}")
        except RecipeError:
            return None
        return found if found.is_dir() else None


@dataclass(frozen=True)
class RegisteredModel:
    """The registered model `<recipe>-<entry>`.

    Another entry of another recipe may come to the same name, so tags say whose it is.
    """

    recipe: str
    entry: str

    @classmethod
    def named(cls, name: str) -> "RegisteredModel":
        """The registered model that MLflow calls so.

        Raises:
            RecipeError: there is none, or it is not of Headwater's making.
        """
        found = _found(name)
        if found is None:
            with reaching():
                known = client().search_registered_models(max_results=1000)
            names = [model.name for model in known if RECIPE in model.tags]
            hint = did_you_mean(name, names) if names else ": there are none yet"
            raise RecipeError(f"no registered model is named '{name}'{hint}")
        tags = found.tags
        if RECIPE not in tags or ENTRY not in tags or f"{tags[RECIPE]}-{tags[ENTRY]}" != name:
            raise RecipeError(
                f"the registered model '{name}' was made by somebody else: set its aliases in MLflow"
            )
        return cls(tags[RECIPE], tags[ENTRY])

    @property
    def name(self) -> str:
        """What MLflow calls it."""
        return f"{self.recipe}-{self.entry}"

    @property
    def lock(self) -> str:
        """The lease under which its versions and its alias are changed."""
        return f"registered {self.name}"

    def check(self) -> None:
        """
        Raises:
            RecipeError: there is a model of this name, and it is somebody else's.
        """
        model = _found(self.name)
        if model is None:
            return
        tagged = {(str(model.tags.get(RECIPE)), str(model.tags.get(ENTRY)))} if RECIPE in model.tags else None
        owners = self._makers() if tagged is None else tagged
        if owners == {(self.recipe, self.entry)}:
            return
        others = [f"entry '{entry}' of recipe '{recipe}'" for recipe, entry in sorted(owners)]
        whose = f"is of {' and '.join(others)}" if others else "was made by somebody else"
        raise RecipeError(
            f"the registered model '{self.name}' {whose}, and entry '{self.entry}' of recipe '{self.recipe}' would "
            "share it: rename the recipe or the entry"
        )

    def claim(self) -> None:
        """Makes it where there is none; one of an earlier version of Headwater gets its tags.

        Raises:
            RecipeError: it is somebody else's.
        """
        tags = {RECIPE: self.recipe, ENTRY: self.entry}
        with reaching():
            try:
                client().create_registered_model(self.name, tags=tags)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                self.check()
                for tag, value in tags.items():
                    client().set_registered_model_tag(self.name, tag, value)

    def register(self, ref: Ref) -> str:
        """Number of the version that is the artifact of `ref`; made where there is none whose files are there."""
        made = artifacts.find(ref.key)
        if made is None:
            raise StoreError(f"{ref.title} is no longer in the store; run the flow again to make it")
        same = (item for item in self._versions() if item.run_id == made.run_id or item.key == ref.key)
        for version in same:
            if version.stands:
                return version.number
        with reaching():
            run = client().get_run(made.run_id)
            names = (KEY, "headwater.labels", *ref.about.tags())
            tags = {tag: run.data.tags[tag] for tag in names if tag in run.data.tags}
            source = str(run.info.artifact_uri)
            version = str(client().create_model_version(self.name, source, made.run_id, tags=tags).version)
        decoration.registered(ref, self.name, version)
        return version

    def version(self, number: str) -> Version:
        """A version by its number.

        Raises:
            RecipeError: there is none of that number, or its files are gone.
        """
        versions = {item.number: item for item in self._versions()}
        if number not in versions:
            there = ", ".join(sorted(versions, key=int)) or "none"
            raise RecipeError(f"{self.name} has no version '{number}': there are {there}")
        if versions[number].folder() is None:
            raise RecipeError(f"version {number} of {self.name} cannot be used: its files are gone")
        return versions[number]

    def describe(self, number: str, summary: str, card: str) -> None:
        """Puts the card of a version beside its files, and a summary where nothing is said of it yet."""
        version = next(item for item in self._versions() if item.number == number)
        with reaching():
            client().log_text(version.run_id, card, CARD)
            if not client().get_model_version(self.name, number).description:
                client().update_model_version(self.name, number, summary)

    def accompany(self, number: str, folder: Path) -> None:
        """Puts files beside those of a version, no part of its artifact: what makes it a model of MLflow's, say."""
        version = next(item for item in self._versions() if item.number == number)
        with reaching():
            client().log_artifacts(version.run_id, str(folder))

    def champion(self) -> Version | None:
        """The version that the alias names, whoever has set it."""
        with reaching():
            try:
                return self._version(client().get_model_version_by_alias(self.name, CHAMPION))
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise
                return None

    def stands(self, made: Iterable[Ref]) -> bool:
        """Whether each of what was `made` is a version, and the alias names one if it has to, all with their files."""
        wanted, versions = {ref.key for ref in made}, self._versions()
        there = [item for item in versions if item.key in wanted and item.stands]
        if {item.key for item in there} != wanted:
            return False
        champions = Champions(self.name)
        if champions.current is None:
            return not champions.crowned
        champion = [item for item in versions if item.number == champions.current]
        return any(item in there or item.stands for item in champion)

    def _versions(self) -> list[Version]:
        with reaching():
            found = client().search_model_versions(f"name = '{self.name}'")
        return [self._version(item) for item in found]

    def _version(self, item: entities.ModelVersion) -> Version:
        return Version(self.name, str(item.version), item.run_id or "", item.tags.get(KEY, ""))

    def _makers(self) -> set[tuple[str, str]]:
        """Recipe and entry of each run that a version came from; none where it was no run of Headwater's."""
        makers = set()
        for version in self._versions():
            with reaching():
                try:
                    run = client().get_run(version.run_id)
                    experiment = client().get_experiment(run.info.experiment_id)
                except MlflowException as error:
                    if error.error_code not in ABSENT:
                        raise
                    continue
            if ENTRY in run.data.tags:
                makers.add((experiment.name, run.data.tags[ENTRY]))
        return makers


def _found(name: str) -> entities.RegisteredModel | None:
    with reaching():
        try:
            return client().get_registered_model(name)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
            return None
