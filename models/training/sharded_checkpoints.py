"""Checkpoints of a training whose weights or optimizers lie apart: each process writes its own, all into one folder.

They are torch's distributed checkpoints, which know what lies where: any number of processes can go on from one.
"""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from models import files
from models.training.checkpoints import STATE, Checkpoint, Saved, forget_drafts, forget_old, names_in, unique
from models.training.distributed import Team

_METADATA = ".metadata"


class ShardedWriter:
    """Writes checkpoints; every process calls `save` at the same step."""

    busy = False

    def __init__(self, folder: Path, team: Team) -> None:
        self._folder, self._team = folder, team
        if team.leads:
            forget_drafts(folder)

    def save(self, checkpoint: Checkpoint) -> None:
        """
        Raises:
            OSError: it cannot be written.
        """
        final = self._folder / f"step-{checkpoint.state['step']:09d}"
        leads = self._team.leads
        if leads:
            self._folder.mkdir(parents=True, exist_ok=True)
        draft = final.with_name(final.name + files.DRAFT)
        with files.write_whole(final) if leads else nullcontext(draft):
            if leads:
                draft.mkdir()
                (draft / STATE).write_text(json.dumps(checkpoint.state))
            self._team.said_by_leader(None)  # the folder is there
            try:
                save(_flat(checkpoint), checkpoint_id=draft)
            except CheckpointException as error:
                raise next(iter(error.failures.values()))[0] from error
            if leads:
                files.seal(draft, *names_in(draft))
        if leads:
            forget_old(self._folder)

    def __enter__(self) -> "ShardedWriter":
        return self

    def __exit__(self, *ended: object) -> None:
        """All is written."""


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
