"""The other side of `corpus.py`: what is cleaned and kept of JSON lines by `datatrove`, as its documentation has it.

    python benchmarks/by_datatrove.py IN OUT

Texts are mended (ftfy) and personal data is masked; exact duplicates go, then near ones by MinHash: shingles of 5
characters, 8 buckets of 8 hashes. Two workers of its local executor, which are forked, so that they need not import it
again. Prints how many texts are kept. It imports nothing of this project: any Python will do that has
`datatrove[io,processing]`.
"""

import argparse
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.word_tokenizers import WordTokenizer

WORKERS = 2
BUCKETS = 8


class Characters(WordTokenizer):
    """Each is a word, so that shingles are of characters."""

    def word_tokenize(self, text: str) -> list[str]:
        return list(text)

    def sent_tokenize(self, text: str) -> list[str]:
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


def text_of(document: Document) -> str:
    """What exact duplicates share."""
    return document.text


def main() -> None:
    """Run the six stages, and print how many texts are left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    out: Path = options.out
    exact, minhash = (
        ExactDedupConfig(text_of),
        MinhashConfig(n_grams=5, num_buckets=BUCKETS, hashes_per_bucket=8),
    )
    at = {
        name: str(out / name)
        for name in ("clean", "hashes", "copies", "once", "sketches", "pairs", "near", "kept")
    }
    stages = [
        (
            WORKERS,
            [
                JsonlReader(str(options.texts)),
                FTFYFormatter(),
                PIIFormatter(),
                JsonlWriter(at["clean"], compression=None),
                ExactDedupSignature(at["hashes"], exact),
            ],
        ),
        (1, [ExactFindDedups(at["hashes"], at["copies"], exact)]),
        (
            WORKERS,
            [
                JsonlReader(at["clean"]),
                ExactDedupFilter(at["copies"], exact),
                JsonlWriter(at["once"], compression=None),
                MinhashDedupSignature(at["sketches"], minhash, Characters()),
            ],
        ),
        (BUCKETS, [MinhashDedupBuckets(at["sketches"], at["pairs"], config=minhash)]),
        (1, [MinhashDedupCluster(at["pairs"], at["near"], minhash)]),
        (
            WORKERS,
            [
                JsonlReader(at["once"]),
                MinhashDedupFilter(at["near"]),
                JsonlWriter(at["kept"], compression=None),
            ],
        ),
    ]
    for number, (tasks, steps) in enumerate(stages):
        LocalPipelineExecutor(
            steps, tasks, min(tasks, WORKERS), str(out / f"log-{number}"), start_method="fork"
        ).run()
    print(sum(len(path.read_bytes().splitlines()) for path in Path(at["kept"]).iterdir()))


if __name__ == "__main__":
    main()
