"""A tokenizer, trained on the corpus's training part only, or taken from a pretrained model."""

import json

from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, load_tokenizer, measure, texts, wrap
from tasks.graph.refs import Corpus, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Tokenizer, process="shared", headline="fertility")
def tokenizer(job: Job, config: TokenizerConfig, corpus: Corpus | None) -> None:
    """Learns how to cut text into tokens, and measures it on held-out text where there is a corpus."""
    folder = job.files(corpus) if corpus is not None else None
    if config.pretrained is not None:
        job.say(f"taking the tokenizer of {config.pretrained}")
        made = load_tokenizer(config.pretrained)
    else:
        assert folder is not None, "recipes without a corpus train no tokenizer"
        job.say(f"training {config.kind} with {config.vocabulary:,} tokens")
        made = wrap(tokenizer_training.train(config, lambda: texts(folder / "train.parquet")))
    made.save_pretrained(job.out)
    measured: dict[str, float] = {"vocabulary": len(made)}
    if folder is not None:
        measured |= measure(made, texts(folder / "validation.parquet"))
        job.say(
            f"{measured['fertility']:.2f} tokens a word, {measured['unknown_rate']:.3%} of the letters unknown"
        )
    (job.out / "metrics.json").write_text(json.dumps(measured, indent=1))
    job.metrics(measured)
