"""A step that does nothing, for what a step costs beside its work."""

from models.config import Config
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job


class Nothing(Config):
    """Which of many."""

    number: int
    settings: tuple[str, ...] = ("as", "many", "as", "a", "small", "step", "has")


@step(refs.Ingested)
def nothing(job: Job, config: Nothing) -> None:
    """Writes its number."""
    (job.out / "number.txt").write_text(str(config.number))
    job.metrics({"number": config.number})
