"""Checkpoints of a training whose weights or optimizers lie apart: each process writes its own, all into one folder.

They are torch's distributed checkpoints, which know what lies where: any number of processes can go on from one.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.distributed import ProcessGroup
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save, save

from models import files
from models.training.beside import Beside
from models.training.checkpoints import STATE, Checkpoint, Saved, forget_drafts, forget_old, names_in, unique
from models.training.distributed import PATIENCE, Team

_METADATA = ".metadata"


class ShardedWriter(Beside):
    """Writes checkpoints beside what goes on; every process calls `save` at the same step.

    Args:
        snapshot: whether each process copies what it holds into the CPU's memory first, and a thread writes that.
    """

    def __init__(self, folder: Path, team: Team, *, snapshot: bool) -> None:
        super().__init__()
        self._folder, self._team, self._snapshot = folder, team, snapshot
        if team.leads:
            forget_drafts(folder)

    def save(self, checkpoint: Checkpoint) -> None:
        """Takes a checkpoint, after which its tensors may change; waits where one is still being written.

        Raises:
            OSError: this or the last cannot be written.
        """
        self.wait()
        final = self._folder / f"step-{checkpoint.state['step']:09d}"
        draft = final.with_name(final.name + files.DRAFT)
        with ExitStack() as stack:
            if self._team.leads:
                self._folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(files.write_whole(final))
                draft.mkdir()
                (draft / STATE).write_text(json.dumps(checkpoint.state))
            self._team.said_by_leader(None)  # the folder is there
            to_come = None
            if self._snapshot:
                to_come = async_save(_flat(checkpoint), checkpoint_id=draft, process_group=self._messages)
                assert isinstance(to_come, Future)  # it is two things where a stager is given
            else:
                with _its_cause():
                    save(_flat(checkpoint), checkpoint_id=draft)
            self._last = self._pool.submit(self._end, to_come, stack.pop_all(), draft)

    @cached_property
    def _messages(self) -> ProcessGroup:
        """A group of its own, so that what the threads say to each other does not meet the training's messages."""
        group = distributed.new_group(backend="gloo", timeout=PATIENCE)
        assert isinstance(group, ProcessGroup)
        return group

    def _end(self, to_come: Future[Metadata] | None, whole: ExitStack, draft: Path) -> None:
        """When everyone's part is written the leader seals the whole."""
        with whole:
            if to_come is not None:
                with _its_cause():
                    to_come.result()
            if self._team.leads:
                files.seal(draft, *names_in(draft))
        if self._team.leads:
            forget_old(self._folder)


@contextmanager
def _its_cause() -> Iterator[None]:
    """Raises what went wrong in one of the processes, where torch says that something did."""
    try:
        yield
    except CheckpointException as error:
        raise next(iter(error.failures.values()))[0] from error


class Sharded(Saved):
    """One of them on the disk."""

    def shapes(self, name: str) -> dict[str, tuple[int, ...]]:
        return {key: tuple(found.size) for key, found in self._metadata(name).items()}

    def read(self, name: str) -> dict[str, Tensor]:
        found = {
            key: torch.zeros(about.size, dtype=about.properties.dtype)
            for key, about in self._metadata(name).items()
        }
        self._load(name, found)
        return found

    def restore(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        own = dict(unique(tensors))
        self.check(own, self._metadata(name))
        self._load(name, own)

    def _load(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        found = {f"{name}/{key}": tensor.detach() for key, tensor in tensors.items()}
        alone = not distributed.is_initialized()
        with torch.no_grad():
            load(found, checkpoint_id=self.folder, no_dist=alone)

    def _metadata(self, name: str) -> dict[str, TensorStorageMetadata]:
        found = FileSystemReader(self.folder).read_metadata().state_dict_metadata
        return {
            key.removeprefix(f"{name}/"): about
            for key, about in found.items()
            if key.startswith(f"{name}/") and isinstance(about, TensorStorageMetadata)
        }


def opened(folder: Path) -> Saved:
    """A whole checkpoint, written by one process or by several."""
    return (Sharded if (folder / _METADATA).exists() else Saved)(folder)


def _flat(checkpoint: Checkpoint) -> dict[str, Tensor]:
    groups = {**checkpoint.tensors, **checkpoint.fixed}
    return {
        f"{group}/{name}": tensor.detach()
        for group, tensors in groups.items()
        for name, tensor in unique(tensors)
    }
