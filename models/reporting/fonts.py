"""A Korean font that is really there: NanumGothic (SIL Open Font License), shipped inside a Python package."""

import base64
import importlib.util
import io
from pathlib import Path

from fontTools import subset

from models.errors import DataError

FAMILY = "Headwater Korean"
"""Own name, so that no other version of the font on the machine is picked up instead."""

RANGES = (
    (0x1100, 0x11FF),
    (0x3000, 0x303F),
    (0x3130, 0x318F),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xFF00, 0xFFEF),
)
"""Jamo, CJK punctuation, compatibility jamo, hanja, syllables, full-width forms; the rest is the system's font."""


def path(weight: str = "") -> Path:
    """The font file; `weight` is "" or "Bold".

    The package is only located: importing it would change matplotlib's settings.

    Raises:
        DataError: when the package is not installed.
    """
    spec = importlib.util.find_spec("koreanize_matplotlib")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("no Korean font for the report: install the package koreanize-matplotlib")
    return Path(spec.submodule_search_locations[0]) / "fonts" / f"NanumGothic{weight}.ttf"


def font_face(text: str) -> str:
    """A CSS rule that embeds just the Korean characters of `text` as WOFF2; "" when there are none."""
    wanted = sorted(filter(_korean, map(ord, set(text))))
    if not wanted:
        return ""
    data = base64.b64encode(_woff2(wanted)).decode("ascii")
    ranges = ",".join(f"U+{first:X}-{last:X}" for first, last in RANGES)
    source = f"url(data:font/woff2;base64,{data}) format('woff2')"
    return f"@font-face{{font-family:'{FAMILY}';src:{source};unicode-range:{ranges};font-display:block}}"


def _woff2(codepoints: list[int]) -> bytes:
    """The font cut down to `codepoints`; equal input gives equal bytes (the font's own dates are kept)."""
    options = subset.Options(flavor="woff2", hinting=False, recalc_timestamp=False, notdef_outline=True)
    options.drop_tables += ["TSI0", "TSI1", "TSI2", "TSI3", "TSI5"]  # its designers' hinting sources
    with subset.load_font(str(path()), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=codepoints)
        subsetter.subset(font)
        buffer = io.BytesIO()
        subset.save_font(font, buffer, options)
    return buffer.getvalue()


def _korean(codepoint: int) -> bool:
    return any(first <= codepoint <= last for first, last in RANGES)
