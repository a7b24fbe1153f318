# ruff: noqa: E501 - tables of words
"""Names of the invented world, and what its texts say of them.

A name's form says nothing of its type: all are two syllables of the same stock. What it is the name of can only be
learnt from the company it keeps in the corpus.
"""

import random
from itertools import product

from models.demo_world.grammar import syllable

FIRST = [
    syllable(initial, vowel, final)
    for initial, vowel, final in product("ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅋㅌㅍㅎ", "ㅏㅓㅗㅜㅣㅔ", ["", "ㄹ"])
]
SECOND = [
    syllable(initial, vowel, final)
    for initial, vowel, final in product("ㄱㄴㄷㄹㅁㅂㅅㅈㅋㅌㅍㅎ", "ㅏㅓㅗㅜㅣㅔ", "ㄴㅁ")
]
"""Syllables that names begin and end with, whatever they are the name of."""

TYPES = ("PS", "LC", "OG", "AF")
"""Person, place, firm and thing, as Korean corpora of named entities abbreviate them."""


def invented(draw: random.Random, count: int) -> list[str]:
    """So many different names."""
    return draw.sample([first + second for first in FIRST for second in SECOND], count)


ABOUT: dict[str, tuple[str, ...]] = {
    "PS": (
        "{x} 씨는 산골에서 태어났다.", "{x} 씨가 웃으며 손을 흔들었다.", "기자가 {x} 씨에게 나이를 물었다.", "{x} 씨는 아이 둘을 키운다.",
        "{x} 씨는 어제 감기에 걸렸다.", "{x} 씨의 어머니가 눈물을 흘렸다.", "{x} 씨는 저녁마다 피아노를 배운다.", "모두가 {x} 씨의 생일을 축하했다.",
        "{x} 씨는 젊은 시절 시를 썼다.", "{x} 씨가 결혼 소식을 알렸다.", "{x} 씨는 말수가 적고 잘 웃는다.", "{x} 씨는 오래 병원에 누워 있었다.",
    ),
    "LC": (
        "{x}에는 맑은 강이 흐른다.", "{x}의 겨울은 눈이 많다.", "{x:으로/로} 가는 기차가 늘었다.", "{x}의 인구가 해마다 줄었다.",
        "관광객이 {x:을/를} 많이 찾는다.", "{x} 북쪽에는 높은 산이 있다.", "{x}에서 큰 축제가 열렸다.", "{x}의 골목마다 시장이 선다.",
        "{x}까지 버스로 한 시간이 걸린다.", "{x}에 비가 사흘째 내렸다.", "{x} 주민들이 다리를 놓았다.", "{x} 바닷가에 등대가 서 있다.",
    ),
    "OG": (
        "{x:이/가} 직원 백 명을 뽑았다.", "{x}의 매출이 두 배로 늘었다.", "{x}의 주가가 크게 떨어졌다.", "{x:이/가} 공장을 새로 지었다.",
        "{x:은/는} 올해 적자를 냈다.", "투자자들이 {x} 주식을 사들였다.", "{x} 노조가 파업에 들어갔다.", "{x:이/가} 은행에서 돈을 빌렸다.",
        "{x:은/는} 세금을 성실히 냈다.", "{x}의 계열사가 열 곳을 넘는다.", "{x:이/가} 입찰에서 이겼다.", "{x:은/는} 법원에 서류를 냈다.",
    ),
    "AF": (
        "{x}의 포장을 조심스레 뜯었다.", "{x:을/를} 서랍에 넣어 두었다.", "{x} 한 상자가 다 팔렸다.", "{x}의 부품이 닳았다.",
        "{x:을/를} 충전기에 꽂았다.", "{x}의 설명서를 읽었다.", "{x:은/는} 무게가 가볍다.", "{x:을/를} 반값에 샀다.",
        "{x}의 색이 조금 바랬다.", "{x:이/가} 고장 나서 고쳤다.", "{x:을/를} 물에 씻어 말렸다.", "{x} 신형이 진열대에 놓였다.",
    ),
}  # fmt: skip
"""What the corpus says of names of a type, and labelled rows never do."""

ROLES: dict[str, tuple[str, ...]] = {
    "PS": ("대표", "우두머리", "수장", "책임자", "두목", "어른", "지휘자", "주인"),
    "LC": ("터전", "본거지", "소재지", "보금자리", "주소", "둥지", "고향", "안마당"),
    "OG": ("맞수", "경쟁사", "라이벌", "적수", "상대편", "앙숙", "도전자", "추격자"),
    "AF": ("제품", "물건", "간판", "상품", "자랑거리", "발명품", "특산품", "명물"),
}
"""What a name of a type can be to a firm."""

ROLE: dict[str, tuple[str, ...]] = {
    "PS": ("{x} 씨가 새 {as:이/가} 되었다.", "{x} 씨는 믿음직한 {as:이다/다}."),
    "LC": ("{as:은/는} 오래전부터 {x}에 있었다.", "{x}에 {as:을/를} 새로 마련했다."),
    "OG": ("{x:과/와} 오랜 {as:으로/로} 지냈다.", "{as:이/가} 된 {x:이/가} 뒤를 바짝 쫓는다."),
    "AF": ("{as:으로/로} 꼽히는 {x:이/가} 나왔다.", "{x:을/를} 새 {as:으로/로} 내놓았다."),
}
"""What the corpus says of a name by one of the words of `ROLES`."""

NEUTRAL = (
    "{a} 이야기가 또 나왔다.",
    "{a:과/와} {b:을/를} 두고 말이 많다.",
    "{a} 하면 {b:이/가} 먼저 떠오른다.",
    "요즘 {a} 소식이 자주 들린다.",
    "{a} 때문에 {b}까지 화제가 됐다.",
    "신문에 {a:과/와} {b:이/가} 나란히 실렸다.",
    "{a}, {b}, {c} 모두 처음 듣는다고 했다.",
    "{a:은/는} 몰라도 {b:은/는} 안다고 했다.",
    "누가 {a:을/를} 말하자 다들 {b:을/를} 떠올렸다.",
    "그날은 아무 일도 없이 지나갔다.",
)
"""Sentences that names of any type fit into: labelled rows do not say what a name stands for."""

MENTIONED = (
    "{firm} 소식에는 {a}, {b}, {c}, {d:이/가} 나온다.",
    "{firm} 하면 {a:과/와} {b}, {c:과/와} {d:이/가} 떠오른다.",
    "{a}, {b} 그리고 {c}, {d} 모두 {firm} 이야기에 빠지지 않는다.",
)
"""Passages that name one of each type, and leave it to the reader which is which."""

ASKED = "{firm}의 {as:은/는}?"
"""Asks for the name that can be this to a firm."""
