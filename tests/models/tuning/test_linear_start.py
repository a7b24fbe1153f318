"""A last layer that is fitted first."""

from pathlib import Path

import torch

from models.inference.inputs import Inputs
from models.tuning.linear_start import fit_last_layer
from tests.support.reviews import CONFIG


def test_linear_start_sets_the_last_layer_alone(make_problem, tmp_path: Path) -> None:
    problem = make_problem(tmp_path, 160)
    begun = CONFIG.start(problem)
    model = begun.model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs, validation = (
        Inputs(problem.downstream, begun.tokenizer, rows, labelled=True)
        for rows in (problem.train, problem.validation)
    )
    assert fit_last_layer(model, inputs, validation)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    batch = inputs.batch(range(160))
    with torch.inference_mode():
        right = model.eval()(**batch).logits.argmax(dim=1) == batch["labels"]
    assert right.float().mean() > 0.6
