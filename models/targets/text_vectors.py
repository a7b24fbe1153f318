"""One vector a text, from a pretrained model that has learnt nothing of a downstream."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from models.backbone import embedding
from models.inference.states import read_once
from models.interfaces.asked import Asked
from models.interfaces.features import Feature


def text_vectors(asked: Asked, features: Sequence[Feature]) -> np.ndarray:
    """(features, width) the mean state of a pretrained model over each input, of length 1."""
    return np.stack(read_once(asked, features, _mean))


def _mean(model: Any, ids: Tensor, mask: Tensor) -> Tensor:
    return embedding.vectors(model, ids, mask, "mean")
