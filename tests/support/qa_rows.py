"""Rows and tokenizers for the tests of qa."""

import unicodedata

import polars as pl
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from models.downstream.qa import QuestionAnswering

WORDS = ["하늘", "바다에서", "산을", "Moon", "ＡＢ", "강이", "㎞", "나무와", "3.5", "길"]


SHORT = QuestionAnswering(max_length=32, max_question=8, stride=64, max_answer=1000)


def sentencepiece(texts: list[str]) -> PreTrainedTokenizerFast:
    """A tokenizer like XLM-RoBERTa's: a space belongs to the token after it, two `</s>` part texts.

    Every other word is one piece, the rest is spelt.
    """
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = sorted({f"▁{word}" for text in texts for word in unicodedata.normalize("NFKC", text).split()})
    letters = sorted({"▁", *"".join(words)})
    pieces = [(name, 0.0) for name in special] + [(word, -1.0) for word in words[::2]]
    core = Tokenizer(models.Unigram([*pieces, *((letter, -5.0) for letter in letters)], unk_id=3))
    core.add_special_tokens(special)
    core.normalizer = normalizers.NFKC()
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(name, core.token_to_id(name)) for name in ("<s>", "</s>")],
    )
    names = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=core, **dict(zip(names, special, strict=True)))


def asked(context: str, *answers: tuple[int, str], question: str = "어디에?") -> pl.DataFrame:
    gold = [{"start": start, "text": text} for start, text in answers]
    row = {"id": "1", "title": "제목", "context": context, "question": question, "answers": gold}
    return pl.DataFrame([row], schema=QuestionAnswering().examples().schema)


def known(
    downstream: QuestionAnswering, tokenizer: PreTrainedTokenizerBase, rows: pl.DataFrame
) -> pl.DataFrame:
    """Predictions from the outputs of a model that knows every answer."""
    features = downstream.encode(tokenizer, rows, labelled=True)
    return downstream.decode([downstream.oracle(feature) for feature in features], features, rows)
