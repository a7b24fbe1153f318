"""What a pretraining reads: the encoded documents of a corpus, and the batches that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.data.shards import parts_of
from models.errors import DataError
from models.interfaces.objective import Objective, Vocabulary
from models.late import np
from models.pretraining.buckets import Buckets
from models.seeds import derive
from models.tokens.documents import Documents, read
from models.tokens.packing import EncodeConfig
from models.tokens.special import token_id

if TYPE_CHECKING:  # torch and transformers take seconds to import
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


def documents(sequences: Sequence[Path], corpus: Path, encode: EncodeConfig) -> tuple[Documents, Documents]:
    """(training, validation) documents: of the encoded shards what the corpus keeps.

    Raises:
        DataError: there is none for a part.
    """
    found = []
    for part in ("train", "validation"):
        kept = (_rows_of(corpus, shard, part) for shard in range(len(sequences)))
        files = (folder / "documents.arrow" for folder in sequences)
        own = read(zip(files, kept, strict=True))
        if not len(own):
            raise DataError(f"none of the corpus's texts for {part} has a token")
        found.append(own.joined(encode.sequence_length) if encode.across_documents else own)
    train, validation = found
    return train, validation


def _rows_of(corpus: Path, shard: int, part: str) -> np.ndarray:
    kept = parts_of(corpus, shard)
    return kept.filter(kept["part"] == part)["row"].to_numpy()


class Batches:
    """The batch of a step, a function of (seed, step) alone."""

    def __init__(
        self, objective: Objective, documents: Documents, vocabulary: Vocabulary, batch_tokens: int, seed: int
    ) -> None:
        self._objective, self._documents, self._vocabulary, self._seed = (
            objective,
            documents,
            vocabulary,
            seed,
        )
        self._buckets = Buckets(documents.lengths, batch_tokens, seed)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self._buckets)

    def at(self, step: int) -> dict[str, Tensor]:
        import torch

        generator = torch.Generator().manual_seed(derive(self._seed, "batch", step))
        return self._objective.batch(
            rows(self._documents, self._buckets.documents(step)), self._vocabulary, generator
        )


def rows(documents: Documents, chosen: np.ndarray) -> dict[str, Tensor]:
    """`input_ids` (chosen, longest) of documents, and an `attention_mask` only where some are padded.

    Padding repeats a document's last token, [SEP], which is never a target and, masked, seen by none.
    """
    import torch

    lengths = documents.lengths[chosen].astype(np.int64)[:, None]
    starts, places = np.cumsum(lengths)[:, None] - lengths, np.arange(lengths.max())
    ids = documents.ids(chosen)[starts + np.minimum(places, lengths - 1)].astype(np.int64)
    if (lengths == len(places)).all():
        return {"input_ids": torch.from_numpy(ids)}
    mask = (places < lengths).astype(np.int64)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


def vocabulary_of(documents: Documents, tokenizer: PreTrainedTokenizerBase) -> Vocabulary:
    """What the objective has to know of the tokens."""
    import torch

    unknown = token_id(tokenizer, "unk")
    special = sorted(token for token in tokenizer.all_special_ids if token != unknown)
    counts = torch.from_numpy(documents.counts(len(tokenizer)))
    counts[special] = 0
    return Vocabulary(torch.tensor(special), token_id(tokenizer, "mask"), counts)
