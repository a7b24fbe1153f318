"""A model's weights in two files: those that are as pretraining left them, and the rest.

All models that leave the same weights of a pretrained one as they are have the first file in common, byte by byte,
and a store keeps it once. It is the usual form of large models, which plain `transformers` loads.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_NAME = "model-{:05d}-of-00002.safetensors"
_WORTH = 0.1
"""Share of a model's bytes that is worth a file."""


def part(folder: Path, source: Path) -> None:
    """Parts the weights of the model in `folder` by whether the one in `source` has them too.

    Nothing changes where it has all of them, or hardly any, or its weights are in another form.
    """
    whole = folder / WHOLE
    if not whole.is_file():
        return
    known = {
        _content(tensor) for path in sorted(source.glob("*.safetensors")) for _, tensor in _tensors(path)
    }
    same: dict[str, Tensor] = {}
    rest: dict[str, Tensor] = {}
    for name, tensor in _tensors(whole):
        (same if _content(tensor) in known else rest)[name] = tensor
    size = sum(map(_bytes, same.values()))
    total = size + sum(map(_bytes, rest.values()))
    if not rest or size < _WORTH * total:
        return
    files = {_NAME.format(1): same, _NAME.format(2): rest}
    for name, tensors in files.items():
        save_file(tensors, folder / name, {"format": "pt"})
    places = {tensor: name for name, tensors in files.items() for tensor in tensors}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    whole.unlink()


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118 it is no mapping
            yield name, file.get_tensor(name)


def _content(tensor: Tensor) -> tuple[str, torch.Size, torch.dtype]:
    data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
    return hashlib.sha256(data).hexdigest(), tensor.shape, tensor.dtype


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
