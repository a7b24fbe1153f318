"""The registered models that a run writes to."""

from collections.abc import Iterable

from tasks.graph import refs
from tasks.promote import PromoteConfig
from tasks.register import RegisterConfig
from tasks.storage.registry import RegisteredModel


def check_registered(targets: Iterable[refs.Ref]) -> None:
    """
    Raises:
        RecipeError: a registered model that one of the `targets` writes to is somebody else's.
    """
    for ref in targets:
        if isinstance(ref.config, PromoteConfig | RegisterConfig):
            RegisteredModel(ref.config.recipe, ref.config.entry).check()
