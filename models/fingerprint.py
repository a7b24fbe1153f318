"""What a pretrained folder or hub id is in a key: its content, never its place."""

import hashlib
from pathlib import Path


def content(source: str) -> str:
    """`sha256:…` over names and bytes of a folder's files; a hub id or URI stands for itself."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        return source
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return f"sha256:{whole.hexdigest()}"
