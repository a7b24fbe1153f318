"""Tokenizers: trained on the corpus's training part or taken from a pretrained one, saved as `tokenizer.json`.

The Unicode form is the tokenizer's normaliser, so rows keep their text and offsets lead back to the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from models import hub
from models.config import Config
from models.errors import DataError
from models.memo import MEMO, known
from models.pretrained import Pretrained, content
from models.tokens.special import token_id

if TYPE_CHECKING:  # these take long to import, and recipes load this module
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

PAD, UNKNOWN, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


LEAST = 15
"""Tokens of the smallest vocabulary: the special ones, and five letters that begin and that continue a word."""
SPACED = 40
"""Letters; longer words are hardly any in languages that put spaces between them."""


class TokenizerConfig(Config):
    """How text becomes tokens."""

    kind: Literal["wordpiece", "bpe", "unigram"] = Field(
        default="wordpiece", description="wordpiece, bpe or unigram."
    )
    vocabulary: int = Field(
        default=8000, ge=LEAST, description="Number of tokens, the five special ones included."
    )
    normalizer: Literal["nfkc", "nfc", "none"] = Field(
        default="nfkc", description="Unicode form: nfkc, nfc or none."
    )
    lowercase: bool = Field(default=True, description="Whether upper and lower case are one.")
    min_frequency: int = Field(
        default=2, ge=1, description="Pieces seen less often are not merged (wordpiece and bpe)."
    )
    sample: int | None = Field(
        default=20_000_000,
        ge=1,
        description="About how many bytes of text it is trained on at most, drawn from some of the corpus's files: "
        "new files change nothing until there are twice as many. null: all of it, so a new file makes a new tokenizer.",
    )
    pretrained: Pretrained | None = Field(
        default=None,
        description="Folder, hub id or models:/ URI to take a tokenizer from instead of training one.",
    )

    @model_validator(mode="after")
    def _nothing_ignored(self) -> TokenizerConfig:
        others = sorted({*self.other_than_default(*TokenizerConfig.model_fields)} - {"pretrained"})
        if self.pretrained is not None and others:
            raise ValueError(
                f"pretrained brings its own {', '.join(others)}: leave that out, or leave out pretrained"
            )
        return self

    def identity(self) -> Any:
        if self.pretrained is not None:
            return {"pretrained": content(self.pretrained)}
        return super().identity()


def texts(path: Path, batch: int = 1024) -> Iterator[list[str]]:
    """The `text` column of a Parquet file in batches, in order."""
    from pyarrow import parquet  # recipes load this module, and it takes long to import

    for rows in parquet.ParquetFile(path).iter_batches(batch, columns=["text"]):
        yield rows.column(0).to_pylist()


def measure(tokenizer: PreTrainedTokenizerBase, batches: Iterable[list[str]]) -> dict[str, float]:
    """`fertility`, tokens per word (words are what white space separates); `unknown_rate`, the share of letters that no
    token stands for; and `unspaced_rate`, the share of letters in words of more than `SPACED` letters."""
    tokens = words = letters = unknown = unspaced = 0
    backend, unknown_id = backend_of(tokenizer), token_id(tokenizer, "unk")
    for batch in batches:
        sizes = [len(word) for text in batch for word in text.split()]
        words, letters = words + len(sizes), letters + sum(sizes)
        unspaced += sum(size for size in sizes if size > SPACED)
        for encoding in backend.encode_batch(batch, add_special_tokens=False):
            tokens += len(encoding.ids)
            if unknown_id in encoding.ids:
                pairs = zip(encoding.ids, encoding.offsets, strict=True)
                unknown += sum(end - start for token, (start, end) in pairs if token == unknown_id)
    if not words:
        raise DataError(
            "the corpus holds no text to measure the tokenizer on: its texts are white space alone"
        )
    return {
        "fertility": tokens / words,
        "unknown_rate": unknown / letters,
        "unspaced_rate": unspaced / letters,
    }


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


def as_saved(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The same tokenizer, of the class that does what its tokenizer.json says.

    That of an architecture, BertTokenizer say, puts its own frame around a text when it is loaded, whatever was saved.
    """
    from transformers import PreTrainedTokenizerFast

    kept: dict[str, Any] = {name: getattr(tokenizer, name) for name in _KEPT}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend_of(tokenizer), **tokenizer.special_tokens_map, **kept
    )


_KEPT = (
    "model_input_names",
    "model_max_length",
    "padding_side",
    "truncation_side",
    "clean_up_tokenization_spaces",
)


def backend_of(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """The Rust tokenizer inside; it works on batches in parallel."""
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    assert isinstance(backend, Tokenizer), "`load_tokenizer` gives fast tokenizers only"
    return backend


def load_tokenizer(source: str | Path) -> PreTrainedTokenizerBase:
    """A tokenizer from a folder or hub id, with offsets, and as the model beside it wants to be asked.

    A decoder's tokenizer often has no token to fill up a batch with: the one that ends a text does, which masks hide.

    Raises:
        DataError: it cannot be read, or lacks what is needed.
    """
    folder = Path(source)
    files = [path for path in folder.iterdir() if path.suffix in _READ] if folder.is_dir() else []
    if not files:
        return _loaded(source)
    size = _UNPACKED * sum(path.stat().st_size for path in files)
    return MEMO.own(("tokenizer", known(*sorted(files))), lambda: _loaded(source), lambda _: size)


def _loaded(source: str | Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        name, revision = (
            (str(source), "main") if Path(source).is_dir() else hub.parted(hub.at_commit(str(source)))
        )
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise DataError(f"no tokenizer can be read from {source}: {_reason(source, error)}") from error
    if _empty(source, tokenizer):
        raise DataError(
            f"no tokenizer can be read from {source}: there is none of {', '.join(_FILES)} in it; copy them from where "
            "the model was published, or set tokenizer.pretrained to a place that has them"
        )
    if not tokenizer.is_fast:
        raise DataError(
            f"the tokenizer of {source} has no tokenizer.json, so no offsets; convert it to a fast one"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if TYPES in tokenizer.model_input_names and not _tells_texts_apart(source):
        tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name != TYPES]
    return tokenizer


_READ = {".json", ".txt", ".model", ".tiktoken", ".jinja"}
"""Endings of the files that a tokenizer is made from; its model's weights lie beside them."""
_UNPACKED = 8
"""About how many times a tokenizer's files it takes of the memory."""
TYPES = "token_type_ids"
_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.tiktoken")
"""Any of these makes a tokenizer; without them `transformers` gives one that knows nothing, and no error."""


def _empty(source: str | Path, tokenizer: PreTrainedTokenizerBase) -> bool:
    folder = Path(source)
    if folder.is_dir():
        return not any(next(folder.glob(name), None) for name in _FILES)
    return len(tokenizer) <= len(tokenizer.all_special_tokens) + 1


def _reason(source: str | Path, error: Exception) -> str:
    path = Path(source) / "tokenizer_config.json"
    if "custom code" in str(error) or (path.is_file() and "auto_map" in path.read_text("utf-8")):
        return (
            "it brings code of its own, which is never run: convert it to a tokenizer.json where you trust that code, "
            "or take a model whose tokenizer transformers has a class for"
        )
    return (str(error).splitlines() or [type(error).__name__])[0]


def _tells_texts_apart(source: str | Path) -> bool:
    """Whether the model beside a tokenizer takes `token_type_ids`; a tokenizer alone is left as it is."""
    from transformers import AutoConfig

    if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
        return True
    try:
        config = AutoConfig.from_pretrained(str(source), trust_remote_code=False)
    except (OSError, ValueError):
        return True
    return getattr(config, "type_vocab_size", 0) > 1
