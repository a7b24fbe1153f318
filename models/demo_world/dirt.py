"""Dirt planted in the invented world's texts in known numbers, so that what a run counts can be checked exactly."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from models.demo_world.world import World

CORPUS_FILE = "demo-corpus.jsonl"
LABELLED_FILE = "demo-classification.tsv"
NEAR_LENGTH = 60
"""Texts copied with one letter more are at least this long: their similarity is 0.98, safely a near duplicate."""
LEAK_LENGTH = 30
"""Test rows hidden inside longer texts are at least this long, so that they are looked for."""

Row = tuple[str | None, str]
"""A text and its label."""


@dataclass(frozen=True)
class CorpusDirt:
    """How much of each kind lies in a corpus, beside its clean documents."""

    exact_duplicates: int
    near_duplicates: int
    empty: int
    missing: int
    not_json: int
    leaks_equal: int
    leaks_contained: int
    phone: int
    email: int
    resident_number: int
    entities: int
    controls: int

    @property
    def extra(self) -> int:
        """Rows that stand beside the clean documents; the other kinds sit inside of these."""
        return (
            self.exact_duplicates + self.near_duplicates + self.empty + self.missing + self.not_json
            + self.leaks_equal + self.leaks_contained
        )  # fmt: skip


@dataclass(frozen=True)
class LabelledDirt:
    """How much of each kind lies in labelled rows; all of it in the training part."""

    wrong_label: int
    missing: int
    repeat_test: int
    repeat_validation: int

    @property
    def extra(self) -> int:
        """Rows beside the clean ones."""
        return self.wrong_label + self.missing + self.repeat_test + self.repeat_validation


def corpus_dirt(documents: int) -> CorpusDirt:
    """What is planted beside (and in) so many clean documents."""
    per_cent = documents // 100
    return CorpusDirt(
        exact_duplicates=per_cent,
        near_duplicates=per_cent // 2,
        empty=per_cent // 10,
        missing=per_cent // 10,
        not_json=per_cent // 10,
        leaks_equal=min(20, per_cent),
        leaks_contained=min(10, per_cent),
        phone=per_cent // 5,
        email=per_cent // 5,
        resident_number=per_cent // 10,
        entities=per_cent,
        controls=per_cent // 2,
    )


def labelled_dirt(train: int, validation: int, test: int) -> LabelledDirt:
    """What is planted beside so many clean rows."""
    some = train // 200
    return LabelledDirt(some, some // 2, min(some, test), min(some // 2, validation))


def corpus(world: World, seed: int, documents: int) -> list[str | None]:
    """Texts in the order of the file; None for a missing one, and `"{"` for a line that is not JSON."""
    draw = random.Random(f"{seed}/dirt")
    planted = corpus_dirt(documents)
    texts = list(islice(world.documents(), documents))
    order = draw.sample(range(documents), documents)
    chosen = _chooser(order)
    for kind, count in (
        ("phone", planted.phone),
        ("email", planted.email),
        ("resident", planted.resident_number),
    ):
        for index in chosen(count):
            texts[index] = _personal(draw, kind, texts[index])
    for index in chosen(planted.entities):
        texts[index] = texts[index].replace(" ", "&nbsp;", 1) + " &lt;3 &amp;hearts;"
    for index in chosen(planted.controls):
        texts[index] = texts[index][:5] + "\u200b\x07" + texts[index][5:]
    # (where it stands, text): a copy always comes after its original, so that the original is what is kept.
    placed: list[tuple[float, str | None]] = [(index, text) for index, text in enumerate(texts)]
    for index in chosen(planted.exact_duplicates):
        placed.append((draw.uniform(index, documents), texts[index]))
    for index in chosen(planted.near_duplicates, lambda index: len(texts[index]) >= NEAR_LENGTH):
        placed.append((draw.uniform(index, documents), texts[index] + "ㅎ"))
    extra: list[str | None] = [*["  "] * planted.empty, *[None] * planted.missing, *["{"] * planted.not_json]
    extra += _leaks(world, planted)
    placed += [(draw.uniform(0, documents), text) for text in extra]
    return [text for _, text in sorted(placed, key=lambda item: item[0])]


def labelled(world: World, seed: int, sizes: dict[str, int]) -> dict[str, list[Row]]:
    """Rows by part, with a share of dirt among the training rows."""
    draw = random.Random(f"{seed}/labelled dirt")
    parts: dict[str, list[Row]] = {
        part: list(islice(world.reviews(part), size)) for part, size in sizes.items()
    }
    planted = labelled_dirt(**sizes)
    train = parts["train"]
    extra = islice(world.reviews("train"), len(train), len(train) + planted.wrong_label + planted.missing)
    for number, (text, label) in enumerate(extra):
        wrong = number < planted.wrong_label
        _insert(draw, train, (text, "모름") if wrong else (None, label))
    for part, count in (("test", planted.repeat_test), ("validation", planted.repeat_validation)):
        for row in draw.sample(parts[part], count):
            _insert(draw, train, row)
    return parts


def _insert(draw: random.Random, rows: list[Row], row: Row) -> None:
    rows.insert(draw.randint(0, len(rows)), row)


def _leaks(world: World, planted: CorpusDirt) -> list[str | None]:
    """Test rows as they stand, and inside longer texts."""
    rows = [
        text for text, _ in islice(world.reviews("test"), 4 * (planted.leaks_equal + planted.leaks_contained))
    ]
    long = [text for text in rows[planted.leaks_equal :] if len(text) >= LEAK_LENGTH][
        : planted.leaks_contained
    ]
    return [
        *rows[: planted.leaks_equal],
        *(f"어디선가 읽은 글이다. {text} 그런 말도 있었다." for text in long),
    ]


def _chooser(order: Sequence[int]) -> Callable[..., list[int]]:
    """Draws indices from `order`, none twice."""
    left = list(order)

    def choose(count: int, fits: Callable[[int], bool] = lambda index: True) -> list[int]:
        found = list(islice((index for index in left if fits(index)), count))
        taken = set(found)
        left[:] = [index for index in left if index not in taken]
        assert len(found) == count, f"only {len(found)} of {count} documents fit"
        return found

    return choose


def _personal(draw: random.Random, kind: str, text: str) -> str:
    """`text` with an invented phone number, address or resident number that can belong to nobody."""
    if kind == "phone":
        form = draw.choice(("010-0000-{:04}", "0100000{:04}", "02-000-{:04}"))
        return f"{text} 문의는 {form.format(draw.randrange(10_000))}로 주세요."
    if kind == "email":
        return f"{text} 답장은 user{draw.randrange(1000)}@example.com으로 보내 주세요."
    born = f"{draw.randint(50, 99)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"
    return f"{text} 예약자 {born}-{draw.randint(1, 2)}000000."


def numbered(rows: dict[str, list[Row]]) -> Iterator[tuple[int, str, Row]]:
    """Line (1 is the header), part and row of all parts in one file."""
    line = 1
    for part, items in rows.items():
        for row in items:
            line += 1
            yield line, part, row
