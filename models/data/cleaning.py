"""Cleaning of corpus text: entities, control characters, white space and personal data.

The Unicode form is left alone: it is the tokenizer's normaliser. Labelled rows are never cleaned.
"""

import html
import re
from collections import Counter
from typing import Literal
from unicodedata import normalize

from pydantic import Field

from models.config import Config

Kind = Literal["phone", "email", "resident_number"]

TOKENS: dict[str, str] = {"email": "[이메일]", "resident_number": "[주민번호]", "phone": "[전화]"}
"""What stands in place of personal data, in the order the kinds are looked for."""


class CleanConfig(Config):
    """What is done to the corpus before it is learnt from."""

    entities: bool = Field(default=True, description="Turn HTML entities such as &amp; into characters.")
    mask: tuple[Kind, ...] = Field(
        default=("phone", "email", "resident_number"),
        description="Personal data replaced by a token such as [전화].",
    )
    exact_duplicates: bool = Field(default=True, description="Remove texts that stand in the corpus already.")
    near_duplicates: float | None = Field(
        default=0.9,
        gt=0.5,
        le=1,
        description="Remove texts at least this similar (Jaccard) to an earlier one; null: keep.",
    )
    near_minimum: int = Field(
        default=40,
        ge=10,
        description="Characters a text needs to be compared for near duplicates: short ones are alike by chance.",
    )


# Cc but tab and line ends, soft hyphen, zero-width space, joiners of words, marks of direction, lone surrogates and
# noncharacters. Zero-width (non-)joiners stay: emoji need them.
_CONTROL = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufffe\uffff]"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_AROUND_LINE_END = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# Personal data is looked for in this form, character by character, so that it is masked where it stands in the text.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\ufe58\ufe63\uff0d"), "-")
_BLANKS = dict.fromkeys(
    map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u202f\u3000"), " "
)
_PLAIN = {**_WIDE, **_DASHES, **_BLANKS, ord("\ufe6b"): "@", ord("\u3002"): "."}
_WORTH_A_LOOK = re.compile("[0-9\uff10-\uff19@\uff20\ufe6b]")

# Mobile numbers need no separator. Fixed-line and internet numbers do, and company numbers (1588-…) are left: they are
# nobody's own, and written like ranges of years. Numbers of other countries are known by their + (ITU-T E.164: at most
# 15 digits).
_KOREA = r"(?:(?:\+|00)82[-. ]{0,3}|\(\+82\)[-. ]{0,3}|82[-. ]{1,3})(?:\(0\)[-. ]{0,2})?"
_MOBILE = rf"(?:{_KOREA}1|01)[016789]"
_FIXED = rf"(?:{_KOREA}|0)(?:2|[3-6][1-5]|70|50[2-8])"
_PHONE = re.compile(
    r"(?<![0-9.\-+])(?:"
    rf"(?:\({_MOBILE}\)|{_MOBILE})[-. ]{{0,3}}[0-9]{{3,4}}[-. ]{{0,3}}[0-9]{{4}}"
    rf"|(?:\({_FIXED}\)|{_FIXED} ?[-)]) ?[-.]? ?[0-9]{{3,4}} ?- ?[0-9]{{4}}"
    r"|\+(?=(?:[-. ()]{0,2}[0-9]){10,15}(?![0-9]))[1-9][0-9]{0,2}(?:[-. ()]{0,2}[0-9]){7,14}"
    r")(?!-?[0-9])"
)
_HANGUL = "가-힣\u1100-\u11ff"
_TOP = "|".join(normalize(form, name) for name in ("한국", "닷컴", "닷넷") for form in ("NFC", "NFD"))
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
    rf"|[{_HANGUL}A-Za-z0-9._%+\-]{{1,64}}@(?:[{_HANGUL}A-Za-z0-9\-]{{1,63}}\.){{1,8}}"
    rf"(?:{_TOP}|[A-Za-z]{{2,24}}(?![A-Za-z0-9]))"
)
# Six digits that are a date, a hyphen, and seven more of which the first is a century and sex (1 to 8).
_RESIDENT = re.compile(
    r"(?<![0-9\-])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]) ?- ?[1-8](?:[0-9]{6}|\*{6}|[xX]{6})(?![0-9])"
)
_PATTERNS = {"email": _EMAIL, "resident_number": _RESIDENT, "phone": _PHONE}


def clean(text: str, config: CleanConfig, masked: Counter[str]) -> str:
    """`text` cleaned; cleaning it again changes nothing. `masked` counts personal data by kind."""
    while True:
        cleaned = _once(text, config, masked)
        if cleaned == text:
            return cleaned
        text = cleaned  # an entity can uncover another, a control character can hide one


def _once(text: str, config: CleanConfig, masked: Counter[str]) -> str:
    if config.entities and "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if not text.isprintable():  # of white space, only a plain space is
        text = _SPACES.sub(" ", _CONTROL.sub("", _LINE_END.sub("\n", text)))
    elif "  " in text:
        text = _SPACES.sub(" ", text)
    if "\n" in text:
        text = _BLANK_LINES.sub("\n\n", _AROUND_LINE_END.sub("\n", text))
    if config.mask and _WORTH_A_LOOK.search(text):
        text = _without_personal_data(text, config, masked)
    return text.strip()


def _without_personal_data(text: str, config: CleanConfig, masked: Counter[str]) -> str:
    """`text` with its personal data masked, whatever the width of its digits and the kind of its dashes."""
    plain = text.translate(_PLAIN)
    for kind, token in TOKENS.items():
        if kind not in config.mask:
            continue
        spans = [match.span() for match in _PATTERNS[kind].finditer(plain)]
        for begin, end in reversed(spans):
            text = text[:begin] + token + text[end:]
        if spans:
            masked[kind] += len(spans)
            plain = text.translate(_PLAIN)
    return text
