"""The corpus, put together from its shards: what repeats over them is taken out, and a share is held out."""

from pydantic import Field

from models.config import Config
from models.data import counts
from models.data.cleaning import CleanConfig
from models.data.gathering import Gathering
from models.data.quarantine import check_share
from models.errors import DataError
from tasks.graph.refs import Corpus, Validated
from tasks.graph.step import step
from tasks.running.job import Job


class HoldOutConfig(Config):
    """How much is held out, and what a corpus may be like."""

    seed: int = Field(default=0, description="Seed of the draw.")
    holdout: float = Field(default=0.01, gt=0, lt=1, description="Share of the texts that is held out.")
    cleaned: CleanConfig | None = Field(
        default=None, description="How the shards were cleaned: what repeats over them goes too."
    )
    goes_on: tuple[int, ...] = Field(
        default=(), description="Numbers of the shards that are of the same file as the one before."
    )
    quarantine: float = Field(
        default=0.02, ge=0, le=1, description="Largest share of rows that may have failed, over all shards."
    )


@step(Corpus, process=lambda ref: "shared" if len(ref.shards) > 1 else None, headline="parts/train")
def hold_out(job: Job, config: HoldOutConfig, shards: tuple[Validated, ...]) -> None:
    """Finds what repeats over the shards, from signatures alone, and holds a share of the texts out."""
    folders = [job.files(ref) for ref in shards]
    corpus = Gathering(folders, config.cleaned, job.scratch, job.out, config.goes_on)
    found = corpus.before()
    if not found["kept"] and found["removed"].get("leak"):
        raise DataError(
            "a test row stands in every text of the corpus, so none is left to learn from: give other texts, or "
            "set corpus.leaks: report"
        )
    try:
        check_share(found, corpus.quarantine(), config.quarantine)
    except DataError:
        corpus.shelf.attach(job.attach)
        raise
    made = corpus.write(config.seed, config.holdout)
    counts.write(job.out, made)
    job.metrics(counts.metrics(made))
    job.say(", ".join(f"{name} {count:,}" for name, count in made["parts"].items()))
