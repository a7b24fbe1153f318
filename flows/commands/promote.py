"""`headwater promote` and `headwater rollback`: a person decides which version is the champion."""

from models.errors import RecipeError
from tasks.storage.champions import By, Champions
from tasks.storage.lease import lease
from tasks.storage.registry import RegisteredModel


def promote(name: str, version: str, reason: str) -> int:
    """Makes a version the champion; does nothing where it is that already.

    Raises:
        RecipeError: no such model or version, or it is not Headwater's, or the version's files are gone.
    """
    model = RegisteredModel.named(name)
    model.version(version)
    return _crown(model, version, "promote", reason or "chosen with `headwater promote`")


def rollback(name: str, reason: str) -> int:
    """Makes the champion before the one there is now champion again; does nothing after a rollback.

    Raises:
        RecipeError: no such model, or it is not Headwater's, or there was no champion before, or its files are gone.
    """
    model = RegisteredModel.named(name)
    champions = Champions(name)
    if champions.rolled_back:
        print(f"version {champions.current} of {name} is the champion already, since it was rolled back to")
        return 0
    before = champions.before
    if before is None:
        raise RecipeError(
            f"{name} has had no other champion to go back to: name a version, `headwater promote {name} VERSION`"
        )
    try:
        model.version(before)
    except RecipeError as error:
        raise RecipeError(
            f"{error}; it was the champion before: name another, `headwater promote {name} VERSION`"
        ) from error
    return _crown(
        model, before, "rollback", reason or f"rolled back from version {champions.current or 'none'}"
    )


def _crown(model: RegisteredModel, version: str, by: By, reason: str) -> int:
    with lease(model.lock, shared=True):
        champions = Champions(model.name)
        last = champions.current
        if last == version and not champions.by_hand:
            print(f"version {version} of {model.name} is the champion already")
            return 0
        champions.crown(version, by, f"champion: {reason}")
    before = f" in place of version {last}" if last not in (None, version) else ""
    print(f"version {version} of {model.name} is the champion{before}")
    return 0
