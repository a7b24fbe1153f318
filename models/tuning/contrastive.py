"""Contrastive learning of an encoder: texts of one class come near each other, those of different classes part.

L. Tunstall et al., Efficient Few-Shot Learning Without Prompts (2022), SetFit. There a step learns from a few pairs of
texts; here every two texts of a batch are a pair, so that each text that is read counts many times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize
from transformers import PreTrainedModel

from models.backbone import mean_layer
from models.backbone.layers import last_layer
from models.errors import DataError
from models.inference.inputs import Inputs
from models.interfaces.features import per_row
from models.seeds import derive
from models.training.curve import Diverged
from models.training.loop import train
from models.training.optimizers import OptimizerConfig
from models.training.plan import Plan
from models.training.record import Record
from models.tuning.evaluating import EVALUATED, evaluate
from models.tuning.linear_start import fit_last_layer
from models.tuning.result import MODEL, Result
from models.tuning.start import Start


def run_trial(
    start: Start,
    steps: int,
    batch_size: int,
    optimizer: OptimizerConfig,
    train_embeddings: bool,
    folder: Path,
    on_progress: Callable[[int, str], None],
) -> Result:
    """Trains the encoder on pairs, fits the last layer on what it then says, and writes both into `folder`.

    Raises:
        DataError: the model's head is given more than one vector a text.
    """
    problem, downstream = start.problem, start.problem.downstream
    inputs, validation = (
        Inputs(downstream, start.tokenizer, rows, labelled=True)
        for rows in (problem.train, problem.validation)
    )
    torch.set_num_threads(problem.workplace.threads or torch.get_num_threads())
    plan = Plan(
        steps=steps,
        optimizer=optimizer,
        seed=derive(problem.seed, "dropout"),
        log_every=max(1, steps // 50),
        workplace=problem.workplace.within(f"{folder.name}-checkpoints"),
    )
    model = _model(start)
    model.get_input_embeddings().requires_grad_(train_embeddings)
    pairs = Pairs(inputs, batch_size, derive(problem.seed, "pairs"))
    history = _train(model, pairs, plan, on_progress)
    if history is None:
        model = _model(start)
    fit_last_layer(model, inputs, validation)
    found = {f"eval/{name}": value for name, value in evaluate(model, validation).items()}
    score = found.pop(EVALUATED)
    model.save_pretrained(folder / MODEL)
    result = Result(
        rows=problem.train.height,
        steps=steps,
        learning_rate=optimizer.learning_rate,
        train_embeddings=train_embeddings,
        best_step=0 if history is None else steps,
        diverged=history is None,
        score=score,
        metrics={name[5:]: value for name, value in found.items()},
        history=[*history[:-1], {**history[-1], **found}] if history else [],
        trainable_parameters=sum(item.numel() for item in model.parameters() if item.requires_grad),
    )
    result.write(folder)
    return result


def _train(
    model: PreTrainedModel, pairs: Pairs, plan: Plan, on_progress: Callable[[int, str], None]
) -> list[Record] | None:
    """The curve; None where the loss stopped being finite, which is a poor setting and not the end of the search."""
    try:
        return train(
            model,
            pairs,
            lambda model, batch: {"loss": pair_loss(before_last(model, batch), batch["labels"])},
            plan,
            on_progress=lambda done, _, text: on_progress(done, text),
        )
    except Diverged:
        return None


def _model(start: Start) -> PreTrainedModel:
    """The model before it learns, its head on the mean of all tokens where the downstream has it so."""
    model = start.model()
    pooling = start.problem.downstream.head().get("classifier_pooling")
    if pooling == "mean" and not hasattr(model.config, "classifier_pooling"):
        mean_layer.add(model)
    return model


class Pairs:
    """The one batch of a step, a pure function of the seed and the step: texts of several classes, two of each at least
    as far as there are so many, and as many of each."""

    def __init__(self, inputs: Inputs, batch_size: int, seed: int) -> None:
        self.inputs, self.batch_size, self.seed = inputs, batch_size, seed
        labels = np.array([feature.label for feature in inputs.features])
        self.of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def __call__(self, step: int) -> list[dict[str, Tensor]]:
        generator = np.random.default_rng(derive(self.seed, "pairs", step))
        classes = generator.permutation(len(self.of_class))[: max(2, self.batch_size // 2)]
        each = self.batch_size // len(classes)
        drawn = [generator.permutation(self.of_class[number])[:each] for number in classes]
        return [self.inputs.batch(np.concatenate(drawn).tolist())]


def before_last(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """(texts, width), what the last layer of the model's head is given for each text of a batch.

    Raises:
        DataError: it is given more than one vector a text, or there is no such layer.
    """
    layer, caught = last_layer(model), list[Tensor]()
    if layer is not None:
        hook = layer.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        try:
            model(**{name: tensor for name, tensor in batch.items() if name not in ("labels", "owners")})
        finally:
            hook.remove()
    if not caught or caught[0].ndim != 2:
        raise DataError(
            f"{type(model).__name__} has no vector of a whole text before its last layer, which texts could be "
            "compared by: take another mode than contrastive"
        )
    return per_row(caught[0], batch["owners"], "mean") if "owners" in batch else caught[0]


def pair_loss(states: Tensor, labels: Tensor) -> Tensor:
    """Mean squared error of the cosines of every two texts, wanted to be 1 within a class and 0 across; both kinds of
    pairs count alike, however many there are.

    Args:
        states: (texts, width)
        labels: (texts,)
    """
    vectors = normalize(states, dim=-1)
    first, second = torch.triu_indices(len(labels), len(labels), offset=1, device=labels.device)
    cosines = (vectors @ vectors.T)[first, second]
    alike = labels[first] == labels[second]
    kinds = [(cosines[alike] - 1), cosines[~alike]]
    return torch.stack([errors.square().mean() for errors in kinds if len(errors)]).mean()
