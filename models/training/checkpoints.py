"""Checkpoints of a training: whole or not there, the newest whole one is found, broken ones are passed over."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save_file
from torch import Tensor

from models import files

KEPT = 2
STATE, MODEL, OPTIMIZERS, BEST = "state.json", "model.safetensors", "optimizers.pt", "best.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training needs to go on; `state` is JSON-able and holds `step`."""

    state: dict[str, Any]
    model: dict[str, Tensor]
    optimizers: list[dict[str, Any]]
    best: dict[str, Tensor] | None = None


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint, the whole of it or nothing; keeps the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{checkpoint.state['step']:09d}"
    with files.write_whole(final) as draft:
        draft.mkdir()
        save_file(_own(checkpoint.model), draft / MODEL)
        torch.save(checkpoint.optimizers, draft / OPTIMIZERS)
        if checkpoint.best is not None:
            save_file(_own(checkpoint.best), draft / BEST)
        (draft / STATE).write_text(json.dumps(checkpoint.state))
        files.seal(draft, *_names(draft))
    for old in _all(folder)[KEPT:]:
        shutil.rmtree(old)


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint whose files are all there with the content they were written with."""
    return next((_read(path) for path in _all(folder) if files.sealed(path, *_names(path))), None)


def _read(path: Path) -> Checkpoint:
    state = json.loads((path / STATE).read_text())
    optimizers = torch.load(path / OPTIMIZERS, map_location="cpu", weights_only=True)
    best = load((path / BEST).read_bytes()) if (path / BEST).is_file() else None
    return Checkpoint(state, load((path / MODEL).read_bytes()), optimizers, best)


def _names(folder: Path) -> list[str]:
    """What a checkpoint is made of, in its folder."""
    return [path.name for path in folder.iterdir() if path.name != files.SEAL]


def _all(folder: Path) -> list[Path]:
    """Finished checkpoints, newest first."""
    return sorted(
        (path for path in folder.glob("step-*") if not path.name.endswith(files.DRAFT)), reverse=True
    )


def _own(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each with memory of its own: safetensors refuses tied weights."""
    seen: set[int] = set()
    out = {}
    for name, tensor in tensors.items():
        tied = tensor.data_ptr() in seen
        seen.add(tensor.data_ptr())
        out[name] = tensor.detach().cpu().clone() if tied else tensor.detach().cpu().contiguous()
    return out
