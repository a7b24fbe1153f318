"""Where probes happen, and the job that a step's body gets there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from models.workplace import Workplace
from tasks.graph.refs import Ref
from tasks.running.job import Silent


@dataclass(frozen=True)
class Stage:
    """Where probes happen."""

    folder: Path
    workplace: Workplace
    there: Mapping[str, Path]
    """Folders of artifacts that are there already, by key."""

    def clock(self) -> float:
        """Seconds since some moment. For a single thread it is the processor's time that counts: what other programs
        take of it meanwhile is not the step's."""
        alone = self.workplace.threads == 1 and self.workplace.device == "cpu"
        return time.process_time() if alone else time.perf_counter()


class Watched(Silent):
    """A job that keeps nothing, and notes when it was told of progress."""

    def __init__(self, stage: Stage, name: str, known: Mapping[str, Path]) -> None:
        place = stage.folder / name
        self.out, self.work, self.scratch = place / "out", place / "work", place / "scratch"
        for folder in (self.out, self.work, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self.workplace = replace(stage.workplace, folder=self.work)
        self._known, self._clock, self.times = known, stage.clock, list[float]()

    def files(self, ref: Ref) -> Path:
        return self._known[ref.key]

    def as_planned(self) -> bool:
        return True  # it reads a sample of what was planned

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def close(self) -> None: ...

    def progress(self, done: int, total: int, text: str = "") -> None:
        self.times.append(self._clock())
