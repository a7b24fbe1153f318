"""A pretrained model that is taken as it is."""

from models import pretrained
from models.pretrained import PretrainedConfig
from models.tokens.tokenizer import load_tokenizer
from tasks.graph.refs import Model, Tokenizer
from tasks.graph.step import step
from tasks.running.job import Job


@step(Model, process="shared")
def fetch(job: Job, config: PretrainedConfig, tokenizer: Tokenizer) -> None:
    """Takes a model from a folder or the hub into the store, with its tokenizer beside the weights."""
    parameters = pretrained.copy(config.pretrained, job.out / "model")
    load_tokenizer(job.files(tokenizer)).save_pretrained(job.out / "model")
    job.metrics({"parameters": parameters})
    job.say(f"{parameters / 1e6:,.1f} million parameters")
