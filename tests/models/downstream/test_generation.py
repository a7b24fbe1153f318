"""Generation: how prompts and targets meet, what is learnt of them, and what an answer is worth."""

import csv
import logging
import math
import os
import time
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.backbone.config import ModelConfig
from models.backbone.heads import from_scratch
from models.bootstrap import intervals
from models.downstream.generation import Generation
from models.downstream.generation.nearest_prompt import NearestPrompt
from models.errors import DataError
from models.inference.inputs import Inputs, predict
from models.tokens import tokenizer_training
from models.tokens.tokenizer import TokenizerConfig, wrap


@pytest.fixture
def tokenizer(make_tokenizer) -> PreTrainedTokenizerFast:
    rows = Generation().examples()
    made = make_tokenizer([*rows["prompt"], *rows["target"], "정말, 그래요? 네! (아마) 12시"])
    made.backend_tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return made


@pytest.fixture(params=["gpt2", "llama"])
def small(request: pytest.FixtureRequest) -> ModelConfig:
    return ModelConfig(preset=request.param, hidden_size=32, layers=2, heads=2, max_positions=128)


@pytest.fixture
def inputs(tokenizer: PreTrainedTokenizerBase) -> Inputs:
    return Inputs(Generation(max_new_tokens=8), tokenizer, Generation().examples(), labelled=True)


@pytest.fixture
def model(inputs: Inputs, small: ModelConfig) -> PreTrainedModel:
    """Weights far enough from zero that answers differ from prompt to prompt."""
    made = from_scratch(inputs.downstream, inputs.tokenizer, small, dropout=0.0, seed=3)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)
    return made.eval()


def predicted(rows: pl.DataFrame, texts: list[str]) -> pl.DataFrame:
    empty = [None] * len(texts)
    return pl.DataFrame(
        {"id": rows["id"], "text": texts, "nats": empty, "tokens": empty},
        schema={"id": pl.String, "text": pl.String, "nats": pl.Float64, "tokens": pl.Int64},
    )


def table(pairs: dict[str, str]) -> pl.DataFrame:
    ids = [f"row-{number}" for number in range(len(pairs))]
    return pl.DataFrame({"id": ids, "prompt": list(pairs), "target": list(pairs.values())})


# ---- inputs


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
    bare = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", eos_token="[UNK]")
    with pytest.raises(DataError, match=r"no token to begin a text with \(cls or bos\)"):
        Generation().encode(bare, Generation().examples(), True)


@pytest.mark.parametrize(("height", "message"), [(0, "no training rows"), (3, "all 3 training rows")])
def test_rows_without_different_targets_are_refused(height: int, message: str) -> None:
    rows = Generation().examples().with_columns(target=pl.lit("네")).head(height)
    with pytest.raises(DataError, match=message):
        Generation().check(rows)
    Generation().check(Generation().examples())


# ---- model


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


def test_targets_are_learnt_by_heart_with_their_end(
    inputs: Inputs, small: ModelConfig, recwarn: pytest.WarningsRecorder
) -> None:
    model = from_scratch(inputs.downstream, inputs.tokenizer, small, dropout=0.0, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = inputs.batch(range(8))
    for _ in range(120):
        optimizer.zero_grad()
        inputs.downstream.loss(model.train(), batch).backward()
        optimizer.step()
    bare = Inputs(inputs.downstream, inputs.tokenizer, inputs.rows, labelled=False)
    predictions, loss = predict(model, bare)
    assert predictions["text"].to_list() == inputs.rows["target"].to_list()
    assert loss is None and predictions["nats"].null_count() == 8
    assert inputs.downstream.evaluate(inputs.rows, predict(model, inputs)[0])["perplexity"] < 1.2
    assert not recwarn.list


def gold(inputs: Inputs) -> pl.DataFrame:
    outputs = [inputs.downstream.oracle(feature) for feature in inputs.features]
    return inputs.downstream.decode(outputs, inputs.features, inputs.rows)


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


def test_no_rows_give_no_predictions(tokenizer: PreTrainedTokenizerBase) -> None:
    none = Inputs(Generation(), tokenizer, Generation().examples().clear(), labelled=True)
    assert none.features == []
    assert gold(none).is_empty()
    assert none.downstream.statistics(none.rows, gold(none)).shape == (0, 34)


# ---- score

TEXTS = st.lists(
    st.text("가나다 ab.", max_size=12).map(str.strip), min_size=2, max_size=8
)  # also empty answers
BOTH = TEXTS.flatmap(
    lambda texts: st.tuples(
        st.just(texts),
        st.lists(
            st.text("가나다 ab.", min_size=1, max_size=12).filter(str.strip),
            min_size=len(texts),
            max_size=len(texts),
        ),
    )
)


def asked(targets: list[str]) -> pl.DataFrame:
    ids = [f"row-{number}" for number in range(len(targets))]
    return pl.DataFrame({"id": ids, "prompt": ids, "target": targets})


@given(BOTH)
def test_chrf_and_bleu_are_a_hundredth_of_sacrebleu_s(both: tuple[list[str], list[str]]) -> None:
    texts, targets = both
    rows = asked(targets)
    scores = Generation().evaluate(rows, predicted(rows, texts)[::-1])
    assert scores["chrf"] == pytest.approx(CHRF().corpus_score(texts, [targets]).score / 100)
    reference = BLEU(tokenize="char", force=True).corpus_score(texts, [targets]).score / 100
    assert scores["bleu"] == pytest.approx(reference)
    assert "perplexity" not in scores


def test_a_resample_scores_as_its_rows_do() -> None:
    texts, targets = ["가나다라", "나다", "마바 사아", ""], ["가나다마", "나다라", "마바 사자", "차"]
    rows, drawn = asked(targets), [0, 0, 2, 3]
    statistics = Generation().statistics(rows, predicted(rows, texts))
    scores = Generation().metrics(statistics[drawn].sum(axis=0))
    again, gold_again = [texts[at] for at in drawn], [[targets[at] for at in drawn]]
    assert scores["chrf"] == pytest.approx(CHRF().corpus_score(again, gold_again).score / 100)
    reference = BLEU(tokenize="char").corpus_score(again, gold_again).score / 100
    assert scores["bleu"] == pytest.approx(reference)


@given(TEXTS)
def test_distinct_is_distinct_ngrams_among_all(texts: list[str]) -> None:
    rows = asked(["가"] * len(texts))
    scores = Generation().evaluate(rows, predicted(rows, texts))
    for size in (1, 2):
        split = [text.split() for text in texts]
        grams = [tuple(words[at : at + size]) for words in split for at in range(len(words) - size + 1)]
        expected = len(set(grams)) / len(grams) if grams else 0.0
        assert scores[f"distinct_{size}"] == pytest.approx(expected)


def test_perplexity_is_of_all_tokens_together() -> None:
    rows = asked(["가", "나"])
    known = predicted(rows, ["가", "나"]).with_columns(
        nats=pl.Series([2.0, 4.0]), tokens=pl.Series([1, 5], dtype=pl.Int64)
    )
    assert Generation().evaluate(rows, known)["perplexity"] == pytest.approx(math.e)
    hopeless = known.with_columns(nats=pl.lit(1e9))
    assert math.isfinite(Generation().evaluate(rows, hopeless)["perplexity"])


@pytest.mark.filterwarnings("error")
def test_a_thousand_resamples_are_quick_and_silent() -> None:
    targets = [f"답은 {number} 입니다" for number in range(200)]
    rows = asked(targets)
    statistics = Generation().statistics(rows, predicted(rows, [*targets[1:], ""]))
    start = time.perf_counter()
    found = intervals(statistics, Generation().metrics, resamples=1000, seed=1)
    assert time.perf_counter() - start < 2  # about a tenth of it alone on a machine
    assert all(item["low"] <= item["value"] <= item["high"] for item in (found["chrf"], found["bleu"]))
    assert all(math.isfinite(value) for value in Generation().metrics(np.zeros((3, 34)))["chrf"])


def test_details_show_the_worst_and_how_it_was_computed() -> None:
    rows = asked(["가나다", "라마바", "사아자"]).with_columns(file=pl.lit("a.csv"), line=pl.Series([2, 3, 4]))
    details = Generation().details(rows, predicted(rows, ["가나다", "차카타", "사아차"]))
    assert [item["id"] for item in details["worst"]] == ["row-1", "row-2"]
    assert details["worst"][0] == {
        "id": "row-1",
        "file": "a.csv",
        "line": 3,
        "prompt": "row-1",
        "gold": "라마바",
        "predicted": "차카타",
        "chrf": 0.0,
    }
    assert "tok:char" in details["signatures"]["bleu"]
    assert all("nrefs:1|" in item and "version:2.6.0" in item for item in details["signatures"].values())


# ---- the baseline


def test_the_baseline_answers_as_the_nearest_prompt_does(tmp_path: Path) -> None:
    train = Generation().examples()
    baseline = Generation().fit_baseline(train, train, seed=1)
    rows = table({"배가 너무 고파요": "?", "비가 많이 내려요": "?"})
    answers = baseline.predict(rows)
    assert answers["text"].to_list() == ["밥부터 드세요", "우산 챙기세요"]
    assert answers["nats"].null_count() == answers["tokens"].null_count() == 2
    assert "perplexity" not in Generation().evaluate(rows, answers)
    assert baseline.setting["ngrams"] in ([1, 3], [2, 4])
    baseline.save(tmp_path / "baseline")
    again = Generation().load_baseline(tmp_path / "baseline")
    assert {path.suffix for path in (tmp_path / "baseline").iterdir()} == {".parquet", ".json"}
    assert again.predict(rows).equals(answers)
    assert again.setting == baseline.setting


def test_ties_of_the_baseline_go_to_the_first_id() -> None:
    train = pl.DataFrame({"id": ["c", "a", "b"], "prompt": ["안녕"] * 3, "target": ["셋", "하나", "둘"]})
    answers = NearestPrompt(train, 1, 3).predict(table({"안녕": "?", "zzz": "?"}))
    assert answers["text"].to_list() == ["하나", "하나"]
    assert NearestPrompt(train, 1, 3).predict(train.clear()).is_empty()


def test_prompts_of_one_letter_are_prompts() -> None:
    train = pl.DataFrame({"id": ["a", "b"], "prompt": ["왜", "응"], "target": ["그냥", "그래"]})
    assert NearestPrompt(train, 2, 4).predict(table({"응": "?"}))["text"].to_list() == ["그래"]
