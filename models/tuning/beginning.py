"""What trials on the same rows begin with: a model whose last layer is fitted, and its worth before it learns.

All of it but that layer is as pretraining left it, or drawn from a seed. So the layer alone is kept, and each trial
makes its model once, by itself: nothing else is written, and nothing read back.
"""

import json

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from models.backbone.layers import last_layer
from models.backbone.unpadded import unpadded
from models.files import seal, sealed
from models.inference.inputs import Inputs
from models.training.hardware import hardware
from models.training.record import Record
from models.tuning.evaluating import evaluate
from models.tuning.hyperparameters import Hyperparameters
from models.tuning.linear_start import fit_last_layer
from models.tuning.start import Start

LAYER, POINT = "last_layer.safetensors", "point.json"
LINEAR_ROWS = 10_000
"""Rows that are enough for a layer of a few hundred weights."""


def begin(
    config: Hyperparameters, start: Start, rows: int, inputs: Inputs, validation: Inputs
) -> tuple[PreTrainedModel, Record]:
    """The model of one trial on the first `rows` training rows, and its point of the curves.

    The first trial fits the last layer and evaluates; those after it, and one that goes on after a kill, read that.
    """
    workplace, seen = start.problem.workplace, min(rows, LINEAR_ROWS)
    folder = start.problem.folder / f"start-{seen}-{config.beginning}"
    torch.set_num_threads(workplace.threads or torch.get_num_threads())
    model = start.model().to(hardware(workplace.device).device)
    layer = last_layer(model)
    if sealed(folder, LAYER, POINT):
        if layer is not None:
            layer.load_state_dict(load_file(folder / LAYER))
        return model, json.loads((folder / POINT).read_text())
    with unpadded(model):
        if config.linear_start:
            fit_last_layer(model, inputs.head(LINEAR_ROWS), validation)
        scores = {f"eval/{name}": value for name, value in evaluate(model, validation).items()}
    point: Record = {"step": 0, "tokens": 0, **scores}
    folder.mkdir(parents=True, exist_ok=True)
    fitted = {} if layer is None else layer.state_dict()
    save_file({name: weight.cpu().contiguous() for name, weight in fitted.items()}, folder / LAYER)
    (folder / POINT).write_text(json.dumps(point))
    seal(folder, LAYER, POINT)
    return model, point
