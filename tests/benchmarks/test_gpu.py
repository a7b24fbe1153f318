"""The benchmark of a GPU: what it counts and prints, in its short form, which needs none."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import gpu
from models.backbone.config import ModelConfig
from models.interfaces.objective import Vocabulary
from models.upstream.mlm import MaskedLanguageModelling


@pytest.mark.parametrize("preset", ["bert", "modernbert"])
def test_the_flops_it_counts_are_those_that_torch_counts(preset: str) -> None:
    text = gpu.Text(tokens=256, length=64, vocabulary=500)
    model = gpu.built(ModelConfig.model_validate({"preset": preset, "size": "tiny"}), text)
    model.set_attn_implementation("eager")  # torch's own counter sees these products
    objective = MaskedLanguageModelling()
    words = Vocabulary(torch.arange(5), 4, torch.ones(500, dtype=torch.int64))
    batch = objective.batch({"input_ids": torch.randint(5, 500, (4, 64))}, words, torch.Generator())
    with FlopCounterMode(display=False) as counter:
        objective.losses(model, batch)["loss"].backward()
    asked = objective.targets(batch) / 256
    # The first layer's inputs are token embeddings, whose gradient is no product: a little more is counted than done.
    assert gpu.flops_a_token(model, 64, asked) * 256 == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_the_larger_model_has_110_million_weights() -> None:
    with torch.device("meta"):
        model = gpu.built(gpu.MODELS["110M"], gpu.Text(0, 512, 32_000))
    assert model.num_parameters() == pytest.approx(110e6, rel=0.02)


def test_its_short_form_prints_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["gpu.py", "--quick", "--device", "cpu"])
    gpu.main()
    head, rule, *lines = [row for row in capsys.readouterr().out.splitlines() if row.startswith("|")]
    assert {row.count("|") for row in (head, rule, *lines)} == {10}
    assert [row.split("|")[1:5] for row in lines] == [
        [" tiny ", f" {optimizer} ", f" {precision} ", " eager "]
        for optimizer, precision in (("adamw", "bf16"), ("adamw", "fp32"), ("muon", "bf16"))
    ]
    assert all(float(row.split("|")[5].replace(",", "")) > 0 for row in lines)
