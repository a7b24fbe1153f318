"""A sample of a corpus's texts, of bounded size, that stays the same while the corpus grows by less than half."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.data.shards import batches
from models.data.splits import draws, held_out
from models.seeds import derive

FEW = 16
"""Of fewer shards than this all are looked at."""
SPREAD = 4
"""Times the bytes of the sample that the shards it is drawn from have on the disk: several say more than one."""
TEXTS = 1024
"""Texts in memory at a time."""


def shards(sizes: Sequence[int], sources: Sequence[int], most: int, seed: int) -> list[int]:
    """Which shards of a corpus a sample of `most` bytes is drawn from.

    Of each source the first 2^k are looked at: shards that come after them change nothing until their number has
    doubled. Some of these are drawn, one of each source at least, until they are large enough.

    Args:
        sizes: bytes of each shard, in the order of the corpus.
        sources: which source each is of.
    """
    drawn: list[tuple[bool, int, int]] = []
    for source in dict.fromkeys(sources):
        own = [shard for shard, of in enumerate(sources) if of == source]
        known = len(own) if len(own) < FEW else 1 << (len(own).bit_length() - 1)
        mixed = sorted((derive(seed, "sample", place), shard) for place, shard in enumerate(own[:known]))
        drawn += [(at > 0, draw, shard) for at, (draw, shard) in enumerate(mixed)]
    chosen: list[int] = []
    for is_further, _, shard in sorted(drawn):
        if is_further and sum(sizes[other] for other in chosen) >= SPREAD * most:
            break
        chosen.append(shard)
    return sorted(chosen)


class Sample:
    """The texts of shards that are in a sample, apart by whether they are held out; read from disk each time.

    Args:
        folders: the shards.
        most: about how many bytes of text to learn from; None for all there are.
        seed: of the draw, and of that of the texts which are held out.
        holdout: share of the texts that is held out.
    """

    def __init__(self, folders: Sequence[Path], most: int | None, seed: int, holdout: float) -> None:
        self._folders, self._seed, self._holdout = folders, seed, holdout
        whole, listed = [0, 0], []
        for folder in folders:
            sizes, held = _sizes(folder), self._held(folder)
            whole[0] += int(sizes[~held].sum())
            whole[1] += int(sizes[held].sum())
            if most is not None:
                listed.append((self._draws(folder), sizes, held))
        self._apart = bool(whole[0] and whole[1])
        """Whether there is text to learn from and text that is held out; else each stands for the other."""
        self.available = whole[0] if self._apart else sum(whole)
        self.size = self.available
        """Bytes that are learnt from."""
        self._limits = (1.0, 1.0)
        """The largest draw of a text that is learnt from, and of one that is held out."""
        if most is not None and most < self.available:
            drawn, sizes, held = map(np.concatenate, zip(*listed, strict=True))
            learnt, held = (~held, held) if self._apart else (np.full(len(held), True),) * 2
            share = most / self.available
            self._limits = (
                _limit(drawn[learnt], sizes[learnt], share),
                _limit(drawn[held], sizes[held], share),
            )
            self.size = int(sizes[learnt & (drawn <= self._limits[0])].sum())

    def learnt(self) -> Iterator[list[str]]:
        """Texts to learn from, some at a time."""
        return self._texts(held=False)

    def held_out(self) -> Iterator[list[str]]:
        """Texts that are held out; those to learn from where none is."""
        return self._texts(held=True)

    def _texts(self, held: bool) -> Iterator[list[str]]:
        for folder in self._folders:
            drawn = self._draws(folder) <= self._limits[held]
            if self._apart:
                drawn &= self._held(folder) == held
            at = 0
            for texts in _texts(folder):
                some = texts.filter(pl.Series(drawn[at : at + len(texts)]))
                at += len(texts)
                if len(some):
                    yield some.to_list()

    def _draws(self, folder: Path) -> np.ndarray:
        return draws(_hashes(folder), derive(self._seed, "sample"))

    def _held(self, folder: Path) -> np.ndarray:
        return held_out(_hashes(folder), self._seed, self._holdout)


def _limit(drawn: np.ndarray, sizes: np.ndarray, share: float) -> float:
    """The draw of the text, in the order of the draws, with which a share of all bytes is reached."""
    order = np.argsort(drawn, kind="stable")
    taken = np.cumsum(sizes[order], dtype=np.int64)
    return float(drawn[order[np.searchsorted(taken, max(1, round(share * taken[-1])))]])


def _hashes(folder: Path) -> np.ndarray:
    return pl.read_parquet(folder / "signatures.parquet", columns=["hash"])["hash"].to_numpy()


def _texts(folder: Path) -> Iterable[pl.Series]:
    return (rows["text"] for rows in batches(folder / "rows.parquet", ("text",), TEXTS))


def _sizes(folder: Path) -> np.ndarray:
    """(texts,) bytes of each."""
    sizes = [texts.str.len_bytes().to_numpy() for texts in _texts(folder)]
    return np.concatenate(sizes) if sizes else np.zeros(0, np.uint32)
