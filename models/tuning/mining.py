"""What training rows are hard to tell from, found once, by the model that all trials start from."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel

from models.backbone.unpadded import unpadded
from models.files import write_whole
from models.inference.inputs import Inputs, outputs


def mine(inputs: Inputs, model: PreTrainedModel, kept: Path, seed: int) -> None:
    """Tells the features of training rows what they learn `against`.

    Args:
        model: as it is before it learns.
        kept: file that what is found is kept in.
    """
    downstream = inputs.downstream

    def say() -> Sequence[np.ndarray]:
        with unpadded(model):
            return outputs(model, inputs)[0]

    if not kept.is_file():
        found = downstream.mine(inputs.features, inputs.rows, say, seed)
        with write_whole(kept) as draft:
            draft.write_text(json.dumps(found))
    for feature, numbers in zip(inputs.features, json.loads(kept.read_bytes()), strict=False):
        feature.against = [inputs.features[number] for number in numbers]
