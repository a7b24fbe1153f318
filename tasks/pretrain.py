"""A language model, pretrained on packed sequences."""

import json

from models.pretraining.pretrain import PretrainConfig
from tasks.graph.refs import Model, Sequences, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Model, process="exclusive", gpu=True, headline="eval/loss")
def pretrain(job: Job, config: PretrainConfig, sequences: Sequences, tokenizer: Tokenizer) -> None:
    """Pretrains a model, on several processes where there are; goes on from its newest checkpoint after a kill."""
    # Here, not above: torch and transformers take seconds to import, and only training processes need them.
    import numpy as np

    from models.pretraining import pretrain as pretraining
    from models.tokens.documents import read
    from models.tokens.tokenizer import load_tokenizer

    folder = job.files(sequences)
    counts = json.loads((folder / "counts.json").read_text())
    train, validation = (
        read([(folder / f"{part}.arrow", np.arange(counts[part]["documents"]))])
        for part in ("train", "validation")
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
