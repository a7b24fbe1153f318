"""Training of tokenizers: the same text gives the same tokenizer, byte for byte."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from models.errors import DataError
from models.tokens.tokenizer import CLS, LEAST, SEP, SPECIAL, UNKNOWN, TokenizerConfig

LONGEST_WORD = 100
"""Letters; what is longer is cut there, since WordPiece makes a single `[UNK]` of it. Languages without spaces are read
in such words."""
LEARNT = 10 * LONGEST_WORD
"""Letters of one word that are learnt from: a line of letters without an end says nothing of language. In scripts
without spaces punctuation ends a word."""
ALPHABET = 3000
"""Most characters that are tokens of their own: all of everyday Korean; what is rarer becomes `[UNK]`."""
_MARKS = "!-/:-@\\[-`{-~"
_OWN_MARKS = "\u2010-\u205e\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_LETTER = rf"(?:[^\s{_MARKS}{_OWN_MARKS}]|(?<![^\x00-\x7f])[{_MARKS}])"
_ENDLESS = re.compile(rf"({_LETTER}{{{LEARNT}}}){_LETTER}+")
LONGEST_PIECE = 8
"""Longest piece of a Unigram vocabulary, in characters."""
COVERAGE = 0.9995
"""Share of the text's characters that a Unigram vocabulary spells; the rarest become `[UNK]`."""
LONGEST_LINE = 1 << 24
"""Bytes; the trainer passes over longer lines in silence."""


def train(config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> Tokenizer:
    """A tokenizer trained on text; the same text gives the same tokenizer.

    Args:
        batches: gives the text anew each time it is called.

    Raises:
        DataError: the text does not hold as many tokens as asked for.
    """
    batches = _without_endless_words(batches)
    tokenizer = _learnt(config, batches)
    _check_size(tokenizer.get_vocab_size(), config, batches)
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = _framing(tokenizer)
    return tokenizer


def _learnt(config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> Tokenizer:
    """A tokenizer with as many tokens as the text allows, of those asked for."""
    tokenizer = _untrained(config)
    if config.kind == "unigram":
        tokenizer.model = _unigram(config, tokenizer, batches())
    else:
        _merge(tokenizer, config, batches)
    return tokenizer


def _untrained(config: TokenizerConfig) -> Tokenizer:
    if config.kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        words = [pre_tokenizers.BertPreTokenizer()]
        tokenizer.decoder = decoders.WordPiece()
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN) if config.kind == "bpe" else models.Unigram())
        words = [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("contiguous")]
        tokenizer.decoder = decoders.Metaspace()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*words, pre_tokenizers.FixedLength(LONGEST_WORD)])
    forms = {"nfkc": [normalizers.NFKC()], "nfc": [normalizers.NFC()], "none": []}[config.normalizer]
    if config.lowercase:
        forms = [*forms, normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(forms)
    return tokenizer


def _without_endless_words(batches: Callable[[], Iterable[list[str]]]) -> Callable[[], Iterable[list[str]]]:
    """Texts without what is beyond `LEARNT` letters of a word; most are shorter than that altogether."""
    return lambda: (
        [text if len(text) <= LEARNT else _ENDLESS.sub(r"\1", text) for text in batch] for batch in batches()
    )


class _Letters:
    """The characters of texts in the tokenizer's Unicode form: how often each occurs, and which go on with a word."""

    def __init__(self, tokenizer: Tokenizer, batches: Iterable[list[str]]) -> None:
        self._counts = np.zeros(sys.maxunicode + 1, np.int64)
        self._inside = np.zeros(sys.maxunicode + 1, bool)
        in_words = np.zeros(sys.maxunicode + 1, bool)
        for batch in batches:
            codes = np.frombuffer("\n".join(batch).encode("utf-32-le"), np.uint32)
            counts = np.bincount(codes)
            known = self._counts[: len(counts)]
            for code in np.flatnonzero((counts > 0) & (known == 0)):
                in_words[code] = _is_in_words(tokenizer, chr(code))
            known += counts
            word = in_words[codes]
            self._inside[codes[1:][word[1:] & word[:-1]]] = True

    def alphabet(self, config: TokenizerConfig) -> list[str]:
        """The most frequent characters, ties by code point: the trainers' own choice depends on a hash's order."""
        counts = {chr(code): int(self._counts[code]) for code in np.flatnonzero(self._counts)}
        if config.kind != "wordpiece":
            counts["▁"] = max(counts.values(), default=0) + 1  # Metaspace's sign for a space
        by_frequency = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
        return sorted(by_frequency[: min(ALPHABET, config.vocabulary // 3)])

    def continuing(self, alphabet: Iterable[str]) -> list[str]:
        """Of an alphabet, what stands anywhere but at the beginning of a word."""
        return [letter for letter in alphabet if self._inside[ord(letter)]]


def _is_in_words(tokenizer: Tokenizer, letter: str) -> bool:
    """Whether a word goes on with a character and after it: white space and punctuation end one."""
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(f"a{letter}a")) == 1


def _merge(tokenizer: Tokenizer, config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> None:
    """Trains WordPiece or BPE, on a copy that is given texts in the tokenizer's Unicode form, made once."""
    texts = [[_in_form(tokenizer, text) for text in batch] for batch in batches()]
    letters = _Letters(tokenizer, texts)
    alphabet = letters.alphabet(config)
    settings: dict[str, Any] = {
        "vocab_size": config.vocabulary,
        "min_frequency": config.min_frequency,
        "initial_alphabet": alphabet,
        "limit_alphabet": len(alphabet),
        "show_progress": False,
    }
    learner = Tokenizer.from_str(tokenizer.to_str())
    learner.normalizer = normalizers.Sequence([])
    if config.kind == "bpe":
        trainer: Any = trainers.BpeTrainer  # its type stub knows no settings
        learner.train_from_iterator(texts, trainer(special_tokens=list(SPECIAL), **settings))
        tokenizer.model = learner.model
    else:
        tokenizer.model = _wordpiece(learner, texts, letters.continuing(alphabet), settings)


def _wordpiece(
    learner: Tokenizer, texts: Iterable[list[str]], continuing: list[str], settings: Mapping[str, Any]
) -> models.WordPiece:
    """A WordPiece model, the same in every run.

    The trainer gives ids to continuing characters (`##가`) in the order of a hash, and breaks ties between pairs by id.
    So it is given them in sorted order, as special tokens; the tokenizer itself gets the model alone, since to a
    tokenizer special tokens are no text.
    """
    first = [*SPECIAL, *(f"##{letter}" for letter in continuing)]
    learner.train_from_iterator(texts, trainers.WordPieceTrainer(special_tokens=first, **settings))
    vocabulary = json.loads(learner.to_str())["model"]["vocab"]
    return models.WordPiece(vocabulary, unk_token=UNKNOWN)


def _unigram(config: TokenizerConfig, tokenizer: Tokenizer, batches: Iterable[list[str]]) -> models.Unigram:
    """A Unigram model, the same in every run.

    `sentencepiece` trains it: the trainer in `tokenizers` adds up in the order of a hash, and takes much longer.
    """
    import sentencepiece

    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(
                line for batch in batches for line in _in_form(tokenizer, "\n".join(batch)).split("\n")
            ),
            model_writer=written,
            model_type="unigram",
            vocab_size=config.vocabulary - len(SPECIAL) + 1,
            hard_vocab_limit=False,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            character_coverage=COVERAGE,
            max_sentencepiece_length=LONGEST_PIECE,
            max_sentence_length=LONGEST_LINE,
            normalization_rule_name="identity",
            num_threads=1,  # with several, sums depend on their number
            minloglevel=2,
        )
    except RuntimeError as error:
        raise DataError(
            f"no Unigram vocabulary of {config.vocabulary:,} can be made from this text: {error}"
        ) from error
    made = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    pieces = [(made.id_to_piece(i), made.get_score(i)) for i in range(1, made.get_piece_size())]
    return models.Unigram([(token, 0.0) for token in SPECIAL] + pieces, SPECIAL.index(UNKNOWN))


def _in_form(tokenizer: Tokenizer, text: str) -> str:
    """A text in the tokenizer's Unicode form."""
    return tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text


def _check_size(size: int, config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> None:
    if size < config.vocabulary:
        fits = _fitting(size, config, batches)
        less = "" if fits is None else f"set the upstream's tokenizer.vocabulary to {fits}, or "
        raise DataError(
            f"the text allows a vocabulary of {size:,} tokens, {config.vocabulary:,} are asked for: "
            f"{less}give it more text"
        )
    if size > config.vocabulary:
        raise DataError(
            f"the text's characters alone need {size:,} tokens: set the upstream's tokenizer.vocabulary to {size} or "
            "more"
        )


def _fitting(size: int, config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> int | None:
    """A vocabulary that the text does allow, `size` or less: a smaller one has fewer letters to make tokens of."""
    while size >= LEAST:
        made = _learnt(config.model_copy(update={"vocabulary": size}), batches).get_vocab_size()
        if made == size:
            return size
        size = made
    return None


def _framing(tokenizer: Tokenizer) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (CLS, SEP)],
    )
