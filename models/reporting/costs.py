"""What a run has cost, beside what was expected of it."""

from models.reporting.parts import Interval, Part


class Cost(Part):
    """Of one part of a run: a pretraining, or all models of an entry."""

    name: str
    seconds: float
    expected_seconds: Interval | None = None
    """As estimated before it ran; None where that was not known of all of it."""
    memory: float | None = None
    """Bytes that its largest training process held."""
    expected_memory: Interval | None = None
