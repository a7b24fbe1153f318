"""The corpus as packed sequences of tokens."""

import json

import pyarrow.parquet as parquet

from models.tokens import packing
from models.tokens import tokenizer as tokenization
from models.tokens.packing import EncodeConfig
from tasks.graph.refs import Corpus, Sequences, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Sequences)
def encode(job: Job, config: EncodeConfig, corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Cuts the corpus into tokens and packs them into sequences."""
    folder, words = job.files(corpus), tokenization.load(job.files(tokenizer))
    counts = {}
    for part in ("train", "validation"):
        source = folder / f"{part}.parquet"
        total = parquet.read_metadata(source).num_rows
        counts[part] = packing.write(
            tokenization.texts(source),
            words,
            config,
            job.out / f"{part}.arrow",
            lambda done, total=total, part=part: job.progress(done, total, f"{part}: {done:,} texts"),
        )
    (job.out / "counts.json").write_text(json.dumps(counts, indent=1))
    job.metrics({f"{part}/{name}": value for part, of in counts.items() for name, value in of.items()})
    made = counts["train"]
    job.say(
        f"{made['tokens']:,} tokens in {made['sequences']:,} sequences; {made['cut']:,} texts were cut into pieces"
    )
