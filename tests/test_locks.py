"""The locks: what they pin, and what they must not bring."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("developers", [False, True])
def test_a_lock_pins_all_that_is_asked_for_by_hash_and_nothing_of_cuda(
    version: str, developers: bool
) -> None:
    text = _lock(version, developers)
    pinned = dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+) \\\n    --hash=sha256:", text, re.M))
    assert len(pinned) == text.count("==")
    asked = [Requirement(line) for line in _asked(developers) if not line.startswith("headwater[")]
    wanted = {canonicalize_name(item.name): item.specifier for item in asked if item.name != "torch"}
    assert not [f"{name}{rule}" for name, rule in wanted.items() if pinned.get(name, "0") not in rule]
    assert not [name for name in pinned if name.startswith(("nvidia", "cuda", "triton", "torch"))]
    assert "://" not in text and "--index" not in text


def test_a_version_that_is_supported_has_its_locks() -> None:
    supported = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    assert tuple(supported) == VERSIONS
    assert sys.version_info[:2] in [tuple(map(int, version.split("."))) for version in VERSIONS]


def _asked(developers: bool) -> list[str]:
    extras = PROJECT["optional-dependencies"]
    chosen = ["auth", "postgres", "ray", "s3", *(["dev"] if developers else [])]
    return [*PROJECT["dependencies"], *(line for name in chosen for line in extras[name])]


def _lock(version: str, developers: bool) -> str:
    name = f"py{version.replace('.', '')}{'-dev' if developers else ''}.txt"
    return (ROOT / "locks" / name).read_text(encoding="utf-8")
