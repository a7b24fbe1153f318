"""Scores of the vocabulary, computed only where they are asked for.

Objectives that predict tokens share this. Heads act on each position by itself, so a hook on the base model hands the
head the wanted positions and nothing else; this works for every architecture that `AutoModelForMaskedLM` and
`AutoModelForCausalLM` know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes seconds to import, and recipes load objectives
    from torch import Generator, Tensor
    from torch.nn import Linear
    from transformers import PreTrainedModel

NO_TARGET = -100
"""Marks positions at which nothing is predicted."""


def with_places(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The batch and `places` (targets,), where its `targets` stand, counted in reading order.

    Found when a batch is made, on the CPU: to count them on a GPU is to wait for it.
    """
    return {**batch, "places": _places(batch["targets"])}


def targets_of(batch: Mapping[str, Tensor]) -> Tensor:
    """(targets,) the tokens to say, in reading order."""
    return batch["targets"].flatten().index_select(0, places_of(batch))


def places_of(batch: Mapping[str, Tensor]) -> Tensor:
    """`places` of `with_places`, also of a batch that is not told them."""
    return batch["places"] if "places" in batch else _places(batch["targets"])


def _places(targets: Tensor) -> Tensor:
    return (targets.flatten() != NO_TARGET).nonzero()[:, 0]


def target_logits(
    model: PreTrainedModel, batch: Mapping[str, Tensor], candidates: Tensor | None = None
) -> Tensor:
    """(targets, vocabulary or candidates) scores at the positions of the batch's `targets`, in reading order."""
    places = places_of(batch)
    return head_logits(model, batch, lambda states: states.flatten(0, 1).index_select(0, places), candidates)


def summed_loss(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> tuple[float, int]:
    """(sum of the cross-entropy of the `targets` over the whole vocabulary in nats, number of targets)."""
    from torch.nn.functional import cross_entropy

    targets = targets_of(batch)
    return float(cross_entropy(target_logits(model, batch).float(), targets, reduction="sum")), len(targets)


def head_logits(
    model: PreTrainedModel,
    batch: Mapping[str, Tensor],
    pick: Callable[[Tensor], Tensor],
    candidates: Tensor | None = None,
) -> Tensor:
    """Scores of the states, (n, hidden), that `pick` makes from the base model's, (rows, length, hidden).

    Returns:
        (n, vocabulary), or (n, candidates) where only some tokens are asked for.
    """
    from torch.func import functional_call

    def replace(module, args, output):
        output["last_hidden_state"] = pick(output["last_hidden_state"])[None]
        return output

    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch.get("attention_mask")}
    weights = {} if candidates is None else _head_of(model, candidates)
    hook = model.base_model.register_forward_hook(replace)
    try:
        scores = functional_call(model, weights, kwargs=inputs, tie_weights=False).logits
        # The gradient of `squeeze` is a view, where that of `[0]` is a copy in a field of zeros.
        return scores.squeeze(0)
    finally:
        hook.remove()


def output_layer(model: PreTrainedModel) -> Linear:
    """The layer that scores the vocabulary."""
    from torch.nn import Linear

    layer = model.get_output_embeddings()
    assert isinstance(layer, Linear), "models that predict tokens end in one"
    return layer


def _head_of(model: PreTrainedModel, candidates: Tensor) -> dict[str, Tensor]:
    """The rows of the output layer for `candidates`, by parameter name."""
    from torch.nn.functional import embedding

    layer = output_layer(model)
    name = next(name for name, module in model.named_modules() if module is layer)
    # The backward pass of `embedding` is deterministic; that of indexing is too, but slow. On a CPU the gradient of a
    # tied weight is that of its rows, added to the other one in its place; a second whole one would be mostly zeros.
    tied = layer.weight is model.get_input_embeddings().weight
    rows = {
        f"{name}.weight": embedding(
            candidates, layer.weight, sparse=tied and layer.weight.device.type == "cpu"
        )
    }
    return rows if layer.bias is None else rows | {f"{name}.bias": layer.bias[candidates]}


def sample(tokens: Tensor, frequency: Tensor, extra: int, generator: Generator) -> dict[str, Tensor]:
    """Tokens to score: those of the batch and `extra` random ones, sorted, with the log chance that each is among them.

    Subtracting that log from a score makes the sum over candidates an unbiased estimate of the sum over all.
    """
    import torch

    size = len(frequency)
    drawn = torch.randint(size, (extra,), generator=generator)
    candidates = torch.unique(torch.cat([tokens, drawn]))
    missed = len(tokens) * torch.log1p(-frequency[candidates].double().clamp(max=0.5)) + extra * math.log1p(
        -1 / size
    )
    return {"candidates": candidates, "log_inclusion": torch.log1p(-missed.exp()).float()}


def cross_entropy(logits: Tensor, targets: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """(n,) nats; against the candidates, the target's own score stands as it is."""
    import torch

    if "candidates" not in batch:
        return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    from models.backbone.sampled_loss import SampledCrossEntropy

    places = torch.searchsorted(batch["candidates"], targets)[:, None]
    return SampledCrossEntropy.apply(logits.float(), batch["log_inclusion"], places)
