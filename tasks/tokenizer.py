"""A tokenizer, trained on a sample of the corpus without what is held out, or taken from a pretrained model."""

import json
from typing import Any

from pydantic import Field

from models.data.sampling import Sample
from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, load_tokenizer, measure, wrap
from tasks.graph.refs import Tokenizer, Validated
from tasks.graph.step import step
from tasks.running.job import Job


class LearnConfig(TokenizerConfig):
    """How text becomes tokens, and which texts are not learnt from."""

    seed: int = Field(default=0, description="Of the sample, and of the draw of held-out texts.")
    holdout: float = Field(default=0.01, gt=0, lt=1, description="Share of the texts that is held out.")

    def identity(self) -> Any:
        return {**super().identity(), "seed": self.seed, "holdout": self.holdout}


@step(Tokenizer, process="shared", headline="fertility")
def tokenizer(job: Job, config: LearnConfig, shards: tuple[Validated, ...]) -> None:
    """Learns how to cut text into tokens, and measures it on held-out text where there is a corpus."""
    sample = Sample([job.files(ref) for ref in shards], config.sample, config.seed, config.holdout)
    if config.pretrained is not None:
        job.say(f"taking the tokenizer of {config.pretrained}")
        made = load_tokenizer(config.pretrained)
    else:
        words = f"training {config.kind} with {config.vocabulary:,} tokens on {sample.size:,} bytes of text"
        job.say(words)
        made = wrap(tokenizer_training.train(config, sample.learnt))
    made.save_pretrained(job.out)
    measured: dict[str, float] = {"vocabulary": len(made)}
    if shards:
        measured |= {"sample/bytes": sample.size, **measure(made, sample.held_out())}
        job.say(
            f"{measured['fertility']:.2f} tokens a word, {measured['unknown_rate']:.3%} of the letters unknown"
        )
    (job.out / "metrics.json").write_text(json.dumps(measured, indent=1))
    job.metrics(measured)
