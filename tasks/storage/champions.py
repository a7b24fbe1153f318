"""Who is the champion of a registered model, since when and why, and whether Headwater or a person has set the alias.

The registered model remembers it in two tags: the version that Headwater crowned last, and all its decisions.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from mlflow.exceptions import MlflowException

from models.adapted.card import plain
from tasks.storage.connection import client, reaching

CHAMPION = "champion"
"""Alias of the best transferred model."""
CROWNED = "headwater.crowned"
"""Tag of the registered model: the version that Headwater gave the alias last."""
PROMOTIONS = "headwater.promotions"
"""Tag of the registered model: its champions so far, as JSON, the newest last."""
REASON = "headwater.promotion"
"""Tag of a version: why it is the champion, or is not."""
_KEPT = 100
"""Decisions that are remembered."""
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""How MLflow says that there is no model, run or experiment, and no alias."""

By = Literal["run", "promote", "rollback"]


@dataclass(frozen=True)
class Decision:
    """One move of the alias by Headwater."""

    version: str
    by: By
    """A run of the recipe, or a person with `headwater promote` or `headwater rollback`."""
    reason: str
    at: str
    newest: int
    """The highest number of a version then: those are what was chosen from."""


class Champions:
    """The champions of a registered model, as they stood when this was made."""

    def __init__(self, name: str) -> None:
        self.name = name
        with reaching():
            try:
                model = client().get_registered_model(name)
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise
                self.current, self.history, self._crowned = None, (), ""
                return
        current = model.aliases.get(CHAMPION)
        self.current: str | None = None if current is None else str(current)
        self.history: Sequence[Decision] = [
            Decision(**item) for item in json.loads(model.tags.get(PROMOTIONS, "[]"))
        ]
        self._crowned = model.tags.get(CROWNED, "")

    @property
    def by_hand(self) -> bool:
        """Whether somebody else has set the alias."""
        last = self.history[-1].version if self.history else ""
        return self.current is not None and self.current not in (self._crowned, last)

    @property
    def crowned(self) -> bool:
        """Whether Headwater has ever set the alias."""
        return bool(self.history or self._crowned)

    @property
    def closed(self) -> int:
        """Versions up to this number were there when a person chose: a run does not choose one of them instead."""
        return next((item.newest for item in reversed(self.history) if item.by != "run"), 0)

    @property
    def before(self) -> str | None:
        """The champion before the one there is now."""
        return next((item.version for item in reversed(self.history) if item.version != self.current), None)

    @property
    def rolled_back(self) -> bool:
        """Whether the champion is what a rollback has left, so that there is nothing to roll back."""
        return bool(self.history) and self.history[-1].by == "rollback" and not self.by_hand

    def crown(self, number: str, by: By, reason: str) -> None:
        """The alias moves to a version, and that is remembered; nothing changes where Headwater has set it there."""
        if self.current == number and not self.by_hand:
            return
        with reaching():
            versions = client().search_model_versions(f"name = '{self.name}'")
            newest = max(int(item.version) for item in versions)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            made = [*self.history, Decision(number, by, reason, at, newest)][-_KEPT:]
            # In this order: whatever of it a kill leaves undone, the alias is not taken for one that was set by hand.
            client().set_registered_model_tag(self.name, CROWNED, number)
            client().set_registered_model_alias(self.name, CHAMPION, number)
            text = json.dumps([asdict(item) for item in made], ensure_ascii=False)
            client().set_registered_model_tag(self.name, PROMOTIONS, text)
            self.tell(number, reason)
            if self.current is not None and self.current != number and self._is_there(self.current):
                self.tell(self.current, f"no longer the champion: version {number} is, since {at}")
        self.current, self.history, self._crowned = number, made, number

    def tell_of_hand(self) -> None:
        """Keeps on the versions that somebody else has set the alias, where that is so."""
        if not self.by_hand:
            return
        self.tell(str(self.current), "champion: made it by hand")
        if self.history and self._is_there(self.history[-1].version):
            self.tell(
                self.history[-1].version,
                f"no longer the champion: version {self.current} was made it by hand",
            )

    def tell(self, number: str, reason: str) -> None:
        """Keeps on a version, as a tag and at the end of its description, why it is the champion, or is not."""
        with reaching():
            version = client().get_model_version(self.name, number)
            about = (version.description or "").removesuffix(plain(version.tags.get(REASON, ""))).rstrip()
            client().set_model_version_tag(self.name, number, REASON, reason)
            client().update_model_version(self.name, number, f"{about}\n\n{plain(reason)}".strip())

    def _is_there(self, number: str) -> bool:
        with reaching():
            return any(
                str(item.version) == number
                for item in client().search_model_versions(f"name = '{self.name}'")
            )
