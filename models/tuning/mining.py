"""What training rows are hard to tell from, found once, by the model that all trials start from."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from models.backbone.heads import load
from models.files import write_whole
from models.inference.inputs import Inputs, outputs
from models.training.hardware import hardware
from models.workplace import Workplace

MINED = "mined.json"


def mine(inputs: Inputs, origin: Path, seed: int, workplace: Workplace) -> None:
    """Tells the features of training rows what they learn `against`.

    Args:
        origin: folder of the model before it learns; what is found is kept beside it.
    """
    downstream, path = inputs.downstream, origin.with_name(MINED)

    def say() -> Sequence[np.ndarray]:
        torch.set_num_threads(workplace.threads or torch.get_num_threads())
        model = load(origin, downstream).to(hardware(workplace.device).device)
        return outputs(model, inputs)[0]

    if not path.is_file():
        found = downstream.mine(inputs.features, inputs.rows, say, seed)
        with write_whole(path) as draft:
            draft.write_text(json.dumps(found))
    for feature, numbers in zip(inputs.features, json.loads(path.read_bytes()), strict=False):
        feature.against = [inputs.features[number] for number in numbers]
