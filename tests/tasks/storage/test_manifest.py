"""What a manifest says is believed only of files in its own folder."""

import json
from pathlib import Path

import pytest

from tasks.storage import manifest


@pytest.mark.parametrize(
    ("name", "taken"),
    [("a/b.txt", True), ("a..b/c", True), ("../b", False), ("a/../../b", False), ("/etc/passwd", False)],
)
def test_one_that_points_out_of_its_folder_is_damaged(tmp_path: Path, name: str, taken: bool) -> None:
    path = tmp_path / manifest.NAME
    path.write_text(json.dumps({"files": [{"path": name, "bytes": 1, "sha256": "0"}], "inputs": {}}))
    assert (manifest.read(path) is not None) == taken
