"""What a page says and how it writes numbers; by itself English, in which the code names what it says."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:  # it takes long to import, and recipes load this module
    from matplotlib import ticker

Code = Literal["en", "ko"]
"""What a recipe calls a language, and HTML's `lang`."""


class Language:
    """A language, as the page, its figures and its sentences use it: `say("{rows} test rows", rows="1,000")`.

    English is what is said in the code. Another language is a subclass with the same by the English, which a test
    compares with what the code says: nothing is left out, and nothing is there in vain.
    """

    code: ClassVar[Code] = "en"
    sentences: ClassVar[Mapping[str, str]] = {}
    """By what is said in English, with the same fields in braces."""
    names: ClassVar[Mapping[str, str]] = {
        "f1": "F1", "mae": "MAE", "rmse": "RMSE", "mrr": "MRR", "ndcg": "nDCG", "bleu": "BLEU", "chrf": "chrF",
    }  # fmt: skip
    """What is written otherwise than programs have it: here words of names, in other languages whole names."""

    def __call__(self, english: str, /, **values: Any) -> str:
        """What is said, with its fields filled in."""
        said = self.sentences.get(english, english)
        return said.format(**values) if values else said

    def spoken(self, name: str) -> str:
        """The name of a metric, mode, reason or setting for reading: `macro_f1` is macro F1."""
        plain = name.replace("_at_", "@").replace("_", " ")
        return re.sub(r"[a-z0-9]+", lambda word: self.names.get(word[0], word[0]), plain)

    def reason(self, name: str) -> str:
        """Why rows were set aside or removed: `text: missing`, say."""
        return self.spoken(name)

    def capital(self, text: str) -> str:
        """As it stands at the beginning: the first letter in upper case, the others as they are."""
        return text[:1].upper() + text[1:]

    def listed(self, parts: Sequence[str]) -> str:
        """`a, b and c`."""
        return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"

    def ticks(self) -> "ticker.Formatter":
        """How an axis writes large numbers."""
        from matplotlib import ticker

        return ticker.EngFormatter(sep="")


ENGLISH = Language()
