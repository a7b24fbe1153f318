"""`headwater run --on`: what is refused before anything starts, in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.running import needs
from tests.support import recipes


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return recipes.write(tmp_path, recipes.SMALL)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["--on", "ray://head"], "'ray://head' is no engine: take ray://HOST:PORT"),
        (["--on", "dask://head:1"], "is no engine"),
        (["--on", "ray://127.0.0.1:1"], "set MLFLOW_TRACKING_URI to the address of one"),
        (["--set", "engine=ray"], "set MLFLOW_TRACKING_URI to the address of one"),
        (["--set", "resources.pretran.gpus=1"], "no step is named 'pretran': did you mean 'pretrain'?"),
        (["--set", "resources.pretrain.cpus=0"], "cpus"),
    ],
)
def test_what_cannot_be_is_refused_beforehand(
    recipe: Path, headwater_here: Callable[..., Any], settings: list[str], said: str
) -> None:
    ended = headwater_here("run", recipe, *settings)
    assert ended.code == 2 and said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_prefect_server_is_needed_too(
    recipe: Path, headwater_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    ended = headwater_here("run", recipe, "--on", "ray://127.0.0.1:1")
    assert ended.code == 2 and "set PREFECT_API_URL" in ended.err


def test_without_the_extra_it_is_named(
    recipe: Path, headwater_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    ended = headwater_here("run", recipe, "--on", "ray://127.0.0.1:1")
    assert ended.code == 2 and "pip install 'headwater[ray]'" in ended.err
