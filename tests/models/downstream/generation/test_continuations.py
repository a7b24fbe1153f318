"""How a causal model continues a prompt."""

import csv
import logging
import os
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from polars.testing import assert_frame_equal
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.downstream.generation import Generation
from models.inference.inputs import Inputs, predict
from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, wrap
from tests.support.generation_rows import asked, gold, table


def alone(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """Log-probabilities (length, vocabulary) of the next token, of one text without padding."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(dim=-1)


@pytest.mark.parametrize("on_prompt", [False, True])
def test_nats_are_those_of_each_target_alone(inputs: Inputs, model: PreTrainedModel, on_prompt: bool) -> None:
    inputs = Inputs(Generation(loss_on_prompt=on_prompt), inputs.tokenizer, inputs.rows, labelled=True)
    predictions, loss = predict(model, inputs, batch_size=3)
    losses = []
    for feature, nats, tokens in zip(
        inputs.features, predictions["nats"], predictions["tokens"], strict=True
    ):
        ids, start = feature.input_ids, feature.prompt_length
        scores = alone(model, ids)
        said = [-float(scores[at - 1, ids[at]]) for at in range(1, len(ids))]
        assert tokens == len(ids) - start
        assert nats == pytest.approx(sum(said[start - 1 :]), abs=1e-3)
        losses.append(np.mean(said if on_prompt else said[start - 1 :]))
    assert loss == pytest.approx(np.mean(losses), abs=1e-4)


def test_the_training_loss_is_the_mean_over_learnt_tokens(inputs: Inputs, model: PreTrainedModel) -> None:
    loss = inputs.downstream.loss(model, inputs.batch(range(8)))
    predictions, _ = predict(model, inputs)
    known = predictions.select("nats", "tokens").sum().row(0)
    assert loss.item() == pytest.approx(known[0] / known[1], abs=1e-4)


def test_answers_are_the_likeliest_tokens_one_by_one(inputs: Inputs, model: PreTrainedModel) -> None:
    predictions, _ = predict(model, inputs)
    end, most = inputs.tokenizer.sep_token_id, 8
    answers = []
    for feature in inputs.features:
        ids = feature.input_ids[: feature.prompt_length]
        answer: list[int] = []
        while len(answer) < most and (best := int(alone(model, ids + answer)[-1].argmax())) != end:
            answer.append(best)
        answers.append(str(inputs.tokenizer.decode(answer, skip_special_tokens=True)).strip())
    assert predictions["text"].to_list() == answers
    assert len(set(answers)) > 1


def test_answers_depend_neither_on_batch_nor_on_order(inputs: Inputs, model: PreTrainedModel) -> None:
    whole = predict(model, inputs)[0]
    turned = Inputs(inputs.downstream, inputs.tokenizer, inputs.rows[::-1], labelled=True)
    for other in (predict(model, inputs, batch_size=1)[0], predict(model, turned, batch_size=3)[0][::-1]):
        assert whole["text"].to_list() == other["text"].to_list()
        assert_frame_equal(whole, other, rel_tol=1e-5, abs_tol=1e-5)


def test_a_checkpoint_s_own_settings_change_no_answer(
    inputs: Inputs,
    model: PreTrainedModel,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, _ = predict(model, inputs)
    own = model.generation_config
    own.update(do_sample=True, temperature=9.0, repetition_penalty=5.0, no_repeat_ngram_size=1, num_beams=3)
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        again, _ = predict(model, inputs)
    assert again.equals(plain)
    assert model.generation_config is own and own.num_beams == 3
    assert not caplog.records


def test_spaces_that_a_tokenizer_cannot_give_back_cost_nothing(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = table({"배가 고파요": "정말, 그래요? 네! (아마) 12시", "비가 내려요": "우산, 챙기세요"})
    inputs = Inputs(Generation(), tokenizer, rows, labelled=True)
    scores = inputs.downstream.evaluate(rows, gold(inputs))
    assert gold(inputs)["text"].to_list() != rows["target"].to_list()
    assert scores["chrf"] == scores["bleu"] == pytest.approx(1.0)
    assert scores["perplexity"] == 1.0


def test_pieces_that_a_trainer_marked_as_special_are_said(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = Generation().examples()
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece(cleanup=False)
    words = [*rows["prompt"], *rows["target"]]
    pieces = sorted({f"##{letter}" for text in words for word in text.split() for letter in word[1:]})
    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces]
    core.train_from_iterator(words, trainers.WordPieceTrainer(vocab_size=0, special_tokens=first))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    marked = PreTrainedTokenizerFast(tokenizer_object=core, **names)
    assert (
        gold(Inputs(Generation(), marked, rows, labelled=True))["text"].to_list() == rows["target"].to_list()
    )
    ends = [np.array([0.0, 1.0, 0, 2, 3])]
    bare = Inputs(Generation(), tokenizer, rows.head(1), labelled=False)
    assert Generation().decode(ends, bare.features, bare.rows)["text"].to_list() == [""]


@pytest.mark.real
@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram"])
def test_published_answers_survive_a_tokenizer(kind: Literal["wordpiece", "bpe", "unigram"]) -> None:
    path = Path(os.environ["HEADWATER_DATA"]) / "generation" / "chatbot" / "ChatbotData.csv"
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))[1:]
    texts = [text for question, answer, _ in found for text in (question, answer)]
    config = TokenizerConfig(kind=kind, vocabulary=6000)
    core = tokenizer_training.train(config, lambda: [texts])
    rows = asked([answer for _, answer, _ in found[::10]])
    inputs = Inputs(Generation(), wrap(core), rows, labelled=True)
    scores = inputs.downstream.evaluate(rows, gold(inputs))
    # What is missing are letters too rare for a token, and capitals, which these tokenizers fold.
    assert scores["chrf"] > 0.99 and scores["bleu"] > 0.99
