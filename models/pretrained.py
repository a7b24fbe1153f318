"""Models brought along: a folder, a hub id or a registered model, taken as they are or trained further."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from models import hub, weights
from models.config import Config
from models.errors import DataError, NetworkError, RecipeError
from models.files import digest
from models.paths import RecipePath, tried

SETTINGS = ("config.json", "generation_config.json")
"""Files of a model beside its weights and its tokenizer; no format that could hold code is among them."""


def _there(source: str) -> str:
    if source.startswith("models:/"):
        return source
    if Path(source).expanduser().is_dir():
        return str(Path(source).expanduser())
    if not hub.ID.fullmatch(source) or source.startswith("."):
        raise ValueError(f"no such folder: {tried(source)}")
    return source


Pretrained = Annotated[RecipePath, AfterValidator(_there)]
"""A folder that is there, a hub id (also with `@` and a commit, branch or tag), or the `models:/` URI of a registered
model."""


def is_of_hub(source: str | None) -> bool:
    """Whether it is a hub id."""
    return source is not None and not source.startswith("models:/") and not Path(source).is_dir()


class PretrainedConfig(Config):
    """A model that is taken as it is."""

    pretrained: Pretrained = Field(description="Folder, hub id or models:/ URI of the model.")

    def identity(self) -> Any:
        return {"pretrained": content(self.pretrained)}


def content(source: str) -> str:
    """What a model is in a key: `sha256:…` over names and bytes of a folder's files; a hub id with its commit.

    Raises:
        DataError: there is no such model on the hub.
        NetworkError: the hub cannot be asked which commit that is, and was not before.
    """
    folder = Path(source)
    if source.startswith("models:/"):
        return source
    if not folder.is_dir():
        return hub.at_commit(source)
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(f"{path.relative_to(folder).as_posix()}\0{digest(path)}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def settings(source: str) -> dict[str, Any]:
    """The `config.json` of a folder, or of a hub id.

    Raises:
        RecipeError: there is none, or it is not JSON.
    """
    try:
        path = Path(source) / "config.json" if Path(source).is_dir() else _download(source, "config.json")
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"{source} holds no model: there is no config.json in it") from error
    except (DataError, NetworkError) as error:
        raise RecipeError(str(error)) from error
    except (OSError, ValueError) as error:
        raise RecipeError(f"{source}/config.json cannot be read: {error}") from error


def is_decoder(source: str) -> bool:
    """Whether the architecture of a folder or hub id reads from left to right and can continue a text."""
    from transformers.models.auto import modeling_auto as known

    kind = settings(source).get("model_type")
    return (
        kind in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        and kind not in known.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )


def copy(source: str, folder: Path) -> int:
    """Copies a model's files, the tokenizer's aside, into `folder`, its weights as safetensors; gives its number of
    parameters.

    Raises:
        NetworkError: the hub cannot be reached.
        DataError: there is no such model, or no weights that can be read without running code.
    """
    from safetensors import safe_open

    place = _place(source)
    folder.mkdir(parents=True)
    for name in SETTINGS:
        if (place / name).is_file():
            shutil.copyfile(place / name, folder / name)
    weights.copy(place, folder)
    parameters = 0
    for path in sorted(folder.glob(weights.SAFE)):
        with safe_open(path, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 it is no mapping
                parameters += math.prod(tensors.get_slice(name).get_shape())
    return parameters


@contextmanager
def readable(source: str) -> Iterator[str]:
    """A place from which `transformers` reads a model's weights as safetensors: `source`, or where it has other ones a
    copy that lasts as long as it is read."""
    place = _place(source)
    if weights.files(place)[0].suffix == ".safetensors":
        yield str(place)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy(str(place), Path(folder) / "model")
        yield str(Path(folder) / "model")


def _place(source: str) -> Path:
    return Path(source) if Path(source).is_dir() else _download(source, None)


def _download(hub_id: str, name: str | None) -> Path:
    """A file of a hub id, or with None the folder with its settings and weights."""
    from huggingface_hub import hf_hub_download, snapshot_download

    own, commit = hub.parted(hub.at_commit(hub_id))
    with hub.reaching(f"model {own}"):
        if name is not None:
            return Path(hf_hub_download(own, name, revision=commit))
        folder = Path(snapshot_download(own, revision=commit, allow_patterns=[*SETTINGS, *weights.PATTERNS]))
        if not any(folder.glob(weights.SAFE)):
            patterns = [*SETTINGS, *weights.PICKLE_PATTERNS]
            folder = Path(snapshot_download(own, revision=commit, allow_patterns=patterns))
        return folder
