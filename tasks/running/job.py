"""What a step's body gets to work with: its inputs' files, a folder to fill, and a way to say how it goes."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.config import identity
from models.workplace import Workplace
from tasks.graph.refs import Ref
from tasks.running.failures import STOPPING, Stopped
from tasks.storage import artifacts, cache, sources
from tasks.storage.datasets import log_sources
from tasks.storage.decoration import decorating
from tasks.storage.metric_log import MetricLog
from tasks.storage.runs import keep_file, keep_trial, log


@dataclass(frozen=True)
class Progress:
    """`done` of `total` with a word on what goes on; `total` 0 is not known, `done` 0 as well is a message alone."""

    title: str
    done: int
    total: int
    text: str
    level: int = logging.INFO

    @property
    def is_message(self) -> bool:
        """Whether it says something, and not how far the work is."""
        return not self.total and not self.done


@dataclass(frozen=True)
class JobSpec:
    """What a job is made from; crosses to a training process."""

    ref: Ref
    run_id: str
    out: Path
    scratch: Path
    workplace: Workplace


class Job:
    """One execution of a step.

    Attributes:
        out: folder to fill; everything in it becomes the artifact.
        workplace: device, threads and a folder; no part of identity.
        work: that folder, which survives a kill and a retry, for checkpoints.
        scratch: folder for what nothing goes on from; it is empty at the start.
        leads: whether this process is the one that fills `out`, where several share the work.
    """

    leads = True

    def __init__(self, spec: JobSpec, tell: Callable[[Progress], None]) -> None:
        assert spec.workplace.folder is not None, "a job has a folder to work in"
        self.out, self.workplace, self.work = spec.out, spec.workplace, spec.workplace.folder
        self.scratch = spec.scratch
        self._ref, self._title, self._labels = spec.ref, spec.ref.title, spec.ref.about.labels
        self._tell = tell
        self._run_id = spec.run_id
        self._log = MetricLog(spec.run_id)

    def files(self, ref: Ref) -> Path:
        """Local folder with the files of an input; read-only."""
        return artifacts.files(ref)

    def as_planned(self) -> bool:
        """Whether the settings still stand for what the step's key was made of: files that they name are the same."""
        return identity(self._ref.config) == self._ref.made_of["config"]

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metric points; `step` places them on a curve."""
        self._log.add(values, step)

    def curve(self, record: Mapping[str, float]) -> None:
        """Log a point of a training's curves, placed by its `step`: pretraining and adaptation name them alike."""
        named = {"train/tokens" if name == "tokens" else name: value for name, value in record.items()}
        self._log.add(named, int(named.pop("step")))

    def trial(self, number: int, settings: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Show one of the settings that this step tries, and what it has come to, as a run below its own."""
        with decorating("trials"):
            keep_trial(self._run_id, number, settings, metrics)

    def used(self, labels: int) -> None:
        """Say on how many labelled rows the model of this step has learnt: the tag `headwater.labels`."""
        if labels != self._labels:  # else the run was opened with it
            log(self._run_id, tags={"headwater.labels": str(labels)})

    def attach(self, path: Path) -> None:
        """Keep a file with the run even though the step is going to fail."""
        keep_file(self._run_id, path)

    def read_from(self, files: Sequence[Mapping[str, str]]) -> None:
        """Say where the files that were read lie, each by the `file` that its rows have.

        The run keeps it beside the artifact, whose bytes do not depend on paths.
        """
        sources.keep(self._run_id, files)
        with decorating("the files that were read"):
            log_sources(self._run_id, self._ref, files, self.out)

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Say how far the work is (`total` 0: not known); cheap, call it as often as there is news.

        Raises:
            Stopped: when the run is being stopped.
        """
        if STOPPING.is_set():
            raise Stopped(f"{self._title} was stopped")
        self._tell(Progress(self._title, done, total, text))

    def say(self, text: str) -> None:
        """Tell the user one line."""
        self._tell(Progress(self._title, 0, 0, text))

    def warn(self, text: str) -> None:
        """Tell the user one line that they should see to."""
        self._tell(Progress(self._title, 0, 0, text, logging.WARNING))

    def close(self) -> None:
        """Send what is still buffered, and let copies of inputs go where there is no room."""
        self._log.close()
        cache.done()


class Silent(Job):
    """A job that has nothing to say and nothing to keep: what it makes is looked at by whoever runs it."""

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...

    def curve(self, record: Mapping[str, float]) -> None: ...

    def trial(self, number: int, settings: Mapping[str, object], metrics: Mapping[str, float]) -> None: ...

    def used(self, labels: int) -> None: ...

    def attach(self, path: Path) -> None: ...

    def read_from(self, files: Sequence[Mapping[str, str]]) -> None: ...


class Helping(Silent):
    """The same job in a process that only helps the one that leads."""

    leads = False

    def __init__(self, spec: JobSpec) -> None:
        super().__init__(spec, lambda progress: None)
