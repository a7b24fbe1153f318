"""What a pretrained folder or hub id is in a key: its content, never its place."""

import hashlib
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def _there(source: str) -> str:
    if source.startswith("models:/"):
        return source
    if Path(source).expanduser().is_dir():
        return str(Path(source).expanduser())
    if not _HUB_ID.fullmatch(source) or source.startswith("."):
        raise ValueError(f"no such folder: {source}")
    return source


Pretrained = Annotated[str, AfterValidator(_there)]
"""A folder that is there, a hub id, or the `models:/` URI of a registered model."""


def content(source: str) -> str:
    """`sha256:…` over names and bytes of a folder's files; a hub id stands for itself."""
    folder = Path(source)
    if not folder.is_dir():
        return source
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return f"sha256:{whole.hexdigest()}"
