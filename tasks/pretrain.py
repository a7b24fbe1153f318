"""A language model, pretrained on packed sequences."""

from models.pretraining.pretrain import PretrainConfig
from tasks.graph.refs import Model, Sequences, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Model, process="exclusive", gpu=True, headline="eval/loss")
def pretrain(job: Job, config: PretrainConfig, sequences: Sequences, tokenizer: Tokenizer) -> None:
    """Pretrains a model; goes on from its newest checkpoint after a kill."""
    # Here, not above: torch and transformers take seconds to import, and only training processes need them.
    from models.pretraining import pretrain as pretraining
    from models.tokens.tokenizer import load_tokenizer

    train, validation = pretraining.documents(job.files(sequences))
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
    pretraining.save(job.out, model, made, history)
    job.metrics({"parameters": model.num_parameters()})
