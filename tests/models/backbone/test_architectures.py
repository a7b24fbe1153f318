"""Every standard architecture, with its own kind of tokenizer, is carried over in every way that means something."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import transformers

from models.backbone import compatibility
from models.backbone.config import ModelConfig
from models.backbone.heads import transferred
from models.errors import RecipeError
from models.interfaces.downstream import Downstream
from models.interfaces.transfer import Problem
from models.kinds import find, kinds
from models.modes import fitting, modes, ways
from models.pretraining import pretrain
from models.pretraining.pretrain import PretrainConfig
from models.tokens import packing
from models.tokens.packing import EncodeConfig
from models.tokens.tokenizer import load_tokenizer
from models.workplace import Workplace
from tests.support import standard
from tests.support.encoded import whole
from tests.support.ways import answers, kept, problem_of, silent

QUICK = {"learning_rates": (1e-2,), "min_steps": 4, "epochs": 1, "batch_size": 4, "evaluations": 1}
QUICK |= {"steps": 4, "draws": 1}
EVERY = (*standard.ENCODERS, *standard.DECODERS)
FORMS: dict[str, list[dict[str, Any]]] = {
    "pair": [{}, {"target": "score"}, {"target": "score", "encoder": "bi"}],
    "generation": [{"max_new_tokens": 8}],
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return cache(lambda architecture: standard.save(architecture, folder / architecture))


def downstreams(kind: str) -> list[Downstream]:
    found: Any = find("models.downstream", kind, Downstream)
    made = [found.model_validate({"kind": kind, "max_length": 96, **form}) for form in FORMS.get(kind, [{}])]
    return [item.settle(item.examples()) for item in made]


def cells(architecture: str) -> Iterator[tuple[Downstream, str]]:
    """What means something for an architecture: a downstream and a mode in which its model is used."""
    decoder = architecture in standard.DECODERS
    for kind in kinds("models.downstream"):
        for downstream in downstreams(kind):
            if downstream.decoder <= decoder and has_head(architecture, downstream):
                yield from (
                    (downstream, mode) for mode in sorted(fitting(downstream, decoder) - {"baseline"})
                )


def has_head(architecture: str, downstream: Downstream) -> bool:
    return architecture in compatibility.architectures(downstream.model_class)


def carried(source: Path, downstream: Downstream, mode: str, folder: Path) -> None:
    """A few steps, saved, loaded anew, and asked."""
    problem = problem_of(downstream, source, folder / "work")
    if mode == "zero_shot":
        problem = Problem(**{**vars(problem), "train": problem.train.clear()})
    if mode == "scratch":
        problem = Problem(**{**vars(problem), "fresh": ModelConfig(pretrained=str(source))})
    kind: Any = modes()[mode]
    made_by = ways()[kind]
    way = made_by.model_validate({name: QUICK[name] for name in QUICK if name in made_by.model_fields})
    tuned = way.carry(problem, silent)
    made = kept(tuned, problem, folder / "kept")
    again = load_tokenizer(made / "model")
    texts = [text for text in standard.every_text()[:20] if text]
    assert again(texts)["input_ids"] == tuned.tokenizer(texts)["input_ids"]
    found = answers(way, made, problem)
    assert found["id"].to_list() == problem.validation["id"].to_list()
    scores = problem.downstream.evaluate(pl.concat([problem.validation, problem.pool]), found)
    assert np.isfinite(scores[problem.downstream.headline])


@pytest.mark.parametrize("architecture", EVERY[::2])
def test_it_is_carried_over_to_each_downstream_in_some_mode(
    architecture: str, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """Every other architecture, and the modes go round, so that each is tried with several; all together are slow."""
    by_downstream: dict[str, list[str]] = {}
    named: dict[str, Downstream] = {}
    for downstream, mode in cells(architecture):
        name = downstream.model_dump_json()
        by_downstream.setdefault(name, []).append(mode)
        named[name] = downstream
    start = EVERY.index(architecture)
    for number, (name, possible) in enumerate(by_downstream.items()):
        mode = possible[(start + number) % len(possible)]
        carried(checkpoint(architecture), named[name], mode, tmp_path / str(number))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", EVERY)
def test_it_is_carried_over_in_every_mode(
    architecture: str, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    for number, (downstream, mode) in enumerate(cells(architecture)):
        carried(checkpoint(architecture), downstream, mode, tmp_path / str(number))


@pytest.mark.parametrize("architecture", EVERY)
def test_what_it_says_of_a_text_does_not_depend_on_its_neighbours(
    architecture: str, checkpoint: Callable[[str], Path]
) -> None:
    """A text is padded beside longer ones: masks, positions and the place of its last token have to be right."""
    from models.inference.inputs import Inputs, outputs

    source = checkpoint(architecture)
    for kind in ("classification", "qa"):
        (downstream,) = downstreams(kind)
        if not has_head(architecture, downstream):
            continue
        tokenizer = load_tokenizer(source)
        model = transferred(downstream, tokenizer, source, 0.0, 1)
        inputs = Inputs(downstream, tokenizer, downstream.examples(), labelled=False)
        together, alone = (outputs(model, inputs, batch_size=size)[0] for size in (64, 1))
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("architecture", EVERY)
def test_the_pretrained_weights_are_under_every_head(
    architecture: str, checkpoint: Callable[[str], Path]
) -> None:
    """Classes with a head may call the model inside by another name, and a checkpoint is then lost in silence."""
    source = checkpoint(architecture)
    plain: Any = transformers.AutoModel.from_pretrained(source)
    expected = plain.get_input_embeddings().weight
    for kind in kinds("models.downstream"):
        for downstream in downstreams(kind):
            if downstream.decoder <= (architecture in standard.DECODERS) and has_head(
                architecture, downstream
            ):
                model = transferred(downstream, load_tokenizer(source), source, 0.0, 1)
                found: Any = model.get_input_embeddings()
                assert torch.equal(found.weight, expected), kind


@pytest.mark.parametrize("architecture", EVERY)
def test_it_goes_on_with_its_pretraining(
    architecture: str, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    source, decoder = checkpoint(architecture), architecture in standard.DECODERS
    tokenizer = load_tokenizer(source)
    for part in ("train", "validation"):
        texts = list(standard.every_text())
        packing.write([texts], tokenizer, EncodeConfig(sequence_length=48), tmp_path / f"{part}.arrow")
    train, validation = (whole(tmp_path / f"{part}.arrow") for part in ("train", "validation"))
    config = PretrainConfig.model_validate(
        {
            "objective": "clm" if decoder else "mlm",
            "model": {"pretrained": str(source)},
            "train": {"epochs": 4, "batch_tokens": 512, "evaluations": 2},
        }
    )
    model, history = pretrain.pretrain(
        config, train, validation, tokenizer, Workplace("cpu", 1, tmp_path / "w")
    )
    losses = [point["eval/loss"] for point in history if "eval/loss" in point]
    assert losses[-1] < losses[0]
    pretrain.save(tmp_path / "made", model, tokenizer, history)
    head = "AutoModelForCausalLM" if decoder else "AutoModelForMaskedLM"
    again = getattr(transformers, head).from_pretrained(tmp_path / "made" / "model")
    assert torch.equal(again.get_input_embeddings().weight, model.get_input_embeddings().weight.cpu())


@pytest.mark.parametrize(
    ("architecture", "model_class", "reason"),
    [
        ("gemma", "AutoModelForQuestionAnswering", "transformers does not have for gemma"),
        ("bert", "AutoModelForCausalLM", "a model that reads from left to right"),
        ("gpt2", "AutoModelForMaskedLM", "a model that reads the whole text at once"),
    ],
)
def test_what_it_has_no_head_for_is_refused(
    architecture: str, model_class: str, reason: str, checkpoint: Callable[[str], Path]
) -> None:
    with pytest.raises(RecipeError, match=reason):
        compatibility.check_head(str(checkpoint(architecture)), model_class, "qa")
