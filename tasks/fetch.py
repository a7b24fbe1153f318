"""A pretrained model that is taken as it is."""

from models import pretrained, tokenization
from models.pretrained import PretrainedConfig
from tasks.job import Job
from tasks.refs import Model, Tokenizer
from tasks.step import step


@step(Model)
def fetch(job: Job, config: PretrainedConfig, tokenizer: Tokenizer) -> None:
    """Takes a model from a folder or the hub into the store, with its tokenizer beside the weights."""
    parameters = pretrained.copy(config.pretrained, job.out / "model")
    tokenization.load(job.files(tokenizer)).save_pretrained(job.out / "model")
    job.metrics({"parameters": parameters})
    job.say(f"{parameters / 1e6:,.1f} million parameters")
