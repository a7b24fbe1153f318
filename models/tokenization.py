"""Tokenizers: trained on the corpus's training part or taken from a pretrained one, saved as `tokenizer.json`.

The Unicode form is the tokenizer's normaliser, so rows keep their text and offsets lead back to the original.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.parquet as parquet
from pydantic import Field, model_validator
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from models.config import Config
from models.errors import DataError
from models.fingerprint import content

if TYPE_CHECKING:  # transformers takes seconds to import, and recipes load this module
    from transformers import PreTrainedTokenizerBase

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ALPHABET = 3000
"""Most characters that are tokens of their own: all of everyday Korean; what is rarer becomes `[UNK]`."""
LONGEST_PIECE = 8
"""Longest piece of a Unigram vocabulary, in characters."""
COVERAGE = 0.9995
"""Share of the text's characters that a Unigram vocabulary spells; the rarest become `[UNK]`."""
LONGEST_LINE = 1 << 24
"""Bytes; the trainer passes over longer lines in silence."""


class TokenizerConfig(Config):
    """How text becomes tokens."""

    kind: Literal["wordpiece", "bpe", "unigram"] = Field("wordpiece", description="wordpiece, bpe or unigram.")
    vocabulary: int = Field(8000, ge=100, description="Number of tokens, the five special ones included.")
    normalizer: Literal["nfkc", "nfc", "none"] = Field("nfkc", description="Unicode form: nfkc, nfc or none.")
    lowercase: bool = Field(True, description="Whether upper and lower case are one.")
    min_frequency: int = Field(2, ge=1, description="Pieces seen less often are not merged (wordpiece and bpe).")
    pretrained: str | None = Field(
        None, description="Folder or hub id to take a tokenizer from instead of training one; the rest is then ignored."
    )

    @model_validator(mode="after")
    def _nothing_ignored(self) -> TokenizerConfig:
        others = sorted(self.model_fields_set - {"pretrained"})
        if self.pretrained is not None and others:
            raise ValueError(f"pretrained brings its own {', '.join(others)}: leave that out, or leave out pretrained")
        return self

    def identity(self) -> Any:
        if self.pretrained is not None:
            return {"pretrained": content(self.pretrained)}
        return super().identity()


def texts(path: Path, batch: int = 4096) -> Iterator[list[str]]:
    """The `text` column of a Parquet file in batches, in order."""
    for rows in parquet.ParquetFile(path).iter_batches(batch, columns=["text"]):
        yield rows.column(0).to_pylist()


def train(config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> Tokenizer:
    """A tokenizer trained on text; the same text gives the same tokenizer.

    Args:
        batches: gives the text anew each time it is called.

    Raises:
        DataError: the text does not hold as many tokens as asked for.
    """
    tokenizer = _untrained(config)
    if config.kind == "unigram":
        tokenizer.model = _unigram(config, tokenizer, batches())
    else:
        _merge(tokenizer, config, batches)
    _check_size(tokenizer.get_vocab_size(), config.vocabulary)
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = _framing(tokenizer)
    return tokenizer


def measure(tokenizer: PreTrainedTokenizerBase, batches: Iterable[list[str]]) -> dict[str, float]:
    """`fertility`, tokens per word (words are what white space separates), `unknown_rate`, the share of unknown
    tokens, and `vocabulary`, the number of tokens there are."""
    tokens = words = unknown = 0
    backend, unknown_id = tokenizer.backend_tokenizer, tokenizer.unk_token_id
    for batch in batches:
        words += sum(len(text.split()) for text in batch)
        for encoding in backend.encode_batch_fast(batch, add_special_tokens=False):
            tokens += len(encoding.ids)
            unknown += encoding.ids.count(unknown_id)
    if not words:
        raise DataError("the corpus's validation part holds no text to measure the tokenizer on; raise corpus.holdout")
    return {"fertility": tokens / words, "unknown_rate": unknown / max(1, tokens), "vocabulary": len(tokenizer)}


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerBase:
    """The tokenizer as `transformers` knows it."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=CLS,
        sep_token=SEP,
        mask_token=MASK,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def load(source: str | Path) -> PreTrainedTokenizerBase:
    """A tokenizer from a folder or hub id, with offsets, and with the tokens that frame and mask text.

    Raises:
        DataError: it cannot be read, or lacks what is needed.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(source), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise DataError(f"no tokenizer can be read from {source}: {str(error).splitlines()[0]}") from error
    if not tokenizer.is_fast:
        raise DataError(f"the tokenizer of {source} has no tokenizer.json, so no offsets; convert it to a fast one")
    return tokenizer


def _untrained(config: TokenizerConfig) -> Tokenizer:
    if config.kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN) if config.kind == "bpe" else models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("contiguous")]
        )
        tokenizer.decoder = decoders.Metaspace()
    forms = {"nfkc": [normalizers.NFKC()], "nfc": [normalizers.NFC()], "none": []}[config.normalizer]
    if config.lowercase:
        forms = [*forms, normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(forms)
    return tokenizer


def _alphabet(tokenizer: Tokenizer, batches: Iterable[list[str]], config: TokenizerConfig) -> list[str]:
    """The most frequent characters, ties by code point: the trainers' own choice depends on a hash's order."""
    counts: Counter[str] = Counter()
    for batch in batches:
        for line in _normalized(tokenizer, batch):
            counts.update(line)
    if config.kind != "wordpiece":
        counts["▁"] = max(counts.values(), default=0) + 1  # Metaspace's sign for a space
    found = sorted((c for c in counts if not c.isspace()), key=lambda c: (-counts[c], c))
    return sorted(found[: min(ALPHABET, config.vocabulary // 3)])


def _merge(tokenizer: Tokenizer, config: TokenizerConfig, batches: Callable[[], Iterable[list[str]]]) -> None:
    """Trains WordPiece or BPE."""
    alphabet = _alphabet(tokenizer, batches(), config)
    settings: dict[str, Any] = {
        "vocab_size": config.vocabulary,
        "min_frequency": config.min_frequency,
        "initial_alphabet": alphabet,
        "limit_alphabet": len(alphabet),
        "show_progress": False,
    }
    if config.kind == "bpe":
        tokenizer.train_from_iterator(batches(), trainers.BpeTrainer(special_tokens=list(SPECIAL), **settings))
    else:
        tokenizer.model = _wordpiece(tokenizer, batches, settings)


def _wordpiece(
    tokenizer: Tokenizer, batches: Callable[[], Iterable[list[str]]], settings: dict[str, Any]
) -> models.WordPiece:
    """A WordPiece model, the same in every run.

    The trainer gives ids to continuing characters (`##가`) in the order of a hash, and breaks ties between pairs
    by id. So a first pass without merges finds these characters, and the second is given them in sorted order.
    """
    tokenizer.train_from_iterator(batches(), trainers.WordPieceTrainer(**(settings | {"vocab_size": 0})))
    continuing = sorted(piece for piece in tokenizer.get_vocab() if piece.startswith("##") and len(piece) == 3)
    first = [*SPECIAL, *continuing]
    tokenizer.train_from_iterator(batches(), trainers.WordPieceTrainer(special_tokens=first, **settings))
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    return models.WordPiece(vocabulary, unk_token=UNKNOWN)


def _unigram(config: TokenizerConfig, tokenizer: Tokenizer, batches: Iterable[list[str]]) -> models.Unigram:
    """A Unigram model, the same in every run.

    `sentencepiece` trains it: the trainer in `tokenizers` adds up in the order of a hash, and takes much longer.
    """
    import sentencepiece

    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line for batch in batches for line in _normalized(tokenizer, batch)),
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
        raise DataError(f"no Unigram vocabulary of {config.vocabulary:,} can be made from this text: {error}") from error
    made = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    pieces = [(made.id_to_piece(i), made.get_score(i)) for i in range(1, made.get_piece_size())]
    return models.Unigram([(token, 0.0) for token in SPECIAL] + pieces, SPECIAL.index(UNKNOWN))


def _normalized(tokenizer: Tokenizer, batch: list[str]) -> list[str]:
    """The lines of texts in the tokenizer's Unicode form."""
    text = "\n".join(batch)
    return (tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text).split("\n")


def _check_size(size: int, asked: int) -> None:
    if size < asked:
        raise DataError(
            f"the text allows a vocabulary of {size:,} tokens, {asked:,} are asked for: "
            f"set tokenizer.vocabulary to {size} or less, or give it more text"
        )
    if size > asked:
        raise DataError(f"the text's characters alone need {size:,} tokens: set tokenizer.vocabulary to {size} or more")


def _framing(tokenizer: Tokenizer) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (CLS, SEP)],
    )
