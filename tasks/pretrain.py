"""A language model, pretrained on the encoded shards of a corpus."""

from models.pretraining.pretrain import PretrainConfig
from tasks.graph.refs import Corpus, Model, Sequences, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Model, process="exclusive", gpu=True, headline="eval/loss")
def pretrain(
    job: Job, config: PretrainConfig, sequences: tuple[Sequences, ...], corpus: Corpus, tokenizer: Tokenizer
) -> None:
    """Pretrains a model, on several processes where there are; goes on from its newest checkpoint after a kill."""
    # Here, not above: torch and transformers take seconds to import, and only training processes need them.
    from models.pretraining import pretrain as pretraining
    from models.pretraining.batches import documents
    from models.tokens.tokenizer import load_tokenizer

    encoded = [job.files(ref) for ref in sequences]
    train, validation = documents(encoded, job.files(corpus), config.encode)
    job.metrics({"documents": len(train), "corpus/tokens": train.tokens, "corpus/bytes": train.size})
    job.say(
        f"{train.tokens:,} tokens in {len(train):,} sequences to learn from, {validation.tokens:,} held out"
    )
    made = load_tokenizer(job.files(tokenizer))
    model, history = pretraining.pretrain(
        config,
        train,
        validation,
        made,
        job.workplace.within("checkpoints"),
        on_log=job.curve,
        on_progress=job.progress,
    )
    if job.leads:
        pretraining.save(job.out, model, made, history)
    job.metrics({"parameters": model.num_parameters()})
