"""Labelled rows of the invented world beside its reviews: a stream of rows for each kind of downstream.

Rows of one part never come again in another: each draw is seen once, whatever part it fell to. No row says what the
corpus says: of what a word speaks, what else means the same, or what a name is the name of.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from models.demo_world import names, opinions, words
from models.demo_world.grammar import Predicate, particle
from models.demo_world.templates import fill
from models.demo_world.world import FACETS, World

Row = dict[str, Any]
SAME_WORD = 0.25
"""How often who looks for a shop says a thing in the word that its passage has."""


def rows(world: World, seed: int, view: str, sizes: Mapping[str, int]) -> Iterator[tuple[str, Row]]:
    """(part, row) of a view, with ids; those of its pool, where it has one, come first."""
    draw = random.Random(f"{seed}/{view}")
    if view in POOLS:
        yield from (("", row) for row in POOLS[view](world))
    stream = _distinct(VIEWS[view], world, draw)
    for part, size in sizes.items():
        for number, row in enumerate(islice(stream, size)):
            yield part, {"id": f"{part}:{number}", **row}


def _distinct(
    make: Callable[[World, random.Random], Row], world: World, draw: random.Random
) -> Iterator[Row]:
    seen: set[str] = set()
    misses = 0
    while misses < 10_000:
        row = make(world, draw)
        key = repr(row)
        misses = misses + 1 if key in seen else 0
        if key not in seen:
            seen.add(key)
            yield row


def sentence(world: World, draw: random.Random) -> Row:
    """Names in a sentence that says nothing of their types."""
    drawn = draw.sample(world.named, 3)
    values = dict(zip("abc", (name for name, _ in drawn), strict=True))
    types = dict(zip("abc", (kind for _, kind in drawn), strict=True))
    text, spans = fill(f"{draw.choice(words.OPENINGS)}. {draw.choice(names.NEUTRAL)}", values)
    entities = [{"start": start, "end": end, "type": types[slot]} for slot, start, end in spans]
    return {"text": text, "entities": entities}


def pair(world: World, draw: random.Random) -> Row:
    """A sentence on a thing, and one that says the same, the opposite, or something else."""
    thing, label = draw.choice(world.unknown), draw.choice(("함의", "모순", "중립"))
    aspect = draw.choice(words.KINDS[thing.group][1])
    first, second = opinions.two(draw, aspect, label == "함의")
    other = f"{words.THERE[thing.group]} {second.end(opinions.style(draw))}"
    return {
        "text_a": f"{particle(thing.name, '은/는')} {first.end(opinions.style(draw))}.",
        "text_b": f"{draw.choice(words.OPENINGS) if label == '중립' else other}.",
        "label": label,
    }


def question(world: World, draw: random.Random) -> Row:
    """A question on a passage with a name of each type; the names alone tell which of them is meant."""
    firm, *others = draw.sample(world.names["OG"], 2)
    drawn = [draw.choice(others if kind == "OG" else world.names[kind]) for kind in names.TYPES]
    order = draw.sample(range(len(drawn)), len(drawn))
    values = {"firm": firm} | dict(zip("abcd", (drawn[at] for at in order), strict=True))
    context, spans = fill(draw.choice(names.MENTIONED), values)
    asked = draw.choice([span for span in spans if span[0] != "firm"])
    kind = names.TYPES[order["abcd".index(asked[0])]]
    ask = fill(names.ASKED, {"firm": firm, "as": draw.choice(names.ROLES[kind])})[0]
    answer = {"start": asked[1], "text": context[asked[1] : asked[2]]}
    return {"title": firm, "context": context, "question": ask, "answers": [answer]}


def passages(world: World) -> Iterator[Row]:
    """What is said of each shop."""
    for number, shop in enumerate(world.shops):
        *first, last = (Predicate(word) for _, word in shop.said)
        told = " ".join([*(word.and_() for word in first), last.end("plain")])
        text = f"{particle(shop.name, '은/는')} {told}."
        yield {"id": f"passage:{number}", "text": text, "passage": True, "relevant": None}


def query(world: World, draw: random.Random) -> Row:
    """What one shop is like, mostly in words that its passage does not have."""
    number = draw.randrange(len(world.shops))
    facets = draw.sample(world.shops[number].said, FACETS)
    *first, last = (
        Predicate(said if draw.random() < SAME_WORD else draw.choice(sorted({*opinions.OWN[facet]} - {said})))
        for facet, said in facets
    )
    text = " ".join([*(word.and_() for word in first), last.attributive(), "데가 어디였죠?"])
    return {"text": text, "passage": False, "relevant": [{"passage_id": f"passage:{number}", "grade": 1}]}


def answer(world: World, draw: random.Random) -> Row:
    """A review that names no aspect, and what the owner replies, who does."""
    thing, good = draw.choice(world.unknown), draw.random() < 0.5
    aspect = draw.choice(words.KINDS[thing.group][1])
    word = Predicate(draw.choice(opinions.OWN[aspect, good]))
    prompt = f"{particle(thing.name, '은/는')} {word.end(opinions.style(draw))}."
    return {"prompt": prompt, "target": opinions.reply(aspect, good)}


VIEWS: dict[str, Callable[[World, random.Random], Row]] = {
    "pair": pair,
    "ner": sentence,
    "qa": question,
    "retrieval": query,
    "generation": answer,
}
"""What makes a row of each downstream; classification has the world's reviews."""
POOLS: dict[str, Callable[[World], Iterator[Row]]] = {"retrieval": passages}
"""What makes the rows that the examples of a view speak of; they belong to no part."""
