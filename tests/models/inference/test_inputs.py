"""Rows as model inputs, in batches of like length."""

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from models.downstream.classification import Classification
from models.inference.inputs import Inputs, batches, bearable


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


def test_no_batch_is_larger_than_there_is_room_for() -> None:
    lengths = [3, 90, 8, 8, 8, 8, 200, 1, 40]
    made = list(batches(lengths, most=3, tokens=100))
    assert sorted(number for batch in made for number in batch) == list(range(len(lengths)))
    assert all(
        len(batch) * max(lengths[number] for number in batch) <= 100 or len(batch) == 1 for batch in made
    )
    assert [len(batch) for batch in made] == [3, 3, 1, 1, 1]


def test_long_texts_are_not_what_short_ones_are_padded_to_but_where_padding_takes_no_time() -> None:
    lengths = [5, 100, 6] * 20
    made = [[lengths[number] for number in batch] for batch in batches(lengths)]
    assert made == [[5] * 20 + [6] * 20, [100] * 20]
    assert len(list(batches(lengths, padding=bearable(torch.device("cuda"))))) == 1
