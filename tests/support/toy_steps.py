"""Small steps for the tests of the machinery."""

import os
import time
from pathlib import Path

from pydantic import Field

from models.config import PLUMBING, Config
from models.errors import DataError
from tasks.graph import refs
from tasks.graph.step import step
from tasks.running.job import Job
from tests.support.waiting import until


class Toy(Config):
    word: str
    calls: str = Field(default="", json_schema_extra=PLUMBING)
    fail: bool = Field(default=False, json_schema_extra=PLUMBING)
    wait: float = Field(default=0.0, json_schema_extra=PLUMBING)
    until: str = Field(default="", json_schema_extra=PLUMBING)
    """A file that is waited for."""


def count_call(config: Toy) -> None:
    if config.calls:
        with Path(config.calls).open("a") as file:
            file.write(f"{config.word}\n")


@step(refs.Ingested)
def write(job: Job, config: Toy) -> None:
    """Writes its word."""
    count_call(config)
    (job.out / "folder").mkdir()
    (job.out / "folder" / "word.txt").write_text(config.word)
    time.sleep(config.wait)
    if config.until:
        until(Path(config.until).exists, what=config.until)
    job.metrics({"length": len(config.word)})
    if config.fail:
        raise DataError(f"'{config.word}' is not a good word; choose another")


@step(refs.Validated)
def repeat(job: Job, config: Toy, rows: refs.Ingested) -> None:
    """Repeats the word of its input."""
    count_call(config)
    (job.out / "words.txt").write_text((job.files(rows) / "folder" / "word.txt").read_text() * 2)


@step(refs.Adapted, process="shared")
def meet(job: Job, config: Toy) -> None:
    """Waits in a training process for another word to come."""
    meeting = Path(config.calls)
    (meeting / config.word).touch()
    longest = time.monotonic() + config.wait
    while not (met := len(list(meeting.iterdir())) == 2) and time.monotonic() < longest:
        time.sleep(0.05)
    time.sleep(0.5)  # until the other has seen it too
    (meeting / config.word).unlink()
    job.metrics({"threads": job.workplace.threads, "met": met})


@step(refs.Model, process="exclusive")
def alone(job: Job, config: Toy) -> None:
    """Looks in a training process whether anything else goes on."""
    job.metrics({"threads": job.workplace.threads, "met": any(Path(config.calls).iterdir())})


@step(refs.Model, process="exclusive")
def train(job: Job, config: Toy, rows: refs.Ingested) -> None:
    """Counts in the training process, where it can be killed and goes on."""
    saved = job.work / "count.txt"
    count = int(saved.read_text()) if saved.is_file() else 0
    job.metrics({"resumed_at": count})
    while count < 5:
        count += 1
        saved.write_text(str(count))
        job.progress(count, 5, "counting")
        if count == 3 and config.fail and not (job.work / "killed").is_file():
            (job.work / "killed").touch()
            os.kill(os.getpid(), 9)
    (job.out / "pid.txt").write_text(str(os.getpid()))
