"""The benchmark of pretraining: both sides have the same text, and where the ratio comes from."""

import pytest

from benchmarks import pretrain
from benchmarks.example_script import groups, lines
from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, wrap
from tests.support.toy_text import sentences


def test_both_forms_of_the_script_read_every_text_and_one_fills_up() -> None:
    texts = sentences(300)
    tokenizer = wrap(tokenizer_training.train(TokenizerConfig(vocabulary=30), lambda: [texts]))
    own = [tokenizer(text)["input_ids"] for text in texts]
    joined = [token for ids in own for token in ids]
    cut = groups(texts, tokenizer, 32)["input_ids"]
    assert [token for row in cut for token in row] == joined[: len(joined) // 32 * 32]
    padded = lines(texts, tokenizer, 32, padded=True)
    assert {len(row) for row in padded["input_ids"]} == {32}
    assert [sum(mask) for mask in padded["attention_mask"]] == [min(32, len(ids)) for ids in own]


def test_the_time_to_a_loss_lies_between_two_runs_by_the_logarithm_of_time() -> None:
    runs = [(10.0, 6.0), (20.0, 5.0), (40.0, 4.0)]
    assert pretrain.reached(runs, 4.5) == pytest.approx(20 * 2**0.5)
    assert pretrain.reached(runs, 4.0) == pytest.approx(40)
    assert pretrain.reached(runs, 7.0) == 10, "the first was enough, and how much less would be is not known"
