"""Which documents make up the batch of a step: documents of about one length together, so hardly any padding.

No document sees another, and without padding attention needs no mask; on a CPU this is the fastest way.
"""

from __future__ import annotations

from functools import lru_cache

from models.late import np
from models.seeds import derive


class Buckets:
    """Batches as a function of (seed, step) alone.

    An epoch sorts the documents by length, equal lengths in random order, cuts them into batches and goes through
    the batches in random order. The cuts are the same in every epoch.

    Args:
        lengths: (documents,) tokens of each.
        batch_tokens: most tokens in a batch, padding included; a single longer document is a batch of its own.
    """

    def __init__(self, lengths: np.ndarray, batch_tokens: int, seed: int) -> None:
        self._lengths = lengths
        self._seed = seed
        self._cuts = _cuts(np.sort(lengths, kind="stable"), batch_tokens)
        self._epoch = lru_cache(maxsize=1)(self._shuffled)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._cuts) - 1

    def documents(self, step: int) -> np.ndarray:
        """Indices of the documents in the batch of `step` (counted from 0, through all epochs)."""
        epoch, place = divmod(step, len(self))
        order, batches = self._epoch(epoch)
        batch = batches[place]
        return order[self._cuts[batch] : self._cuts[batch + 1]]

    def _shuffled(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """(documents by length, order of the batches) of an epoch."""
        random = np.random.default_rng(derive(self._seed, "order", epoch))
        mixed = random.permutation(len(self._lengths))
        return mixed[np.argsort(self._lengths[mixed], kind="stable")], random.permutation(len(self))


def _cuts(ascending: np.ndarray, batch_tokens: int) -> np.ndarray:
    """Where batches begin, and the end; each as long as the longest of its documents allows."""
    cuts = [0]
    while cuts[-1] < len(ascending):
        start = cuts[-1]
        end = min(len(ascending), start + max(1, batch_tokens // int(ascending[start])))
        while end > start + 1 and (end - start) * int(ascending[end - 1]) > batch_tokens:
            end = start + max(1, batch_tokens // int(ascending[end - 1]))
        cuts.append(end)
    return np.array(cuts)
