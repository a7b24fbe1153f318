"""A tokenizer, trained on the corpus's training part only."""

import json

from models import tokenization, tokenizer_training
from models.tokenization import TokenizerConfig
from tasks.job import Job
from tasks.refs import Split, Tokenizer
from tasks.step import step


@step(Tokenizer)
def tokenizer(job: Job, config: TokenizerConfig, corpus: Split) -> None:
    """Learns how to cut text into tokens, and measures it on held-out text."""
    folder = job.files(corpus)
    if config.pretrained is not None:
        job.say(f"taking the tokenizer of {config.pretrained}")
        made = tokenization.load(config.pretrained)
    else:
        job.say(f"training {config.kind} with {config.vocabulary:,} tokens")
        made = tokenization.wrap(
            tokenizer_training.train(config, lambda: tokenization.texts(folder / "train.parquet"))
        )
    measured = tokenization.measure(made, tokenization.texts(folder / "validation.parquet"))
    made.save_pretrained(job.out)
    (job.out / "metrics.json").write_text(json.dumps(measured, indent=1))
    job.metrics(measured)
    job.say(f"{measured['fertility']:.2f} tokens a word, {measured['unknown_rate']:.3%} unknown")
