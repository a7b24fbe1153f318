"""What was expected of a step before it ran, in a tag of its run: for whoever compares it with what it took."""

import json
from collections.abc import Mapping
from typing import Any

TAG = "headwater.estimate"


def tags(estimate: Mapping[str, Any] | None) -> dict[str, str]:
    """The tag of a step's run; none where nothing was expected."""
    return {TAG: json.dumps(estimate)} if estimate else {}


def read(tags: Mapping[str, str]) -> dict[str, Any]:
    """What a run's tags say was expected of it."""
    try:
        return json.loads(tags.get(TAG, "{}"))
    except ValueError:  # somebody has edited it
        return {}
