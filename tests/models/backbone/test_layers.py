"""Which weights of a model are matrices, whatever its architecture calls and stores them."""

import pytest
import torch

from models.backbone.layers import Matrix, inner_matrices, matrices, probed
from tests.support.architectures import DECODERS, INSIDE, model_of


def names(found: list[Matrix]) -> list[str]:
    return [matrix.layer.rpartition(".")[2] for matrix in found]


@pytest.mark.parametrize("architecture", INSIDE)
def test_matrices_are_all_linear_layers_inside_and_no_embedding(architecture: str) -> None:
    head = "AutoModelForCausalLM" if architecture in DECODERS else "AutoModelForMaskedLM"
    model = model_of(architecture, head)
    found = matrices(model)
    assert names(found)[: len(INSIDE[architecture])] == INSIDE[architecture]
    assert len({id(matrix.weight) for matrix in found}) == len(found)
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
    outputs = model.get_output_embeddings()
    assert not {id(matrix.weight) for matrix in found} & {*embeddings, id(outputs and outputs.weight)}
    assert inner_matrices(model) == [matrix.layer for matrix in found][: len(INSIDE[architecture])]


@pytest.mark.parametrize(
    ("architecture", "score"),
    [
        ("bert", "classifier"), ("modernbert", "classifier"), ("gpt2", "score"), ("llama", "score"),
        ("roberta", "out_proj"), ("distilbert", "classifier"), ("gpt_neox", "score"), ("qwen2", "score"),
    ],
)  # fmt: skip
def test_the_layer_that_gives_scores_is_none_of_them(architecture: str, score: str) -> None:
    model = model_of(architecture, "AutoModelForSequenceClassification")
    linear = [name.rpartition(".")[2] for name, module in model.named_modules() if hasattr(module, "weight")]
    assert score in linear and score not in names(matrices(model))
    assert any(module is probed(model) for name, module in model.named_modules() if name.endswith(score))


def test_fused_weights_say_how_their_parts_lie_in_them() -> None:
    def layouts(architecture: str) -> dict[str, tuple[int, int, bool]]:
        found = matrices(model_of(architecture, "AutoModel"))
        return {
            name: (matrix.parts, matrix.blocks, matrix.transposed)
            for name, matrix in zip(names(found), found, strict=True)
            if (matrix.parts, matrix.blocks, matrix.transposed) != (1, 1, False)
        }

    assert layouts("modernbert") == {"Wqkv": (3, 1, False), "Wi": (2, 1, False)}
    assert layouts("gpt2") == {"c_attn": (3, 1, True), "c_fc": (1, 1, True), "c_proj": (1, 1, True)}
    assert layouts("gpt_neox") == {"query_key_value": (3, 2, False)}
    assert layouts("bert") == layouts("llama") == layouts("qwen2") == layouts("roberta") == {}
