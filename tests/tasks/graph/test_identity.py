"""Rule 1: what is part of a key and what is not."""

import os
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.config import Config
from tasks.graph import identity
from tests.support.toy_steps import Toy, repeat, write


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small project with a step that imports a helper, which imports another."""
    monkeypatch.setattr(identity, "ROOT", tmp_path)
    identity.forget()
    for name, text in {
        "tasks/__init__.py": "",
        "tasks/grind.py": "from models.mill import turn\nfrom tasks.running.step import step\nimport torch\n",
        "tasks/running/step.py": "WHEEL = 1\n",
        "models/__init__.py": "",
        "models/mill.py": "from models import water\ndef turn(): return water.flow()\n",
        "models/water.py": 'def flow():\n    """Flows."""\n    return 1\n',
        "models/other.py": "x = 1\n",
        "models/pages/__init__.py": "",
        "models/pages/page.py": "y = 1\n",
        "models/pages/page.html": "<p>",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield tmp_path
    identity.forget()


def edit(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text))
    identity.forget()
    os.utime(path, ns=(time.time_ns(), time.time_ns() + len(text) * 1_000_000))


def test_an_edit_deep_in_a_helper_counts(project: Path) -> None:
    before = identity.code_of(["tasks.grind"])
    edit(project / "models/water.py", "def flow():\n    return 2\n")
    assert identity.code_of(["tasks.grind"]) != before


def test_comments_docstrings_and_layout_do_not_count(project: Path) -> None:
    before = identity.code_of(["tasks.grind"])
    edit(
        project / "models/water.py",
        '# Water.\ndef flow():\n\n    """Runs downhill."""\n    return (1)  # one\n',
    )
    assert identity.code_of(["tasks.grind"]) == before


def test_other_modules_and_the_machinery_do_not_count(project: Path) -> None:
    before = identity.code_of(["tasks.grind"])
    edit(project / "models/other.py", "x = 2\n")
    edit(project / "tasks/running/step.py", "WHEEL = 2\n")
    assert identity.code_of(["tasks.grind"]) == before


def test_data_files_beside_a_packages_code_count(project: Path) -> None:
    before = identity.code_of(["models.pages.page"])
    edit(project / "models/pages/page.html", "<p>hello")
    assert identity.code_of(["models.pages.page"]) != before


def test_versions_of_imported_libraries_count_without_their_build(project: Path) -> None:
    (version,) = identity.libraries_of(["tasks.grind"]).values()
    assert identity.libraries_of(["tasks.grind"]).keys() == {"torch"} and "+" not in version


def test_configuration_counts_and_plumbing_does_not() -> None:
    assert write(Toy(word="a")).key != write(Toy(word="b")).key
    assert write(Toy(word="a")).key == write(Toy(word="a", wait=3.0, calls="/somewhere")).key


def test_inputs_count_through_the_whole_chain() -> None:
    assert (
        repeat(Toy(word="x"), rows=write(Toy(word="a"))).key
        != repeat(Toy(word="x"), rows=write(Toy(word="b"))).key
    )


def test_what_cannot_be_hashed_faithfully_is_an_error() -> None:
    class Odd(Config):
        value: set[str]

    with pytest.raises(TypeError, match="set cannot be part of a key"):
        Odd(value={"a"}).identity()
    with pytest.raises(ValueError):
        identity.digest({"x": float("nan")})
