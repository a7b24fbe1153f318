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
STATE = "state.json"


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
        save_file(_own(checkpoint.model), draft / "model.safetensors")
        torch.save(checkpoint.optimizers, draft / "optimizers.pt")
        if checkpoint.best is not None:
            save_file(_own(checkpoint.best), draft / "best.safetensors")
        sums = {path.name: files.digest(path) for path in sorted(draft.iterdir())}
        (draft / STATE).write_text(json.dumps({"files": sums, "state": checkpoint.state}))
    for old in _all(folder)[KEPT:]:
        shutil.rmtree(old)


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint whose files are all there with the content they were written with."""
    for path in _all(folder):
        try:
            return _read(path)
        except (OSError, ValueError, KeyError):  # cut short or damaged: the one before it will do
            continue
    return None


def _read(path: Path) -> Checkpoint:
    manifest = json.loads((path / STATE).read_text())
    for name, digest in manifest["files"].items():
        if files.digest(path / name) != digest:
            raise ValueError(f"{path / name} is damaged")
    optimizers = torch.load(path / "optimizers.pt", map_location="cpu", weights_only=True)
    best = load((path / "best.safetensors").read_bytes()) if "best.safetensors" in manifest["files"] else None
    return Checkpoint(manifest["state"], load((path / "model.safetensors").read_bytes()), optimizers, best)


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
