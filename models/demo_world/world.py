"""A small invented Korean world, and what people write in it. The same seed makes the same world and texts.

People, firms and places come from Faker's `ko_KR`; things have names of their own. Each kind of text draws from a
stream of its own, so asking for more of one changes no other.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from faker import Faker

from models.demo_world import words
from models.demo_world.grammar import STYLES, Predicate, Style, particle

STYLE_WEIGHTS = (1, 6, 2, 1, 4, 1, 1)
"""How often each of `STYLES` ends a review: mostly the polite ones."""

LABELS = ("긍정", "부정")
"""Classes of the reviews: praise and blame."""


@dataclass(frozen=True)
class Person:
    name: str
    job: str
    home: str


@dataclass(frozen=True)
class Firm:
    name: str
    place: str
    founded: int
    head: Person


@dataclass(frozen=True)
class Thing:
    """Something people review."""

    name: str
    group: str
    maker: Firm


class World:
    """People, firms, places and things, and texts about them."""

    def __init__(self, seed: int, people: int = 300, firms: int = 150, things: int = 600) -> None:
        self._seed = seed
        draw = self._stream("world")
        faker = Faker("ko_KR")
        faker.seed_instance(seed)
        self.places = _distinct(lambda: faker.city(), 80)
        names = _distinct(lambda: faker.name(), people)
        self.people = [Person(name, faker.job(), draw.choice(self.places)) for name in names]
        self.firms = [
            Firm(name, draw.choice(self.places), draw.randint(1950, 2020), draw.choice(self.people))
            for name in _distinct(lambda: faker.company(), firms)
        ]
        groups = sorted(words.KINDS)

        def thing_name() -> str:
            group = draw.choice(groups)
            kind = draw.choice(words.KINDS[group][0])
            return f"{group}|{draw.choice(words.MODIFIERS)} {draw.choice(words.MODIFIERS)} {kind}"

        made = [name.split("|") for name in _distinct(thing_name, things)]
        self.things = [Thing(name, group, draw.choice(self.firms)) for group, name in made]

    @cached_property
    def known(self) -> list[Thing]:
        """Things the corpus speaks of."""
        return self.things[: len(self.things) * 2 // 3]

    @cached_property
    def unknown(self) -> list[Thing]:
        """Things that only labelled rows speak of, so that no such row is in the corpus by chance."""
        return self.things[len(self.known) :]

    def documents(self) -> Iterator[str]:
        """Endless corpus texts, no two the same: mostly reviews, with news and facts among them."""
        draw = self._stream("documents")

        def text() -> str:
            if draw.random() < 0.9:
                good = draw.random() < 0.5
                return self._rated(
                    draw, self.review(draw, draw.choice(self.known), good, draw.randint(2, 4), 0.7), good
                )
            return self.news(draw) if draw.random() < 0.5 else self.fact(draw)

        return _without_repeats(text)

    def reviews(self, part: str) -> Iterator[tuple[str, str]]:
        """Endless labelled reviews of one part (text, label), labels in turn, no two texts the same in any part."""
        draw = self._stream(part)
        things = self.unknown[("train", "validation", "test").index(part) :: 3]
        seen: set[str] = set()
        while True:
            for label in LABELS:
                text = self.review(draw, draw.choice(things), label == LABELS[0], draw.randint(1, 2), 0.15)
                if text not in seen:
                    seen.add(text)
                    yield text, label

    def review(self, draw: random.Random, thing: Thing, good: bool, clauses: int, hints: float) -> str:
        """A review that keeps to one side: a clause that concedes something goes on to what counts.

        `hints` is the share of clauses with an adverb, and of reviews with a closing word, that tell the side.
        """
        (style,) = draw.choices(STYLES, STYLE_WEIGHTS)
        known = words.KINDS[thing.group][1]
        aspects = draw.sample(known, min(clauses, len(known)))
        parts = [particle(thing.name, "은/는")]
        for index, aspect in enumerate(aspects):
            last = index == len(aspects) - 1
            parts.append(self._clause(draw, aspect, good, style, last, hints))
        sentences = [" ".join(parts) + draw.choice("..!~")]
        if clauses > 1 and draw.random() < 0.3:
            sentences.insert(0, draw.choice(words.OPENINGS) + ".")
        if draw.random() < hints:
            sentences.append(draw.choice(words.PRAISE if good else words.BLAME) + draw.choice(".!"))
        return " ".join(sentences)

    def _rated(self, draw: random.Random, text: str, good: bool) -> str:
        """A review, mostly with its stars. Labelled rows have none: what the stars stand for is learnt from text."""
        if draw.random() < 0.2:
            return text
        stars = f"별점 {draw.choice('45' if good else '12')}점."
        return f"{stars} {text}" if draw.random() < 0.5 else f"{text} {stars}"

    def _clause(
        self, draw: random.Random, aspect: str, good: bool, style: Style, last: bool, hints: float
    ) -> str:
        kind = draw.random()
        negated = kind < 0.05
        predicate = Predicate(draw.choice(words.ASPECTS[aspect][0 if good != negated else 1]))
        if negated:
            predicate = predicate.not_()
        adverb = ""
        if draw.random() < hints:
            adverb = draw.choice(words.PRAISE_ADVERBS if good else words.BLAME_ADVERBS) + " "
        subject = particle(aspect, "이/가") + " "
        concession = ""
        if 0.05 <= kind < 0.12:
            other = Predicate(draw.choice(words.ASPECTS[aspect][1 if good else 0]))
            concession = "처음에는 " + draw.choice((other.but, other.though))() + " 갈수록 "
        ending = (
            predicate.end(style) if last else (predicate.and_ if draw.random() < 0.8 else predicate.besides)()
        )
        return subject + concession + adverb + ending

    def news(self, draw: random.Random) -> str:
        """A sentence or two about a firm, a person and a place."""
        firm, thing, person = draw.choice(self.firms), draw.choice(self.known), draw.choice(self.people)
        place, year = draw.choice(self.places), draw.randint(2001, 2025)
        share, won = draw.randint(2, 90), draw.randint(2, 900) * 10
        heads = (
            f"{particle(firm.name, '은/는')} {year}년 {place}에 새 매장을 열었다.",
            f"{firm.name}의 {year}년 매출이 {won:,}억 원으로 {share}% 늘었다.",
            f"{year}년 {firm.name}의 새 대표로 {person.name} 씨가 뽑혔다.",
            f"{particle(firm.name, '이/가')} 만든 {particle(thing.name, '이/가')} {place}에서 {won}개 팔렸다.",
            f"{year}년 {place}에서 열린 행사에 {particle(firm.name, '과/와')} {person.name} 씨가 함께했다.",
        )
        tails = (
            f"{person.name} 씨는 “{particle(place, '을/를')} 먼저 생각했다”고 말했다.",
            f"본사는 {firm.place}에 있다.",
            f"{particle(thing.maker.name, '도/도')} 같은 달 {share}명을 새로 뽑았다.",
            "업계는 앞으로도 수요가 늘 것으로 본다.",
        )
        return f"{draw.choice(heads)} {draw.choice(tails)}"

    def fact(self, draw: random.Random) -> str:
        """What an encyclopaedia says about a person, a firm or a thing."""
        person, firm, thing = draw.choice(self.people), draw.choice(self.firms), draw.choice(self.known)
        born, other = draw.randint(1940, 2000), draw.choice(self.people)
        about, made_by = particle(thing.name, "은/는"), particle(thing.maker.name, "이/가")
        return draw.choice(
            (
                f"{particle(person.name, '은/는')} {born}년 {person.home}에서 태어난 "
                f"{particle(person.job, '이다/다')}. "
                f"{particle(other.name, '과/와')} 함께 {firm.name}에서 일했다.",
                f"{particle(firm.name, '은/는')} {firm.founded}년 {firm.place}에 세워진 회사다. "
                f"대표는 {firm.head.name}이고, {thing.name} 등을 다룬다.",
                f"{about} {made_by} 운영하는 {particle(thing.group, '으로/로')} 분류된다. "
                f"{born + 20}년 {particle(person.name, '이/가')} 처음 소개했다.",
            )
        )

    def _stream(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/{name}")


def _distinct(make: Callable[[], str], count: int) -> list[str]:
    """The first `count` different values of `make`, in order."""
    stream = _without_repeats(make)
    return [next(stream) for _ in range(count)]


def _without_repeats(make: Callable[[], str]) -> Iterator[str]:
    seen: set[str] = set()
    while True:
        value = make()
        if value not in seen:
            seen.add(value)
            yield value
