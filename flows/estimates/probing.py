"""Which steps are probed, where, and what is remembered of it: the same is never probed twice on a machine."""

import hashlib
import json
import multiprocessing
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from flows.estimates.probe import adapting, pretraining
from flows.estimates.rates import Adapting, Pretraining, Rows
from flows.estimates.watched import Stage
from models.config import identity
from models.errors import DataError
from models.files import write_whole
from models.home import home
from models.pretrained import PretrainedConfig
from models.pretraining.pretrain import PretrainConfig
from models.workplace import Workplace
from tasks.adapt import AdaptConfig
from tasks.environment import Machine
from tasks.graph import refs
from tasks.graph.refs import Ref, ordered
from tasks.graph.step import step_of
from tasks.running import work

FOLDER = "probes"
"""Of the home folder; what lies in it may be deleted at any time."""
Measured = Pretraining | tuple[Rows, Adapting]


class Probes:
    """What probes on this machine have measured."""

    def __init__(self, machine: Machine) -> None:
        self._machine, self._folder = machine, home() / FOLDER

    def known(self, ref: Ref) -> Measured | None:
        """What is remembered of a step's probe."""
        path = self._path(ref)
        if path is None or not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if "rows" in found:
                return Rows(**found["rows"]), Adapting(**found["adapting"])
            return Pretraining(**found["pretraining"])
        except (ValueError, TypeError, KeyError):  # damaged, or of another release
            return None

    def missing(self, steps: Sequence[Ref]) -> list[Ref]:
        """Those that can be probed and never were, one of each kind."""
        found = {
            path: ref for ref in reversed(steps) if (path := self._path(ref)) and self.known(ref) is None
        }
        return list(reversed(found.values()))

    def run_probes(
        self, steps: Sequence[Ref], there: Mapping[str, Path], say: Callable[[str], None]
    ) -> Iterator[tuple[Ref, str]]:
        """Probe steps one after another; gives those for which it could not be done, with the reason.

        Args:
            steps: what `missing` has given.
            there: folders of artifacts that are there already, by key.
            say: told of each before it begins.
        """
        with tempfile.TemporaryDirectory(prefix="headwater-") as folder, _Process() as process:
            for number, ref in enumerate(steps, start=1):
                say(f"probing {number} of {len(steps)}: {ref.title}")
                workplace = Workplace(_device(self._machine), self._threads(ref))
                stage = Stage(Path(folder), workplace, there)
                probe: Any = pretraining if isinstance(ref, refs.Model) else adapting
                try:
                    self._keep(ref, process.run(probe, stage, ref))
                except Exception as error:  # noqa: BLE001 whatever keeps it from being probed is the run's business
                    yield ref, f"{error}".strip().partition("\n")[0] or type(error).__name__

    def _keep(self, ref: Ref, measured: Measured) -> None:
        path = self._path(ref)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(measured, Pretraining):
            kept: dict[str, Any] = {"pretraining": asdict(measured)}
        else:
            kept = {"rows": asdict(measured[0]), "adapting": asdict(measured[1])}
        with write_whole(path) as draft:
            draft.write_text(json.dumps({"of": ref.title, **kept}, indent=1), encoding="utf-8")

    def _threads(self, ref: Ref) -> int:
        """Those that the step will have."""
        cores = self._machine.cores
        jobs = min(self._machine.jobs, cores)
        alone = step_of(ref).process(ref) != "shared"
        return max(1, cores // (min(self._machine.pretrainings, jobs) if alone else jobs))

    def name(self, ref: Ref) -> str | None:
        """What a step's probe is remembered by; None for a step that is not probed."""
        what = _what(ref)
        if what is None:
            return None
        where = [platform.node(), os.cpu_count(), self._machine.device, self._threads(ref), version("torch")]
        digest = hashlib.sha256(json.dumps([what, where], sort_keys=True).encode()).hexdigest()
        return digest[:32]

    def _path(self, ref: Ref) -> Path | None:
        name = self.name(ref)
        return self._folder / f"{name}.json" if name else None


def _device(machine: Machine) -> str:
    """`cpu` where there is nothing else."""
    return "cpu" if machine.device == "auto" and not Path("/dev/nvidiactl").exists() else machine.device


def _what(ref: Ref) -> Any:
    """What a step's speed depends on; None for a step that is not probed."""
    config = ref.config
    if isinstance(config, PretrainConfig):
        train = {
            name: value for name, value in config.train.identity().items() if name not in ("tokens", "epochs")
        }
        asked = config.model, config.objective, config.encode
        return [*map(identity, asked), train, _reading(ref)]
    if isinstance(ref, refs.Adapted) and isinstance(config, AdaptConfig):
        shows = config.way and config.way.shows(config.mode)
        return [identity(config.downstream), identity(config.way), shows, _model(ref, config), ref.rows.key]
    return None


def _model(ref: refs.Adapted, config: AdaptConfig) -> Any:
    """The architecture that is carried over, however it starts; a hub's model that is not here cannot be told."""
    if config.way is None:
        return None
    model = ref.model
    brought = model is not None and isinstance(model.config, PretrainedConfig)
    return [identity(model.config) if brought and model else identity(config.model), _reading(ref)]


def _reading(ref: Ref) -> Any:
    """The tokenizer's settings."""
    return [identity(item.config) for item in ordered([ref]) if isinstance(item, refs.Tokenizer)]


class _Process:
    """A process that is started when it is first needed, anew after it was lost, and killed when it is no longer waited
    for."""

    def __enter__(self) -> Self:
        self._pool = _pool()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
        self._pool.shutdown(cancel_futures=True)

    def run(self, work: Callable[..., Measured], *given: object) -> Measured:
        """What `work` gives.

        Raises:
            DataError: the process ended before it was done.
        """
        try:
            return self._pool.submit(work, *given).result()
        except BrokenProcessPool as error:
            self._pool.shutdown()
            self._pool = _pool()
            raise DataError("its process ended before it was done, for want of memory perhaps") from error


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=work.begin)
