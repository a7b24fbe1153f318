"""A pretrained model with the head it learnt with, to be asked as it is."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.backbone import build
from models.errors import DataError
from models.memo import MEMO, known
from models.pretrained import is_decoder, readable

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def as_pretrained(folder: Path) -> tuple[PreTrainedModel, bool]:
    """A pretrained model in float32, and whether it reads from left to right.

    One that continues texts comes with its head, one that fills in hidden words too, if the folder holds that head.

    Raises:
        DataError: the folder holds no such model.
    """
    decoder = is_decoder(str(folder))
    try:
        with readable(str(folder)) as place:
            model, missing = _loaded(place, decoder)
    except (OSError, ValueError) as error:
        raise DataError(f"no model can be read from {folder}: {str(error).splitlines()[0]}") from error
    build.check_whole(model, missing, folder)
    return model.eval(), decoder


def read_once(folder: Path, device: torch.device) -> tuple[PreTrainedModel, bool, Hashable]:
    """As `as_pretrained`, on a device, with what tells the model's files from others: read once for all who ask it, by
    none of whom it is changed."""
    files = known(folder)

    def load() -> tuple[PreTrainedModel, bool]:
        model, decoder = as_pretrained(folder)
        return model.to(device), decoder  # pyright: ignore[reportArgumentType]

    key = ("as pretrained", files, str(device))
    model, decoder = MEMO.once(key, load, lambda made: made[0].get_memory_footprint())
    return model, decoder, files


def _loaded(place: str, decoder: bool) -> tuple[PreTrainedModel, set[str]]:
    """A model, and the names of weights that its checkpoint lacks."""
    import torch
    import transformers

    options: Any = {"dtype": torch.float32, "output_loading_info": True, "trust_remote_code": False}
    options["use_safetensors"] = True  # other formats may hold code
    if decoder:
        causal: Any = transformers.AutoModelForCausalLM.from_pretrained(place, **options)
        return causal[0], causal[1]["missing_keys"]
    try:
        model, loading = transformers.AutoModelForMaskedLM.from_pretrained(place, **options)
    except ValueError:  # no such head is known for the architecture
        model, loading = None, {"missing_keys": {"all"}}
    if model is None or loading["missing_keys"]:
        model, loading = transformers.AutoModel.from_pretrained(place, **options)
    return model, loading["missing_keys"]
