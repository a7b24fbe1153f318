"""The batches of a trial."""

import torch
from transformers import PreTrainedTokenizerFast

from models.downstream.classification import Classification
from models.inference.inputs import Inputs
from models.tuning.trial import Batches
from tests.support.reviews import CONFIG, reviews


def test_each_epoch_holds_every_row_once_and_batches_are_functions_of_the_step(
    review_tokenizer: PreTrainedTokenizerFast,
) -> None:
    inputs = Inputs(Classification(classes=("0", "1")), review_tokenizer, reviews(37, 3), labelled=True)
    config = CONFIG.model_copy(update={"word_dropout": 0.5})
    batches = Batches(inputs, config, seed=1)
    forward = [batches(step) for step in range(10)]
    backward = [Batches(inputs, config, seed=1)(step) for step in reversed(range(10))][::-1]
    for (one,), (other,) in zip(forward, backward, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    for epoch in range(2):
        assert sorted(index for batch in batches.epoch(epoch) for index in batch) == list(range(37))
    assert batches.epoch(0) != batches.epoch(1)


def test_the_rows_of_a_step_are_the_same_in_one_batch_and_in_several(
    review_tokenizer: PreTrainedTokenizerFast,
) -> None:
    inputs = Inputs(Classification(classes=("0", "1")), review_tokenizer, reviews(37, 3), labelled=True)
    whole = CONFIG.model_copy(update={"batch_size": 8, "word_dropout": 0.5})
    apart = whole.model_copy(update={"batch_size": 3, "gradient_accumulation": 3})
    assert apart.step_rows == 9
    large, small = (
        Batches(inputs, config, seed=1) for config in (whole.model_copy(update={"batch_size": 9}), apart)
    )
    assert large.per_epoch == small.per_epoch
    for step in range(10):
        (batch,), parts = large(step), small(step)
        assert [len(part["labels"]) for part in parts] in ([3, 3, 3], [1])
        assert torch.cat([part["labels"] for part in parts]).equal(batch["labels"])
        rows = [
            row[: int(mask.sum())].tolist()
            for part in parts
            for row, mask in zip(part["input_ids"], part["attention_mask"], strict=True)
        ]
        assert rows == [
            row[: int(mask.sum())].tolist()
            for row, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ]


def test_word_dropout_hides_words_and_nothing_else(review_tokenizer: PreTrainedTokenizerFast) -> None:
    inputs = Inputs(Classification(classes=("0", "1")), review_tokenizer, reviews(64, 3), labelled=True)
    config = CONFIG.model_copy(update={"batch_size": 64, "word_dropout": 0.3})
    plain, hidden = (
        Batches(inputs, item, seed=1)(0)[0]
        for item in (config.model_copy(update={"word_dropout": 0.0}), config)
    )
    changed = plain["input_ids"] != hidden["input_ids"]
    special = torch.isin(plain["input_ids"], torch.tensor(review_tokenizer.all_special_ids))
    assert not (changed & special).any()
    assert (hidden["input_ids"][changed] == review_tokenizer.mask_token_id).all()
    assert 0.2 < (changed.sum() / (~special).sum()).item() < 0.4
