"""One point of a training's curves."""

from collections.abc import Mapping

Record = dict[str, float]
"""`step`, `tokens`, `train/…` and, where it was evaluated, `eval/…`."""

_MEASURED = ("train/tokens_per_second", "train/memory_bytes")


def lasting(record: Mapping[str, float]) -> Record:
    """What of a record is the same in every run; speed and memory go to MLflow and stay out of files."""
    return {name: value for name, value in record.items() if name not in _MEASURED}
