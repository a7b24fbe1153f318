"""Files that are written as a whole, or not at all."""

from pathlib import Path

import pytest

from models.files import SEAL, digest, seal, sealed, write_whole


def interrupted(path: Path) -> None:
    with write_whole(path) as draft:
        draft.write_text("sec")
        raise KeyboardInterrupt


def test_what_is_interrupted_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with write_whole(path) as draft:
        draft.write_text("first")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert path.read_text() == "first"
    with write_whole(path) as draft:
        assert not draft.exists()
        draft.write_text("third")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("record.json", "third")]


def test_a_folder_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with write_whole(tmp_path / "folder") as draft:
            (draft / "below").mkdir(parents=True)
            (draft / "below" / name).write_text(name)
    assert [found.name for found in (tmp_path / "folder" / "below").iterdir()] == ["new"]


def test_a_digest_is_of_the_bytes_alone(tmp_path: Path) -> None:
    for name, text in (("a", "물"), ("b", "물"), ("c", "불")):
        (tmp_path / name).write_text(text)
    a, b, c = (digest(tmp_path / name) for name in "abc")
    assert a == b != c and len(a) == 64


def test_what_has_changed_since_it_was_sealed_is_told(tmp_path: Path) -> None:
    def write() -> None:
        (tmp_path / "folder").mkdir(exist_ok=True)
        for name in ("folder/a", "b"):
            (tmp_path / name).write_text(name)
        seal(tmp_path, "folder", "b")

    assert not sealed(tmp_path, "folder", "b")
    write()
    (tmp_path / "other").touch()
    assert sealed(tmp_path, "folder", "b")
    for path, content in (("b", "c"), ("folder/a", ""), ("folder/new", "new"), (SEAL, "{}"), (SEAL, "{")):
        (tmp_path / path).write_text(content)
        assert not sealed(tmp_path, "folder", "b"), path
        (tmp_path / path).unlink()
        write()
        assert sealed(tmp_path, "folder", "b")
    (tmp_path / "b").unlink()
    assert not sealed(tmp_path, "folder", "b")
