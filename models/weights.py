"""Weights of a model on a disk, kept as safetensors; a pickle is read only where it holds nothing but tensors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import DataError

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load this module
    from torch import Tensor

SAFE, SAFE_INDEX = "*.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
PATTERNS = (SAFE, "*.safetensors.index.json")
PICKLE_PATTERNS = ("pytorch_model*.bin", PICKLED_INDEX)
_OTHERS = {
    "tf_model.h5": "TensorFlow's",
    "flax_model.msgpack": "Flax's",
    "model.ckpt.index": "TensorFlow's",
    "model.onnx": "ONNX's",
}
_POINTER = b"version https://git-lfs"


def files(folder: Path) -> list[Path]:
    """The files that hold the weights: safetensors, or where there are none the pickles of PyTorch.

    Raises:
        DataError: there are none, or not all of them, or they are of another library.
    """
    found = sorted(folder.glob(SAFE)) or _pickles(folder)
    if not found:
        raise DataError(_lacking(folder))
    index = folder / SAFE_INDEX
    named = _shards(index) if found[0].suffix == ".safetensors" and index.is_file() else []
    for path in (*found, *(folder / name for name in named)):
        if not path.is_file():
            raise DataError(f"{path} is not there, though its index names it: the model is not whole")
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise DataError(f"{path} is no file of weights but a pointer of Git LFS: run `git lfs pull`")
    return found


def copy(folder: Path, target: Path) -> None:
    """The weights of `folder` in `target`, as safetensors under the names that `transformers` looks for.

    Raises:
        DataError: as `files`; or a pickle holds more than tensors, or is damaged.
    """
    for path in files(folder):
        if path.suffix == ".safetensors":
            shutil.copyfile(path, target / path.name)
        else:
            _convert(path, target / _safe_name(path.name), _tied(folder))
    for path in folder.glob("*.safetensors.index.json"):
        shutil.copyfile(path, target / path.name)
    if (folder / PICKLED_INDEX).is_file() and not (target / SAFE_INDEX).is_file() and _pickled(target):
        index = json.loads((folder / PICKLED_INDEX).read_text(encoding="utf-8"))
        places = {name: _safe_name(file) for name, file in index["weight_map"].items()}
        made = index | {"weight_map": places}
        (target / SAFE_INDEX).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def names(folder: Path) -> list[str]:
    """Names of the weights in a folder of safetensors."""
    from safetensors import safe_open

    found: list[str] = []
    for path in sorted(folder.glob(SAFE)):
        with safe_open(path, framework="numpy") as tensors:
            found += tensors.keys()
    return found


def _pickled(target: Path) -> bool:
    return len(list(target.glob(SAFE))) > 1


def _pickles(folder: Path) -> list[Path]:
    index = folder / PICKLED_INDEX
    if index.is_file():
        return [folder / name for name in _shards(index)]
    return [folder / PICKLED] if (folder / PICKLED).is_file() else []


def _shards(index: Path) -> list[str]:
    try:
        return sorted({*json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{index} cannot be read: {error}") from error


def _lacking(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return (
            f"{folder} holds an adapter of peft and not the model it belongs to: merge the two (merge_and_unload) "
            "and save the result with save_pretrained"
        )
    other = next((name for name in _OTHERS if (folder / name).is_file()), None)
    if other is None:
        return f"{folder} holds no weights ({SAFE} or {PICKLED}): save the model with save_pretrained"
    return (
        f"{folder} holds weights of {_OTHERS[other]} alone ({other}), which transformers no longer reads: convert them "
        "once where transformers 4 and that library are installed, from_pretrained(…, from_tf=True) or "
        "from_flax=True, then save_pretrained"
    )


def _safe_name(name: str) -> str:
    return name.replace("pytorch_model", "model").removesuffix(".bin") + ".safetensors"


def _tied(folder: Path) -> bool:
    """Whether a weight that stands twice in a file is one, as `transformers` takes it unless told otherwise."""
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return settings.get("tie_word_embeddings", True) is not False


def _convert(path: Path, target: Path, tied: bool) -> None:
    from safetensors.torch import save_file

    seen: set[tuple[Any, ...]] = set()
    kept: dict[str, Tensor] = {}
    for name, tensor in _tensors(path).items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tied and tensor.numel() and place in seen:
            continue  # such as the output layer, which `transformers` ties again
        seen.add(place)
        kept[name] = tensor.clone().contiguous()  # parts of one storage are written each by itself
    save_file(kept, target, {"format": "pt"})


def _tensors(path: Path) -> Mapping[str, Tensor]:
    """What a pickle holds; no code in it is run."""
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} holds more than tensors ({_reason(error)}), and to read that would run code: save the model "
            "as safetensors where you trust it, or take another"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise DataError(f"{path} is damaged: {_reason(error)}") from error
    if not isinstance(found, Mapping) or not _all_tensors(found.values()):
        raise DataError(f"{path} is no table of weights by their names: save the model with save_pretrained")
    return found


def _all_tensors(values: Iterable[object]) -> bool:
    import torch

    return all(isinstance(value, torch.Tensor) for value in values)


def _reason(error: Exception) -> str:
    """What of a library's long message says what was found."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next(
        (line for line in lines if "Unsupported" in line or "GLOBAL" in line), lines[0] if lines else ""
    )
    return (told or type(error).__name__)[:160]
