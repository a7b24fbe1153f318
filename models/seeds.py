"""Seeds derived from seeds, so that every random choice is a function of what it is for, not of what ran before."""

import hashlib
import json
from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""A seed as people give it: what every library takes."""


def derive(*parts: int | str) -> int:
    """A 63-bit seed that is a pure function of `parts`, e.g. `derive(seed, "mask", step)`."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
