"""Where one training happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Workplace:
    """Nothing of it changes results (the same bits are promised at equal threads and processes, on the CPU)."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda`, one of several GPUs as `cuda:1`, or `mps`."""
    threads: int | None = None
    """For numeric work; None: as many as torch has now."""
    folder: Path | None = None
    """What a killed training goes on from lies in it; None: nothing is kept."""

    processes: int = 1
    """How many share the work of a pretraining; 0: one a GPU."""

    def within(self, name: str) -> Workplace:
        """The same with a folder inside this one's, where there is one."""
        return replace(self, folder=self.folder / name if self.folder else None)
