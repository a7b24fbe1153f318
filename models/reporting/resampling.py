"""The test rows of scored models, resampled alike: of several seeds, and in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.bootstrap import Resampled, resampled
from models.interfaces.downstream import Downstream

Folders = Mapping[int, Path]
"""Folders of `score`, by the seed of the model."""


def statistics(folder: Path) -> np.ndarray:
    """(draws, rows, k) of the test rows in their order, from the folder of `score`."""
    several = folder / "draws.npy"
    return np.load(several) if several.is_file() else np.load(folder / "statistics.npy")[None]


@dataclass(frozen=True)
class Resampling:
    """The same resamples of the same test rows for all models, so that any two of them are paired."""

    downstream: Downstream
    resamples: int
    seed: int
    made: dict[tuple[tuple[Path, ...], tuple[int, ...]], Resampled] = field(default_factory=dict)
    """By the folders and the rows left out: a control is compared with many models, and resampled once."""

    def of(self, folders: Folders, left_out: Sequence[int] = ()) -> Resampled:
        """Of several seeds each is one draw, its demonstrations pooled; of a single one they are the draws.

        Args:
            left_out: places of test rows that do not count.
        """
        key = (tuple(folders.values()), tuple(left_out))
        if key not in self.made:
            found = [np.delete(statistics(folder), left_out, axis=1) for folder in folders.values()]
            draws = found[0] if len(found) == 1 else np.stack([of_seed.mean(axis=0) for of_seed in found])
            self.made[key] = resampled(draws, self.downstream.metrics, self.resamples, self.seed)
        return self.made[key]

    def pair(
        self, folders: Folders, others: Folders, *, drawn: bool = True
    ) -> tuple[Resampled, Resampled] | None:
        """Two systems over the seeds that both have; None where there are none.

        Args:
            drawn: whether anything of `others` is drawn; where nothing is, it is the same for every seed.
        """
        if not drawn:
            others = dict.fromkeys(folders, next(iter(others.values())))
        shared = [seed for seed in folders if seed in others]
        if not shared:
            return None
        one, other = ({seed: side[seed] for seed in shared} for side in (folders, others))
        return self.of(one), self.of(other)
