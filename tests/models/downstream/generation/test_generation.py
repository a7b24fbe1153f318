"""Generation: how prompts and targets meet, what is learnt of them, and what an answer is worth."""

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.downstream.generation import Generation
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from tests.support.generation_rows import gold, table


def test_an_example_is_framed_as_documents_are(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = table({"배가 고파요": "푹 쉬어요"})
    labelled, bare = (Generation().encode(tokenizer, rows, flag)[0] for flag in (True, False))
    assert tokenizer.decode(labelled.input_ids) == "[CLS] 배가 고파요 [SEP] 푹 쉬어요 [SEP]"
    assert tokenizer.decode(bare.input_ids) == "[CLS] 배가 고파요 [SEP]"
    assert bare.targets is None


@pytest.mark.parametrize("on_prompt", [False, True])
def test_the_prompt_is_learnt_only_where_asked_for(
    tokenizer: PreTrainedTokenizerBase, on_prompt: bool
) -> None:
    feature = Generation(loss_on_prompt=on_prompt).encode(tokenizer, Generation().examples(), True)[0]
    learnt = [number for number in feature.targets if number != -100]
    assert len(feature.targets) == len(feature.input_ids)
    assert learnt == feature.input_ids[0 if on_prompt else feature.prompt_length :]


@given(prompt=st.integers(1, 60), target=st.integers(1, 60), new=st.integers(1, 20), spare=st.integers(1, 30))
def test_a_long_prompt_loses_its_beginning_and_a_long_target_its_end(
    prompt: int, target: int, new: int, spare: int
) -> None:
    tokenizer = letters()
    downstream = Generation(max_new_tokens=new, max_length=max(8, new + 3 + spare))
    question, answer = numbered(prompt), numbered(target)
    feature = downstream.encode(tokenizer, table({question: answer}), True)[0]
    words = [tokenizer.decode([number]) for number in feature.input_ids]
    split = feature.prompt_length
    room = downstream.max_length - new - 3
    assert words[:split] == ["[CLS]", *question.split()[-room:], "[SEP]"]
    assert words[split:] == [*answer.split()[:new], "[SEP]"]
    assert len(words) <= downstream.max_length


def letters() -> PreTrainedTokenizerFast:
    """One token a number."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = special + [str(number) for number in range(100)]
    core = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def numbered(count: int) -> str:
    return " ".join(map(str, range(count)))


def test_padding_is_never_learnt_and_prompts_end_where_answers_begin(inputs: Inputs) -> None:
    batch = inputs.batch(range(8))
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()
    assert batch["attention_mask"][:, 0].all()
    assert batch["prompt_mask"][:, -1].all()
    assert batch["prompt_ids"][:, -1].tolist() == [inputs.tokenizer.sep_token_id] * 8
    for feature, ids, mask in zip(inputs.features, batch["prompt_ids"], batch["prompt_mask"], strict=True):
        assert ids[mask == 1].tolist() == feature.input_ids[: feature.prompt_length]


def test_no_room_for_a_prompt_is_refused() -> None:
    with pytest.raises(ValidationError, match="set it to 12 or less, or raise max_length"):
        Generation(max_length=16, max_new_tokens=13)
    Generation(max_length=16, max_new_tokens=12)


def test_a_tokenizer_with_one_token_for_both_ends_and_none_for_padding(small: ModelConfig) -> None:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<end>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    rows = Generation().examples()
    core.train_from_iterator([*rows["prompt"], *rows["target"]], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<end>", eos_token="<end>")
    inputs = Inputs(Generation(max_length=128), tokenizer, rows, labelled=True)
    assert tokenizer.decode(inputs.features[0].input_ids) == "<end>배가 고파요<end>밥부터 드세요<end>"
    assert gold(inputs)["text"].to_list() == rows["target"].to_list()
    model = from_scratch(inputs.downstream, tokenizer, small, dropout=0.0, seed=1)
    whole, single = (predict(model, inputs, batch_size=size)[0] for size in (8, 1))
    assert_frame_equal(whole, single, abs_tol=1e-4, rel_tol=0)


def test_a_tokenizer_without_ends_is_refused() -> None:
    core = Tokenizer(models.WordLevel({"가": 0, "[UNK]": 1}, unk_token="[UNK]"))
    bare = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]")
    with pytest.raises(DataError, match=r"no token to end a text with \(sep or eos\)"):
        Generation().encode(bare, Generation().examples(), True)


@pytest.mark.parametrize(("height", "message"), [(0, "no training rows"), (3, "all 3 training rows")])
def test_rows_without_different_targets_are_refused(height: int, message: str) -> None:
    rows = Generation().examples().with_columns(target=pl.lit("네")).head(height)
    with pytest.raises(DataError, match=message):
        Generation().check(rows)
    Generation().check(Generation().examples())


def test_targets_are_learnt_by_heart_with_their_end(
    inputs: Inputs, small: ModelConfig, recwarn: pytest.WarningsRecorder
) -> None:
    model = from_scratch(inputs.downstream, inputs.tokenizer, small, dropout=0.0, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = inputs.batch(range(8))
    for _ in range(240):
        optimizer.zero_grad()
        if (loss := inputs.downstream.loss(model.train(), batch)) < 0.05:
            break
        loss.backward()
        optimizer.step()
    bare = Inputs(inputs.downstream, inputs.tokenizer, inputs.rows, labelled=False)
    predictions, loss = predict(model, bare)
    assert predictions["text"].to_list() == inputs.rows["target"].to_list()
    assert loss is None and predictions["nats"].null_count() == 8
    assert inputs.downstream.evaluate(inputs.rows, predict(model, inputs)[0])["perplexity"] < 1.2
    assert not recwarn.list


def test_no_rows_give_no_predictions(tokenizer: PreTrainedTokenizerBase) -> None:
    none = Inputs(Generation(), tokenizer, Generation().examples().clear(), labelled=True)
    assert none.features == []
    assert gold(none).is_empty()
    assert none.downstream.statistics(none.rows, gold(none)).shape == (0, 34)
