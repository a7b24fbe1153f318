"""What people of the invented world write of things: reviews, the same said again in other words, and replies."""

import random
from collections import Counter
from collections.abc import Sequence

from models.demo_world import words
from models.demo_world.grammar import STYLES, Predicate, Style, particle

STYLE_WEIGHTS = (1, 6, 2, 1, 4, 1, 1)
"""How often each of `STYLES` ends a review: mostly the polite ones."""

_USES = Counter(word for sides in words.ASPECTS.values() for side in sides for word in side)
OWN = {
    (aspect, good): tuple(word for word in sides[not good] if _USES[word] == 1)
    for aspect, sides in words.ASPECTS.items()
    for good in (True, False)
}
"""Words that say one thing of one aspect, and nothing else: those of a line mean much the same."""


def style(draw: random.Random) -> Style:
    """How somebody ends a sentence."""
    return draw.choices(STYLES, STYLE_WEIGHTS)[0]


def review(
    draw: random.Random, name: str, aspects: Sequence[str], good: bool, hints: float, named: float
) -> str:
    """A review that keeps to one side: a clause that concedes something goes on to what counts.

    Args:
        name: what is reviewed.
        hints: share of clauses with an adverb, and of reviews with a closing word, that tell the side.
        named: share of clauses that say of which aspect they speak.
    """
    ending, parts = style(draw), [particle(name, "은/는")]
    for index, aspect in enumerate(aspects):
        subject = particle(aspect, "이/가") + " " if draw.random() < named else ""
        adverb = draw.choice(words.ADVERBS[good]) + " " if draw.random() < hints else ""
        concession, predicate = _judged(draw, aspect, good)
        last = index == len(aspects) - 1
        form = predicate.end(ending) if last else draw.choice((predicate.and_, predicate.besides))()
        parts.append(subject + concession + adverb + form)
    sentences = [" ".join(parts) + draw.choice("..!~")]
    if draw.random() < 0.3:
        sentences.insert(0, draw.choice(words.OPENINGS) + ".")
    if draw.random() < hints:
        sentences.append(draw.choice(words.CLOSINGS[good]) + draw.choice(".!"))
    return " ".join(sentences)


def _judged(draw: random.Random, aspect: str, good: bool) -> tuple[str, Predicate]:
    """What is said of an aspect after all, and before it, if anything, what is conceded."""
    kind = draw.random()
    same, other = (Predicate(draw.choice(words.ASPECTS[aspect][side])) for side in (not good, good))
    if kind < 0.05:
        return "", other.not_()
    if kind < 0.12:
        return "처음에는 " + draw.choice((other.but, other.though))() + " 갈수록 ", same
    return "", same


def stars(draw: random.Random, good: bool) -> str:
    """How many of five."""
    return f"별점 {draw.choice('45' if good else '12')}점."


def reply(aspect: str, good: bool) -> str:
    """What the owner answers: it names the aspect, which a review need not do."""
    return f"{aspect} 칭찬 고맙습니다." if good else f"{aspect} 문제 죄송합니다."


def two(draw: random.Random, aspect: str, alike: bool) -> tuple[Predicate, Predicate]:
    """Two words on an aspect: of one side, which mean much the same, or of both."""
    good = draw.random() < 0.5
    first = draw.choice(OWN[aspect, good])
    others = [word for word in OWN[aspect, good == alike] if word != first]
    return Predicate(first), Predicate(draw.choice(others))


def echo(draw: random.Random, name: str, group: str) -> str:
    """Something said of a thing, and then the same in another word, or the opposite."""
    alike, aspect = draw.random() < 0.6, draw.choice(words.KINDS[group][1])
    first, second = (word.end(style(draw)) for word in two(draw, aspect, alike))
    return (
        f"{particle(name, '은/는')} {first}. {draw.choice(words.LINKS[alike])} {words.THERE[group]} {second}."
    )
