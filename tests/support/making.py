"""Makes an artifact on a real store, with all it needs."""

from pathlib import Path

from tasks.graph.refs import Ref, ordered
from tasks.running.execution import RunContext, produce
from tasks.storage import artifacts


def make(ref: Ref, context: RunContext) -> Path:
    """Runs what `ref` needs; its files."""
    for needed in ordered([ref]):
        produce(needed, context)
    return artifacts.files(ref)
