"""Encoded documents, from a file or made by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset

from models.tokens.documents import Documents, read


def whole(path: Path) -> Documents:
    """All that a file of encoded documents holds."""
    return read([(path, np.array(Dataset.from_file(str(path))["row"]))])


def by_hand(ids: Sequence[Sequence[int]], texts: Sequence[str]) -> Documents:
    """Documents of these tokens, which stand for these texts."""
    lengths = np.array([len(item) for item in ids], np.int32)
    sizes = np.stack([lengths, [len(text.encode()) for text in texts]], axis=1).astype(np.int32)
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    return Documents.apart([np.concatenate(ids).astype(np.int32)], np.zeros_like(lengths), starts, sizes)


def apart(documents: Documents) -> list[list[int]]:
    """The tokens of each document."""
    return [documents.ids(np.array([at])).tolist() for at in range(len(documents))]
