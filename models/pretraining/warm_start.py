"""Token embeddings to start from: what occurs together, factorised.

Positive pointwise mutual information of tokens within documents, with the context distribution smoothed, reduced
by a truncated singular value decomposition (O. Levy, Y. Goldberg and I. Dagan, "Improving distributional similarity
with lessons learned from word embeddings", 2015). It takes seconds where a network takes hours to get as far.
"""

import numpy as np
import torch
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits
from torch import Tensor
from transformers import PreTrainedModel

from models.errors import DataError
from models.files import seal, sealed
from models.seeds import derive
from models.tokens.documents import Documents
from models.workplace import Workplace

SMOOTHING = 0.75
"""Exponent of the context counts."""
RARITY = 1e-3
"""Token frequency at which its vector's length is cut by √2 (S. Arora et al., 2017, use its square root)."""
SPREAD = 0.05
"""Standard deviation of the embeddings."""
NORMS = (0.25, 2.5)
"""Least and greatest length of a token's vector, in units of a random vector's."""
MOST_DOCUMENTS = 500_000
"""More than these are sampled: co-occurrence counts change little then."""
ROWS = 1_000
"""Tokens whose pairs are looked at together."""
KEPT = "embeddings.npy"
"""In the workplace's folder."""


def apply(
    model: PreTrainedModel,
    documents: Documents,
    special: Tensor,
    seed: int,
    workplace: Workplace,
) -> None:
    """Puts `embeddings` into a fresh model; after a kill they are read from the workplace's folder.

    Args:
        special: ids that are no part of a text.
    """
    weight: Tensor = model.get_input_embeddings().weight  # pyright: ignore[reportAssignmentType]
    folder = workplace.folder
    if folder is None or not sealed(folder, KEPT):
        start = embeddings(
            documents, tuple(special.tolist()), *weight.shape, seed=seed, threads=workplace.threads
        )
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / KEPT, start)
            seal(folder, KEPT)
    else:
        start = np.load(folder / KEPT, allow_pickle=False)
    with torch.no_grad():
        weight.copy_(torch.from_numpy(start))


def embeddings(
    documents: Documents, special: tuple[int, ...], vocabulary: int, size: int, seed: int, threads: int | None
) -> np.ndarray:
    """Start values of the token embeddings; the special tokens' are random.

    Args:
        special: ids whose occurrences say nothing.
        size: hidden size.

    Returns:
        (vocabulary, size) float32.

    Raises:
        DataError: the vocabulary has fewer tokens than the model is wide.
    """
    if vocabulary <= size:
        raise DataError(
            f"train.warm_start factorises {vocabulary:,} tokens into vectors of {size}: "
            f"set tokenizer.vocabulary above {size}, or train.warm_start to false"
        )
    random = np.random.default_rng(derive(seed, "embeddings"))
    with threadpool_limits(threads):
        association = _association(_occurrences(documents, special, vocabulary, random))
        svd = TruncatedSVD(size, n_iter=3, random_state=derive(seed, "svd") % 2**32)
        rotation, _ = np.linalg.qr(random.standard_normal((size, size)))
        vectors = (svd.fit_transform(association) * _weights(documents, vocabulary)[:, None]) @ rotation
    vectors *= SPREAD / max(float(vectors.std()), 1e-12)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = SPREAD * size**0.5
    vectors *= np.clip(norms, NORMS[0] * unit, NORMS[1] * unit) / np.maximum(norms, 1e-12)
    unseen = np.flatnonzero(norms[:, 0] < 1e-9)
    for rows in (list(special), unseen):
        vectors[rows] = random.standard_normal((len(rows), size)) * SPREAD
    return vectors.astype(np.float32)


def _occurrences(
    documents: Documents, special: tuple[int, ...], vocabulary: int, random: np.random.Generator
) -> sparse.csr_matrix:
    """(documents, vocabulary) 1 where a token occurs."""
    if len(documents) > MOST_DOCUMENTS:
        documents = documents.of(np.sort(random.choice(len(documents), MOST_DOCUMENTS, replace=False)))
    some = [_occurring(documents, chosen, special, vocabulary) for chosen in documents.chunks()]
    return sparse.csr_matrix(sparse.vstack(some, format="csr"))


def _occurring(
    documents: Documents, chosen: np.ndarray, special: tuple[int, ...], vocabulary: int
) -> sparse.csr_matrix:
    """The rows of `chosen` documents."""
    rows, columns = np.repeat(np.arange(len(chosen)), documents.lengths[chosen]), documents.ids(chosen)
    keep = ~np.isin(columns, special)
    ones = np.ones(int(keep.sum()), np.float32)
    matrix = sparse.csr_matrix((ones, (rows[keep], columns[keep])), (len(chosen), vocabulary))
    matrix.data[:] = 1.0
    return matrix


def _association(occurrences: sparse.csr_matrix) -> sparse.csr_matrix:
    """(vocabulary, vocabulary) positive pointwise mutual information; each document counts as much as it is long.

    Some rows at a time: of all pairs at once there is only how often they occur, as 8 bytes each.
    """
    sizes = np.asarray(occurrences.sum(1)).ravel()
    weight = sparse.diags((1 / np.maximum(sizes - 1, 1)).astype(np.float32))
    containing = sparse.csr_matrix(occurrences.T @ weight)
    containing.sort_indices()  # sums are taken in this order, here and below
    starts = range(0, len(containing.indptr) - 1, ROWS)
    blocks = [_together(containing[start : start + ROWS], occurrences, start) for start in starts]
    counts = np.concatenate([np.asarray(block.sum(1), np.float64).ravel() for block in blocks])
    contexts = counts**SMOOTHING
    contexts *= counts.sum() / max(contexts.sum(), 1e-12)
    for place, start in enumerate(starts):
        blocks[place] = _information(blocks[place], counts[start : start + ROWS], contexts, counts.sum())
    return sparse.csr_matrix(sparse.vstack(blocks, format="csr"))


def _together(containing: sparse.csr_matrix, occurrences: sparse.csr_matrix, start: int) -> sparse.csr_matrix:
    """How often each of some tokens, the first of which is `start`, occurs together with each other token."""
    found = sparse.csr_matrix(containing @ occurrences)
    rows = start + np.repeat(np.arange(len(found.indptr) - 1), np.diff(found.indptr))
    found.data[found.indices == rows] = 0
    found.eliminate_zeros()
    found.sort_indices()
    return found


def _information(
    together: sparse.csr_matrix, counts: np.ndarray, contexts: np.ndarray, total: float
) -> sparse.csr_matrix:
    """The positive pointwise mutual information of some rows."""
    pairs = together.tocoo()
    expected = counts[pairs.row] * contexts[pairs.col]
    information = np.log(np.maximum(pairs.data * total / np.maximum(expected, 1e-12), 1e-12))
    above = information > 0
    values = (information[above].astype(np.float32), (pairs.row[above], pairs.col[above]))
    return sparse.csr_matrix(values, together.shape)


def _weights(documents: Documents, vocabulary: int) -> np.ndarray:
    """Frequent tokens carry little information: their vectors are shorter."""
    counts = documents.counts(vocabulary)
    return np.sqrt(RARITY / (RARITY + counts / max(1, counts.sum())))
