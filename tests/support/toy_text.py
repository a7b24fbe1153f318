"""A small invented Korean: text with structure enough for a small model to learn."""

import random

SUBJECTS = ["강아지가", "고양이가", "선생님이", "친구가", "동생이", "할머니가", "가수가", "배우가"]
PLACES = ["공원에서", "학교에서", "시장에서", "극장에서", "바다에서", "부엌에서"]
THINGS = {
    "노래를": "부른다",
    "밥을": "먹는다",
    "책을": "읽는다",
    "그림을": "그린다",
    "물을": "마신다",
    "춤을": "춘다",
}


def sentences(number: int, seed: int = 0) -> list[str]:
    """Sentences whose verb follows from its object."""
    draw = random.Random(seed)
    made = []
    for _ in range(number):
        thing = draw.choice(list(THINGS))
        words = [draw.choice(SUBJECTS), draw.choice(PLACES), thing, THINGS[thing]]
        made.append(" ".join(words[draw.choice([0, 0, 1]) :]))
    return made


def invented_words(number: int, seed: int = 0) -> list[str]:
    """Words of two to four syllables that mean nothing: pieces enough for a vocabulary."""
    draw = random.Random(seed)
    syllables = "가나다라마바사아자차카타파하고노도로모보소오조초코토포호"
    return ["".join(draw.choices(syllables, k=draw.randint(2, 4))) for _ in range(number)]
