"""The best of the new models against the last champion, on the same rows: who wins, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.adapted.exam import Exam
from models.adapted.rule import Rule, objection


@dataclass(frozen=True)
class Contender:
    """A version, what it said of the rows, and how much room its weights take."""

    version: str
    answers: np.ndarray
    bytes: int


@dataclass(frozen=True)
class Last:
    """The last champion; or why it was not asked, and whether it stays all the same."""

    version: str
    asked: Contender | None
    note: str = ""
    stays: bool = False


@dataclass(frozen=True)
class Contest:
    """What the alias is decided by."""

    exam: Exam
    rule: Rule
    best: Contender
    """Of the new models."""
    last: Last | None
    by_hand: bool
    """Whether a person has given the last champion the alias, past Headwater."""
    newer: bool
    """Whether the best was not there yet when a person last chose a champion with Headwater."""
    checks: Mapping[str, Mapping[str, Any]]
    """Of the rows: by name the `share` of bad ones, and the one `allowed`."""
    resamples: int
    seed: int

    def verdict(self) -> dict[str, Any]:
        """Who becomes the champion, and why."""
        found: dict[str, Any] = {
            "metric": self.exam.downstream.headline,
            "rows": self.exam.rows.height,
            "rule": self.rule.model_dump(mode="json"),
            "checks": self.checks,
            "best": self.best.version,
            "last": self.last and {"version": self.last.version, "note": self.last.note, **self._compared()},
        }
        against = self._against(found)
        return found | {"crowned": not against, "reason": self._reason(found, against)}

    def _compared(self) -> dict[str, Any]:
        """The best and the last on all rows, and on each slice of them."""
        if self.last is None or self.last.asked is None:
            return {}
        new, old, how = self.best.answers, self.last.asked.answers, (self.resamples, self.seed)
        return {
            "validation": self.exam.score(old),
            "difference": self.exam.difference(new, old, *how),
            "slices": self.exam.slices(new, old, self.rule.slice_rows, *how),
        }

    def _against(self, found: Mapping[str, Any]) -> str:
        """Why the alias is not given to the best; empty where it is."""
        for name, check in self.checks.items():
            if check["share"] > check["allowed"]:
                return f"{check['share']:.1%} of {name}, and 'promote' allows {check['allowed']:.1%}"
        if self.rule.when == "manual":
            return "promotion is manual"
        if self.last is None:
            return ""
        if self.last.asked is None:
            return self.last.note if self.last.stays else ""
        if self.by_hand:
            return f"version {self.last.version} was made the champion by hand"
        if self.last.version == self.best.version:
            return ""
        if not self.newer:
            return f"version {self.last.version} was chosen when this one was there already"
        smaller = self.best.bytes < self.last.asked.bytes
        return objection(self.rule, found["last"]["difference"], found["last"]["slices"], smaller)

    def _reason(self, found: Mapping[str, Any], against: str) -> str:
        """In a sentence that stands on the version."""
        rows, last = f"{found['rows']:,} validation rows", found["last"] or {}
        score = f"{found['metric']} {self.exam.score(self.best.answers):.3f} on {rows}"
        if "difference" in last and last["version"] != self.best.version:
            gap = last["difference"]
            interval = f"{gap['value']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]"
            score += f"; version {last['version']} has {last['validation']:.3f}, the difference is {interval}"
        return f"not the champion: {against}; {score}" if against else f"champion: {score}"


def told(name: str, found: Mapping[str, Any]) -> str:
    """What became of the alias of the registered model `name`, in one line."""
    best, last = found["best"], found["last"] or {}
    note = f"; {last['note']}" if last.get("note") and last["note"] not in found["reason"] else ""
    if found["crowned"]:
        before = f" in place of version {last['version']}" if last and last["version"] != best else ""
        return f"version {best} of {name} is the champion{before}{note}"
    stays = f"version {last['version']} of {name} stays the champion" if last else f"{name} has no champion"
    advice = "" if "difference" in last else f"; `headwater promote {name} {best}` makes it the champion"
    return f"{stays}; version {best} is {found['reason']}{note}{advice}"
