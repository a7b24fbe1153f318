"""Korean word forms: particles by final consonant, and endings of adjectives and verbs.

Only what the invented world's grammar needs: regular stems, 하다, the copula, and the irregular stems in ㅂ, ㄹ, 르
and ㅡ (National Institute of Korean Language, Standard Grammar, articles 15 to 18 of Hangul Orthography).
"""

from typing import Literal

_FIRST = 0xAC00
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FINALS = ["", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"]
_BRIGHT = "ㅏㅑㅗ"
_REGULAR_B = "좁잡입뽑씹넓"
_DIGITS = "영일이삼사오육칠팔구"

Style = Literal["plain", "polite", "formal", "past", "past polite", "past formal", "exclaiming"]
STYLES: tuple[Style, ...] = ("plain", "polite", "formal", "past", "past polite", "past formal", "exclaiming")


def _parts(letter: str) -> tuple[int, str, str]:
    """Initial (0 to 18), vowel and final consonant of a syllable."""
    code = ord(letter) - _FIRST
    return code // 588, _VOWELS[code % 588 // 28], _FINALS[code % 28]


def _join(initial: int, vowel: str, final: str) -> str:
    return chr(_FIRST + initial * 588 + _VOWELS.index(vowel) * 28 + _FINALS.index(final))


def syllable(initial: str, vowel: str, final: str = "") -> str:
    """The syllable that letters make."""
    return _join(_INITIALS.index(initial), vowel, final)


def with_final(word: str, final: str) -> str:
    """`word` with another final consonant on its last syllable."""
    initial, vowel, _ = _parts(word[-1])
    return word[:-1] + _join(initial, vowel, final)


def final_of(word: str) -> str:
    """Final consonant of a word as it is read aloud; empty after a vowel."""
    last = word.rstrip("\"')’”")[-1:]
    if last.isdigit() and last.isascii():
        last = _DIGITS[int(last)]
    if "가" <= last <= "힣":
        return _parts(last)[2]
    return {"l": "ㄹ", "m": "ㅁ", "n": "ㄴ", "r": "ㄹ"}.get(last.lower(), "")


def particle(word: str, pair: str) -> str:
    """`word` with the fitting one of a pair of particles, written with the one after a consonant first: 은/는."""
    closed, open_ = pair.split("/")
    final = final_of(word)
    if closed == "으로" and final == "ㄹ":
        final = ""
    return word + (closed if final else open_)


class Predicate:
    """An adjective, a verb (written with a `+`) or a noun with the copula (with a `=`), by its stem."""

    def __init__(self, stem: str) -> None:
        self.copula, self.verb = stem.endswith("="), stem.endswith("+")
        self.stem = stem.rstrip("=+") + ("이" if self.copula else "")
        # After a vowel the copula's 이 falls away before 다, 고, 지만 and 네요.
        self._short = self.stem[:-1] if self.copula and not final_of(self.stem[:-1]) else self.stem

    def infinitive(self) -> str:
        """The form in -아/어, to which 요 and the past tense are added."""
        if self.copula:
            return self.stem + "어" if final_of(self.stem[:-1]) else self.stem[:-1] + "여"
        stem = self.stem
        if stem.endswith("아니"):
            return stem + "어"
        initial, vowel, final = _parts(stem[-1])
        before = _parts(stem[-2])[1] if len(stem) > 1 and "가" <= stem[-2] <= "힣" else ""
        if stem[-1] == "하":
            return stem[:-1] + "해"
        if final == "ㅂ" and stem[-1] not in _REGULAR_B:
            return with_final(stem, "") + "워"
        if final:
            return stem + ("아" if vowel in _BRIGHT else "어")
        if stem[-1] == "르":
            return with_final(stem[:-1], "ㄹ") + ("라" if before in _BRIGHT else "러")
        if vowel == "ㅡ":
            return stem[:-1] + _join(initial, "ㅏ" if before and before in _BRIGHT else "ㅓ", "")
        merged = {"ㅣ": "ㅕ", "ㅗ": "ㅘ", "ㅜ": "ㅝ", "ㅚ": "ㅙ"}.get(vowel)
        if merged:
            return stem[:-1] + _join(initial, merged, "")
        return stem if vowel in "ㅏㅓㅐㅔㅕ" else stem + "어"

    def end(self, style: Style) -> str:
        """The form that ends a sentence; a verb is never plain present."""
        if self.verb and style == "plain":
            style = "past"
        if style == "plain":
            return self._short + "다"
        if style == "polite":
            if self.stem.endswith("아니"):
                return self.stem + "에요"
            if self.copula:
                return self.stem + "에요" if final_of(self.stem[:-1]) else self.stem[:-1] + "예요"
            return self.infinitive() + "요"
        if style == "formal":
            return self._attach("ㅂ", "습") + "니다"
        if style == "exclaiming":
            return _without_l(self._short) + "네요"
        past = with_final(self.infinitive(), "ㅆ")
        return past + {"past": "다", "past polite": "어요", "past formal": "습니다"}[style]

    def and_(self) -> str:
        """… and"""
        return self._short + "고"

    def but(self) -> str:
        """… but"""
        return self._short + "지만"

    def though(self) -> str:
        """… and yet"""
        if self.verb or self.stem[-1] in "있없":
            return _without_l(self.stem) + "는데"
        return self._attach("ㄴ", "은") + "데"

    def besides(self) -> str:
        """… and what is more"""
        return self.attributive() + " 데다"

    def attributive(self) -> str:
        """The form before a noun; of verbs, the past."""
        if self.stem[-1] in "있없":
            return self.stem + "는"
        return self._attach("ㄴ", "은")

    def not_(self) -> "Predicate":
        """The negated predicate: -지 않다, or 아니다 for a noun."""
        if self.copula:
            return Predicate(particle(self.stem[:-1], "이/가") + " 아니")
        return Predicate(self.stem + "지 않" + ("+" if self.verb else ""))

    def _attach(self, open_: str, closed: str) -> str:
        """An ending that is a final consonant after a vowel and a syllable after a consonant."""
        final = _parts(self.stem[-1])[2]
        if not final or final == "ㄹ":
            return with_final(self.stem, open_)
        if final == "ㅂ" and closed == "은" and self.stem[-1] not in _REGULAR_B:
            return with_final(self.stem, "") + "운"
        return self.stem + closed


def _without_l(stem: str) -> str:
    """A stem as it stands before ㄴ, where a final ㄹ falls off."""
    return with_final(stem, "") if _parts(stem[-1])[2] == "ㄹ" else stem
