"""The folder of all state."""

import os
from pathlib import Path


def home() -> Path:
    """`HEADWATER_HOME`, else `.headwater` in the working directory."""
    return Path(os.path.expanduser(os.environ.get("HEADWATER_HOME") or ".headwater")).resolve()
