"""A tokenizer, trained on the corpus's training part only, or taken from a pretrained model."""

import json
from collections.abc import Iterator

from models.data import shards
from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, load_tokenizer, measure, wrap
from tasks.graph.refs import Corpus, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Tokenizer, process="shared", headline="fertility")
def tokenizer(job: Job, config: TokenizerConfig, corpus: Corpus | None) -> None:
    """Learns how to cut text into tokens, and measures it on held-out text where there is a corpus."""

    def of(part: str) -> Iterator[list[str]]:
        assert corpus is not None, "recipes without a corpus train no tokenizer"
        folders = [job.files(ref) for ref in corpus.shards]
        return (rows["text"].to_list() for rows in shards.texts(job.files(corpus), folders, part))

    if config.pretrained is not None:
        job.say(f"taking the tokenizer of {config.pretrained}")
        made = load_tokenizer(config.pretrained)
    else:
        job.say(f"training {config.kind} with {config.vocabulary:,} tokens")
        made = wrap(tokenizer_training.train(config, lambda: of("train")))
    made.save_pretrained(job.out)
    measured: dict[str, float] = {"vocabulary": len(made)}
    if corpus is not None:
        measured |= measure(made, of("validation"))
        job.say(
            f"{measured['fertility']:.2f} tokens a word, {measured['unknown_rate']:.3%} of the letters unknown"
        )
    (job.out / "metrics.json").write_text(json.dumps(measured, indent=1))
    job.metrics(measured)
