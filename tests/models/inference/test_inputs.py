"""Rows as model inputs, in batches of like length."""

import pytest
from transformers import PreTrainedTokenizerFast

from models.downstream.classification import Classification
from models.inference.inputs import Inputs


@pytest.fixture
def inputs(make_tokenizer) -> Inputs:
    downstream = Classification(classes=("0", "1"))
    rows = downstream.examples()
    tokenizer: PreTrainedTokenizerFast = make_tokenizer(rows["text"].to_list())
    return Inputs(downstream, tokenizer, rows, labelled=True)


def test_batches_by_length_hold_every_feature_once(inputs: Inputs) -> None:
    batches = list(inputs.by_length(3))
    assert sorted(index for batch in batches for index in batch) == list(range(inputs.rows.height))
    lengths = [len(inputs.features[index].input_ids) for batch in batches for index in batch]
    assert lengths == sorted(lengths)


def test_a_batch_is_padded_to_its_longest_text_and_no_further(inputs: Inputs) -> None:
    for indices in inputs.by_length(3):
        batch = inputs.batch(indices)
        lengths = [len(inputs.features[index].input_ids) for index in indices]
        assert batch["input_ids"].shape == (len(indices), max(lengths))
        assert batch["attention_mask"].sum(dim=1).tolist() == lengths
        assert batch["labels"].shape == (len(indices),)


def test_the_first_rows_are_those_of_the_whole(inputs: Inputs) -> None:
    assert inputs.head(3).features == inputs.features[:3]
