"""A small invented Korean world, and what people write in it. The same seed makes the same world and texts.

What words mean is said by the corpus alone, as in a language: which words of opinion mean the same, on which side they
are, and what each name is the name of. Each kind of text draws from a stream of its own, so asking for more of one
changes no other.
"""

import random
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

from models.demo_world import names, opinions, words
from models.demo_world.templates import fill

T = TypeVar("T", bound=Hashable)

LABELS = ("긍정", "부정")
"""Classes of the reviews: praise and blame."""


SHOP = "가게"
"""Things of this group are looked for by what they are like."""
FACETS = 4
"""How much is said of a shop."""


@dataclass(frozen=True)
class Thing:
    """Something people review."""

    name: str
    group: str


@dataclass(frozen=True)
class Shop:
    """Something people look for."""

    name: str
    said: tuple[tuple[tuple[str, bool], str], ...]
    """An aspect with its side, and the word for it: no two shops are the same but for words."""


class World:
    """Names and things, and texts about them."""

    def __init__(self, seed: int, each: int = 100, things: int = 600, shops: int = 150) -> None:
        self._seed = seed
        draw = self._stream("world")
        drawn = iter(names.invented(draw, each * len(names.TYPES)))
        self.names = {kind: [next(drawn) for _ in range(each)] for kind in names.TYPES}
        groups = sorted(words.KINDS)

        def thing(group: str) -> Thing:
            modifiers = draw.sample(words.MODIFIERS, 2)
            return Thing(" ".join([*modifiers, draw.choice(words.KINDS[group][0])]), group)

        self.things = _distinct(lambda: thing(draw.choice(groups)), things)
        self.shops = [Shop(thing(SHOP).name, said) for said in self._facets(draw, shops)]

    @staticmethod
    def _facets(draw: random.Random, count: int) -> Iterator[tuple[tuple[tuple[str, bool], str], ...]]:
        """What is said of each of so many shops."""
        known = words.KINDS[SHOP][1]

        def facets() -> tuple[tuple[str, bool], ...]:
            return tuple(sorted((aspect, draw.random() < 0.5) for aspect in draw.sample(known, FACETS)))

        for drawn in _distinct(facets, count):
            yield tuple((facet, draw.choice(opinions.OWN[facet])) for facet in drawn)

    @cached_property
    def named(self) -> list[tuple[str, str]]:
        """Every name with its type."""
        return [(name, kind) for kind, of_kind in self.names.items() for name in of_kind]

    @cached_property
    def known(self) -> list[Thing]:
        """Things the corpus speaks of."""
        return self.things[: len(self.things) * 2 // 3]

    @cached_property
    def unknown(self) -> list[Thing]:
        """Things that only labelled rows speak of, so that no such row is in the corpus by chance."""
        return self.things[len(self.known) :]

    def documents(self) -> Iterator[str]:
        """Endless corpus texts, no two the same."""
        draw = self._stream("documents")
        kinds = (self._rated, self._echo, self._described)

        def text() -> str:
            (kind,) = draw.choices(kinds, (5, 2, 4))
            return kind(draw)

        return without_repeats(text)

    def reviews(self, part: str) -> Iterator[tuple[str, str]]:
        """Endless labelled reviews of one part (text, label), labels in turn, no two texts the same in any part."""
        draw = self._stream(part)
        things = self.unknown[("train", "validation", "test").index(part) :: 3]

        def written(label: str) -> str:
            thing = draw.choice(things)
            aspects = [draw.choice(words.KINDS[thing.group][1])]
            return opinions.review(draw, thing.name, aspects, label == LABELS[0], 0.1, 0.1)

        streams = {label: without_repeats(partial(written, label)) for label in LABELS}
        while True:
            yield from ((next(stream), label) for label, stream in streams.items())

    def _rated(self, draw: random.Random) -> str:
        """A review, mostly with its stars or a reply. Labelled rows have neither: both are learnt from text."""
        thing, good = draw.choice(self.known), draw.random() < 0.5
        known = words.KINDS[thing.group][1]
        aspects = draw.sample(known, min(draw.randint(1, 4), len(known)))
        text, kind = opinions.review(draw, thing.name, aspects, good, 0.6, 0.6), draw.random()
        if kind < 0.5:
            return f"{text} {opinions.stars(draw, good)}"
        return f"{text} 답글: {opinions.reply(draw.choice(aspects), good)}" if kind < 0.8 else text

    def _echo(self, draw: random.Random) -> str:
        thing = draw.choice(self.known)
        return opinions.echo(draw, thing.name, thing.group)

    def _described(self, draw: random.Random) -> str:
        """A few sentences on one name, by which it is known what it is the name of.

        They have one order: the same ones in another would be near duplicates that nobody has counted.
        """
        kind = draw.choice(names.TYPES)
        values = {"x": draw.choice(self.names[kind]), "as": draw.choice(names.ROLES[kind])}
        about = names.ABOUT[kind]
        told = [
            *(about[at] for at in sorted(draw.sample(range(len(about)), 2))),
            draw.choice(names.ROLE[kind]),
        ]
        return " ".join(fill(template, values)[0] for template in told)

    def _stream(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/{name}")


def _distinct(make: Callable[[], T], count: int) -> list[T]:
    """The first `count` different values of `make`, in order."""
    stream = without_repeats(make)
    return [next(stream) for _ in range(count)]


def without_repeats(make: Callable[[], T]) -> Iterator[T]:
    seen: set[T] = set()
    while True:
        value = make()
        if value not in seen:
            seen.add(value)
            yield value
