"""A shard of the corpus as tokens."""

import json

import pyarrow.parquet as parquet

from models.tokens import packing
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import load_tokenizer, texts
from tasks.graph.refs import Sequences, Tokenizer, Validated
from tasks.graph.step import step
from tasks.running.job import Job

UNKNOWN = 0.02
"""Share of unknown tokens from which on a shard is not one that its tokenizer was made for."""


@step(Sequences, process="shared")
def encode(job: Job, config: EncodeConfig, rows: Validated, tokenizer: Tokenizer) -> None:
    """Cuts the texts of a shard into tokens, all of them: which are learnt from is settled when they are read."""
    source, made = job.files(rows) / "rows.parquet", load_tokenizer(job.files(tokenizer))
    total = parquet.read_metadata(source).num_rows
    counts = packing.write(
        texts(source),
        made,
        config,
        job.out / "documents.arrow",
        lambda done: job.progress(done, total, f"{done:,} texts"),
    )
    (job.out / "counts.json").write_text(json.dumps(counts, indent=1))
    job.metrics(counts)
    job.say(
        f"{counts['tokens']:,} tokens in {counts['pieces']:,} pieces; {counts['cut']:,} texts are longer than one"
    )
    if counts["unknown"] > UNKNOWN * counts["tokens"]:
        job.warn(
            f"{counts['unknown'] / counts['tokens']:.1%} of the tokens are unknown: the tokenizer has seen little text "
            "like this, or has too few tokens: raise tokenizer.sample or tokenizer.vocabulary"
        )
