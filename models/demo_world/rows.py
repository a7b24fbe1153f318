"""Labelled rows of the invented world beside its reviews: a stream of rows for each kind of downstream.

Rows of one part never come again in another: each draw is seen once, whatever part it fell to.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from models.demo_world import words
from models.demo_world.grammar import Predicate, particle
from models.demo_world.world import Firm, World

Row = dict[str, Any]
_SLOT = re.compile(r"\{(\w+)(?::([^}]+))?\}")

ENTITIES = {"person": "PS", "other": "PS", "place": "LC", "firm": "OG", "year": "DT"}
"""Type of what fills a slot of `SENTENCES`."""
SENTENCES = (
    "{person:은/는} {year} {place}에서 {firm} 일을 시작했다.",
    "{firm:이/가} {place} 지점을 {year}에 닫았다.",
    "{place}에 사는 {person} 씨는 {firm} 제품만 쓴다.",
    "{person:과/와} {other:이/가} {year} {place}에서 처음 만났다.",
    "{firm} 대표가 {place:을/를} 찾아 {person} 씨와 이야기했다.",
    "{year}부터 {firm:은/는} {place}에서 사람을 뽑는다.",
    "{person} 씨가 {firm:을/를} 떠났다는 소식이 {place}까지 퍼졌다.",
    "그날은 아무 일도 없이 지나갔다.",
)
FACTS = (
    (
        "{firm:은/는} {year} {place}에 세워졌다.",
        {"year": "{firm:은/는} 언제 세워졌나?", "place": "{firm:은/는} 어디에 세워졌나?"},
    ),
    ("{firm}의 대표는 {person} 씨다.", {"person": "{firm}의 대표는 누구인가?"}),
    (
        "{firm}에서 가장 많이 팔리는 것은 {thing}이다.",
        {"thing": "{firm}에서 가장 많이 팔리는 것은 무엇인가?"},
    ),
)
"""What a passage says of a firm, and what may be asked about it, by the slot that answers."""
VERDICTS = {
    True: (
        "{thing}에 만족했다는 이야기다.",
        "{thing:을/를} 좋게 평가했다.",
        "쓴 사람은 {thing:이/가} 마음에 들었다.",
    ),
    False: (
        "{thing}에 실망했다는 이야기다.",
        "{thing:을/를} 나쁘게 평가했다.",
        "쓴 사람은 {thing:이/가} 마음에 들지 않았다.",
    ),
}


def fill(template: str, values: Mapping[str, str]) -> tuple[str, list[tuple[str, int, int]]]:
    """A template's text, and (slot, start, end) of each value in it; `{slot:은/는}` adds the fitting particle."""
    text, spans, end = "", [], 0
    for match in _SLOT.finditer(template):
        text += template[end : match.start()]
        value = values[match[1]]
        spans.append((match[1], len(text), len(text) + len(value)))
        text += particle(value, match[2]) if match[2] else value
        end = match.end()
    return text + template[end:], spans


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
    """Text with its entities."""
    people = draw.sample(world.people, 2)
    values = {
        "person": people[0].name,
        "other": people[1].name,
        "place": draw.choice(world.places),
        "firm": draw.choice(world.firms).name,
        "year": f"{draw.randint(1990, 2025)}년",
    }
    text, spans = fill(draw.choice(SENTENCES), values)
    # What happens to be the end of a sentence shows that it stands for itself, whatever is said around it.
    review = world.review(draw, draw.choice(world.unknown), draw.random() < 0.5, 1, 0.0)
    entities = [{"start": start, "end": end, "type": ENTITIES[slot]} for slot, start, end in spans]
    return {"text": f"{text} {review}", "entities": entities}


def pair(world: World, draw: random.Random) -> Row:
    """A review and a sentence that follows from it, contradicts it, or does neither."""
    thing, good = draw.choice(world.unknown), draw.random() < 0.5
    review = world.review(draw, thing, good, 2, 0.3)
    label = draw.choice(("함의", "모순", "중립"))
    if label == "중립":
        other = {"firm": thing.maker.name, "place": thing.maker.place, "year": f"{thing.maker.founded}년"}
        return {"text_a": review, "text_b": fill(FACTS[0][0], other)[0], "label": label}
    verdict = fill(draw.choice(VERDICTS[good == (label == "함의")]), {"thing": thing.name})[0]
    return {"text_a": review, "text_b": verdict, "label": label}


def question(world: World, draw: random.Random) -> Row:
    """A question on one of two firms, in a passage that speaks of both."""
    asked, other = draw.sample(world.firms, 2)
    told = [(firm, template, asks) for firm in (asked, other) for template, asks in FACTS]
    draw.shuffle(told)
    context, spots = "", []
    for firm, template, asks in told:
        text, spans = fill(template, _about(world, firm))
        start = len(context)
        if firm is asked:
            spots += [(asks[slot], start + begin, start + end) for slot, begin, end in spans if slot in asks]
        context += text + " "
    template, start, end = draw.choice(spots)
    context = context.rstrip()
    answer = {"start": start, "text": context[start:end]}
    ask = fill(template, {"firm": asked.name})[0]
    return {"title": asked.name, "context": context, "question": ask, "answers": [answer]}


def passages(world: World) -> Iterator[Row]:
    """What there is to know about each firm."""
    for number, firm in enumerate(world.firms):
        text = " ".join(fill(template, _about(world, firm))[0] for template, _ in FACTS)
        yield {"id": f"passage:{number}", "text": text, "passage": True, "relevant": None}


def query(world: World, draw: random.Random) -> Row:
    """A question that one firm's passage answers; some describe the firm and do not name it."""
    number = draw.randrange(len(world.firms))
    firm = world.firms[number]
    about = _about(world, firm)
    asks = [ask for _, slots in FACTS for ask in slots.values()]
    asks += [
        "{year} {place}에 생긴 회사는 어디인가?",
        "{person} 씨가 이끄는 회사는 어디인가?",
        "{thing:을/를} 파는 회사는 어디인가?",
    ]
    text = fill(draw.choice(asks), about)[0]
    return {"text": text, "passage": False, "relevant": [{"passage_id": f"passage:{number}", "grade": 1}]}


def rewording(world: World, draw: random.Random) -> Row:
    """A plain sentence, and the same said politely."""
    thing = draw.choice(world.unknown)
    aspect = draw.choice(words.KINDS[thing.group][1])
    predicate = Predicate(draw.choice(words.ASPECTS[aspect][draw.randrange(2)]))
    start = f"{particle(thing.name, '은/는')} {particle(aspect, '이/가')}"
    return {
        "prompt": f"{start} {predicate.end('plain')}.",
        "target": f"{start} {predicate.end('polite')}.",
    }


def _about(world: World, firm: Firm) -> dict[str, str]:
    made = next((thing for thing in world.things if thing.maker is firm), world.things[0])
    return {
        "firm": firm.name,
        "year": f"{firm.founded}년",
        "place": firm.place,
        "person": firm.head.name,
        "thing": made.name,
    }


VIEWS: dict[str, Callable[[World, random.Random], Row]] = {
    "pair": pair,
    "ner": sentence,
    "qa": question,
    "retrieval": query,
    "generation": rewording,
}
"""What makes a row of each downstream; classification has the world's reviews."""
POOLS: dict[str, Callable[[World], Iterator[Row]]] = {"retrieval": passages}
"""What makes the rows that the examples of a view speak of; they belong to no part."""
