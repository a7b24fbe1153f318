"""The corpus as packed sequences of tokens."""

import json

from models.data import counts as data_counts
from models.data import shards
from models.tokens import packing
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import load_tokenizer
from tasks.graph.refs import Corpus, Sequences, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Sequences, process="shared")
def encode(job: Job, config: EncodeConfig, corpus: Corpus, tokenizer: Tokenizer) -> None:
    """Cuts the corpus into tokens and packs them into sequences."""
    folder, made = job.files(corpus), load_tokenizer(job.files(tokenizer))
    folders, told = [job.files(ref) for ref in corpus.shards], data_counts.load(folder)["parts"]
    counts = {}
    for part in ("train", "validation"):
        total = told[part]
        counts[part] = packing.write(
            (rows["text"].to_list() for rows in shards.texts(folder, folders, part)),
            made,
            config,
            job.out / f"{part}.arrow",
            lambda done, total=total, part=part: job.progress(done, total, f"{part}: {done:,} texts"),
        )
    (job.out / "counts.json").write_text(json.dumps(counts, indent=1))
    job.metrics({f"{part}/{name}": value for part, of in counts.items() for name, value in of.items()})
    train = counts["train"]
    job.say(
        f"{train['tokens']:,} tokens in {train['pieces']:,} pieces; {train['cut']:,} texts were cut into pieces"
    )
