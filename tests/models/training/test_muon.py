"""Muon: each matrix of a weight is orthogonalised by itself, wherever it lies in it."""

import pytest
import torch
from torch import Tensor, nn

from models.training.muon import COEFFICIENTS, Muon, orthogonalize

PARTS, WIDTH = 3, 6


def moved(gradient: Tensor, **layout: int | bool) -> Tensor:
    """Where a weight of zeros is after one step."""
    weight = nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient
    Muon([{"params": [weight], **layout}], lr=1.0, momentum=0.0, weight_decay=0.0).step()
    return weight.detach()


@pytest.fixture
def gradients() -> list[Tensor]:
    """Of query, key and value, (outputs, inputs) each."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(WIDTH, WIDTH, generator=generator) for _ in range(PARTS)]


def test_orthogonalized_matrices_keep_their_directions() -> None:
    matrices = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices, steps=10))
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    assert torch.cosine_similarity(orthogonalize(matrices).flatten(1), (left @ right).flatten(1)).min() > 0.95


@pytest.mark.parametrize("shape", [(3, 48, 48), (2, 96, 64), (1, 64, 96)])
def test_one_by_one_and_in_place_they_are_to_the_bit_what_the_formula_says(
    shape: tuple[int, int, int],
) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    x = matrices.mT if shape[1] > shape[2] else matrices
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    before = matrices.clone()
    assert torch.equal(orthogonalize(matrices), x.mT if shape[1] > shape[2] else x)
    assert torch.equal(matrices, before), "it is the gradient's own"


def test_fused_matrices_move_as_they_would_apart(gradients: list[Tensor]) -> None:
    apart = [moved(gradient) for gradient in gradients]
    assert not torch.allclose(moved(torch.cat(gradients)), torch.cat(apart), atol=1e-3)
    above = moved(torch.cat(gradients), parts=PARTS)
    torch.testing.assert_close(above, torch.cat(apart))
    beside = moved(torch.cat(gradients).T.contiguous(), parts=PARTS, transposed=True)
    torch.testing.assert_close(beside, torch.cat(apart).T)


def test_so_do_matrices_that_alternate_by_head(gradients: list[Tensor]) -> None:
    def alternating(items: list[Tensor], heads: int = 2) -> Tensor:
        """As GPT-NeoX lays them: query, key and value of the first head, then those of the second."""
        rows = WIDTH // heads
        return torch.cat([item[head * rows :][:rows] for head in range(heads) for item in items])

    apart = [moved(gradient) for gradient in gradients]
    torch.testing.assert_close(moved(alternating(gradients), parts=PARTS, blocks=2), alternating(apart))


def test_a_weight_decays_and_a_closure_is_refused() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.zeros(2, 2)
    muon = Muon([{"params": [weight]}], lr=0.5, momentum=0.9, weight_decay=0.1)
    muon.step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), 0.95))
    with pytest.raises(ValueError, match="closure"):
        muon.step(lambda: 0.0)
