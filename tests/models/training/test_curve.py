"""The curve of a training."""

import torch

from models.training.curve import Curve
from models.training.distributed import Team


def test_losses_that_a_checkpoint_gives_back_in_another_order_make_the_same_point() -> None:
    calm, resumed = Curve(Team()), Curve(Team())
    calm.add(5, [{"masked_loss": torch.tensor(1.0), "loss": torch.tensor(2.0)}])
    resumed.resume(calm.state, dict(reversed(calm.sums.items())))
    assert list(calm.closed(1, 2, 0.1)) == list(resumed.closed(1, 2, 0.1))
