"""The last layer alone, fitted as a logistic regression on what the frozen model puts before it.

A head drawn at random sends large random gradients through the pretrained weights in the first steps; one that is
fitted first does not: Kumar et al., Fine-Tuning can Distort Pretrained Features and Underperform
Out-of-Distribution (ICLR 2022), LP-FT.
"""

import hashlib

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.backbone.layers import last_layer
from models.inference.inputs import BATCH_SIZE, Inputs
from models.interfaces.features import per_row
from models.memo import MEMO

COSTS = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of regularisation among which validation chooses."""
STATES = 20_000
"""States, of texts or of tokens, that are enough for a layer of a few thousand weights."""


def fit_last_layer(model: PreTrainedModel, inputs: Inputs, validation: Inputs) -> bool:
    """Sets the weights of the model's last layer; False, with nothing set, where it is no classifier."""
    layer = last_layer(model)
    if layer is None:
        return False
    seen, labels, weights = _before(model, layer, inputs)
    if labels is None or len(np.unique(labels)) < 2:
        return False
    center, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    other, other_labels, other_weights = _before(model, layer, validation)

    seen, other = (seen - center) / scale, (other - center) / scale

    def best() -> LogisticRegression:
        fitted = [LogisticRegression(C=cost, max_iter=300).fit(seen, labels, weights) for cost in COSTS]
        return min(fitted, key=lambda item: _log_loss(item, other, other_labels, other_weights))

    # Ways that start from the same model fit the same.
    given = (seen, labels, weights, other, other_labels, other_weights)
    key = ("last layer", *map(_digest, given)) if MEMO.room else ()
    _set(layer, MEMO.once(key, best, lambda made: made.coef_.nbytes), center, scale)
    return True


def _digest(values: np.ndarray | None) -> tuple[object, ...]:
    """What tells an array from others."""
    if values is None:
        return ()
    return values.shape, values.dtype.str, hashlib.sha256(values.tobytes()).digest()


def _before(
    model: PreTrainedModel, layer: nn.Linear, inputs: Inputs
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """What `layer` gets (examples, width), class numbers (examples,), or None if labels are no such numbers, and what
    each example counts, or None if that is the same."""
    caught: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    states, labels, weights = [], [], []
    model.eval()
    try:
        with torch.inference_mode():
            for indices in map(sorted, inputs.by_length(BATCH_SIZE)):
                batch = inputs.batch(indices)
                label, owners = batch.pop("labels", None), batch.pop("owners", None)
                model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
                state = caught.pop()
                if owners is not None:  # a row of several windows has the mean of their states
                    state = per_row(state, owners.to(state.device), "mean")
                if label is None or label.is_floating_point() or label.shape != state.shape[:-1]:
                    return np.zeros((0, 0)), None, None
                counted = label >= 0
                states.append(state.cpu()[counted].numpy())
                labels.append(label[counted].numpy())
                own = [inputs.features[at].weight * inputs.features[at].frequency for at in indices]
                each = torch.tensor(own, dtype=torch.float64).reshape(-1, *[1] * (label.ndim - 1))
                weights.append(each.expand(label.shape)[counted].numpy())
    finally:
        hook.remove()
    every = max(1, -(-sum(map(len, labels)) // STATES))
    counts = np.concatenate(weights)[::every]
    return (
        np.concatenate(states)[::every].astype(np.float64),
        np.concatenate(labels)[::every],
        None if len(set(counts)) < 2 else counts,
    )


def _log_loss(
    fitted: LogisticRegression, states: np.ndarray, labels: np.ndarray | None, weights: np.ndarray | None
) -> float:
    """Mean negative log-probability of the labels that the fit has seen."""
    column = {label: number for number, label in enumerate(fitted.classes_)}
    known = [
        (row, column[label])
        for row, label in enumerate(labels if labels is not None else ())
        if label in column
    ]
    if not known:
        return 0.0
    chances = fitted.predict_proba(states)
    losses = [-np.log(max(chances[place], 1e-12)) for place in known]
    return float(np.average(losses, weights=None if weights is None else weights[[row for row, _ in known]]))


def _set(layer: nn.Linear, fitted: LogisticRegression, center: np.ndarray, scale: np.ndarray) -> None:
    """Folds the fit, made on standardised states, into the layer's weights; an unseen class gets little chance."""
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # sklearn then has one row, of the second class against the first
        coefficients, intercepts = (
            np.vstack([-coefficients, coefficients]) / 2,
            np.array([-1, 1]) * intercepts / 2,
        )
    weights = coefficients / scale
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[fitted.classes_] = torch.tensor(weights, dtype=layer.weight.dtype)
        if layer.bias is not None:
            biases = intercepts - weights @ center
            layer.bias.fill_(float(biases.min()) - 5)
            layer.bias[fitted.classes_] = torch.tensor(biases, dtype=layer.bias.dtype)
