"""Registered models by their names: the folders that their files lie in."""

from pathlib import Path

import mlflow.artifacts
from mlflow.exceptions import MlflowException

from models.errors import RecipeError, StoreError
from tasks.storage import artifacts, content
from tasks.storage.connection import client, tracking_uri


def resolve(uri: str) -> Path:
    """Local folder of a registered model (`models:/name/version` or `models:/name@alias`).

    Raises:
        RecipeError: when there is no such model or alias, or its files are damaged.
    """
    name, _, version = uri.removeprefix("models:/").partition("/")
    name, _, alias = name.partition("@")
    try:
        if alias:
            version = client().get_model_version_by_alias(name, alias).version
        source = client().get_model_version_download_uri(name, version)
        place = content.local(source) or _fetched(name, version, source)
    except MlflowException as error:
        if alias and (numbers := versions(name)):
            newest = numbers[-1]
            raise RecipeError(
                f"{name} has no {alias}; it has version{'s' if newest != numbers[0] else ''} {', '.join(numbers)}: "
                f"`headwater promote {name} {newest}` makes one the champion, or ask models:/{name}/{newest}"
            ) from error
        raise RecipeError(f"'{uri}' is not a registered model: {str(error).splitlines()[0]}") from error
    artifacts.check(place)
    return place


def _fetched(name: str, version: str, source: str) -> Path:
    """The files of a version that lie elsewhere: an artifact is fetched once.

    Raises:
        RecipeError: they are gone or damaged.
    """
    found = client().get_model_version(name, version)
    if found.run_id and (key := found.tags.get("headwater.key")):
        try:
            return artifacts.folder(found.run_id, key)
        except StoreError as error:
            raise RecipeError(f"{name}/{version}: {error}") from error
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=source, tracking_uri=tracking_uri()))


def versions(name: str) -> list[str]:
    """The numbers of a registered model's versions; none where there is no such model."""
    try:
        found = client().search_model_versions(f"name = '{name}'")
    except MlflowException:  # a path, say, is no name
        return []
    return [str(number) for number in sorted(int(item.version) for item in found)]
