"""How free text is scored: chrF, BLEU, perplexity and how many different words it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.data.comparison import normal_form
from models.late import np, pl

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

CHRF_COUNTS, BLEU_COUNTS, NATS, TOKENS, WORDS, PAIRS = (
    slice(0, 18),
    slice(18, 28),
    28,
    29,
    slice(30, 32),
    slice(32, 34),
)
"""Where each metric's statistics stand."""
WIDTH = 34


def predictions(
    rows: pl.DataFrame, texts: list[str], known: Sequence[tuple[float | None, int | None]]
) -> pl.DataFrame:
    """Columns `id`, `text`, and what is `known` of each target: its nats and tokens."""
    columns = {
        "id": rows["id"],
        "text": texts,
        "nats": [a for a, _ in known],
        "tokens": [b for _, b in known],
    }
    return pl.DataFrame(
        columns, schema={"id": pl.String, "text": pl.String, "nats": pl.Float64, "tokens": pl.Int64}
    )


def statistics(targets: pl.Series, predictions: pl.DataFrame) -> np.ndarray:
    """Counts of chrF and BLEU, nats, tokens, and distinct and all words and word pairs (predictions, 34).

    Texts are compared in their normal form: a tokenizer without case cannot write what a baseline can copy.

    An n-gram found k times among all predictions counts as 1/k of a distinct one each time: exact over all rows;
    over a resample, where k is still that of all rows, a linear approximation.
    """
    texts, gold = ([normal_form(text) for text in texts] for texts in (predictions["text"], targets))
    counts = np.zeros((len(texts), WIDTH))
    if texts:
        for metric, place in zip(_sacrebleu(), (CHRF_COUNTS, BLEU_COUNTS), strict=True):
            counts[:, place] = metric._extract_corpus_statistics(texts, [gold])
        counts[:, [NATS, TOKENS]] = predictions.select("nats", "tokens").fill_null(0).to_numpy()
        counts[:, WORDS], counts[:, PAIRS] = _distinct(texts, 1), _distinct(texts, 2)
    return counts


def metrics(totals: np.ndarray) -> dict[str, np.ndarray]:
    """`chrf` and `bleu` as fractions, a hundredth of sacrebleu's; `perplexity` of the targets, end included,
    where predictions know it; `distinct_1` and `distinct_2`, the share of distinct n-grams of words among all.

    chrF: Popović, WMT 2015; BLEU: Papineni et al., ACL 2002, of characters, for Korean words carry their endings
    and a tokenizer's spaces are not always the text's; distinct-n: Li et al., NAACL 2016.
    """
    scored: dict[str, np.ndarray] = {}
    for name, metric, place in zip(("chrf", "bleu"), _sacrebleu(), (CHRF_COUNTS, BLEU_COUNTS), strict=True):
        sums = totals[..., place].reshape(-1, place.stop - place.start).tolist()
        scores = [metric._compute_score_from_stats(row).score / 100 for row in sums]
        scored[name] = np.minimum(scores, 1.0).reshape(totals.shape[:-1])
    nats, tokens = totals[..., NATS], totals[..., TOKENS]
    if tokens.any():
        rate = np.divide(nats, tokens, out=np.full_like(nats, np.nan), where=tokens > 0)
        scored["perplexity"] = np.exp(np.minimum(rate, 700.0))  # beyond that no float64 holds it
    for name, place in (("distinct_1", WORDS), ("distinct_2", PAIRS)):
        distinct, every = np.moveaxis(totals[..., place], -1, 0)
        scored[name] = np.divide(distinct, every, out=np.zeros_like(every), where=every > 0)
    return scored


def _sacrebleu() -> tuple[CHRF, BLEU]:
    """chrF and BLEU; `force`: a text that looks tokenised is no warning's worth to one of characters."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(lowercase=True), BLEU(lowercase=True, tokenize="char", force=True)


def signatures() -> dict[str, str]:
    """How sacrebleu says exactly what it has computed."""
    chrf, bleu = _sacrebleu()
    for metric in (chrf, bleu):
        metric.corpus_score(["text"], [["text"]])  # a signature names the number of references it has seen
    return {"chrf": str(chrf.get_signature()), "bleu": str(bleu.get_signature())}


def _distinct(texts: Sequence[str], size: int) -> np.ndarray:
    """Of each text (texts, 2): its share in the distinct n-grams of words of all texts, and the number of its own."""
    split = [text.split() for text in texts]
    grams = [list(zip(*(words[start:] for start in range(size)), strict=False)) for words in split]
    counts = Counter(gram for row in grams for gram in row)
    return np.array([[sum(1 / counts[gram] for gram in row), len(row)] for row in grams], dtype=np.float64)
