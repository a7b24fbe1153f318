"""Endings and particles are those a Korean speaker would use."""

import pytest

from models.demo_world.grammar import STYLES, Predicate, particle


@pytest.mark.parametrize(
    ("word", "pair", "expected"),
    [
        ("서울", "은/는", "서울은"),
        ("나무", "은/는", "나무는"),
        ("길", "으로/로", "길로"),
        ("산", "으로/로", "산으로"),
        ("바다", "으로/로", "바다로"),
        ("7", "이/가", "7이"),
        ("2", "을/를", "2를"),
        ("“봄”", "과/와", "“봄”과"),
    ],
)
def test_the_particle_follows_the_final_consonant(word: str, pair: str, expected: str) -> None:
    assert particle(word, pair) == expected


@pytest.mark.parametrize(
    ("stem", "forms"),
    [
        ("좋", "좋다 좋아요 좋습니다 좋았다 좋았어요 좋았습니다 좋네요"),
        ("아름답", "아름답다 아름다워요 아름답습니다 아름다웠다 아름다웠어요 아름다웠습니다 아름답네요"),
        ("좁", "좁다 좁아요 좁습니다 좁았다 좁았어요 좁았습니다 좁네요"),
        ("나쁘", "나쁘다 나빠요 나쁩니다 나빴다 나빴어요 나빴습니다 나쁘네요"),
        ("빠르", "빠르다 빨라요 빠릅니다 빨랐다 빨랐어요 빨랐습니다 빠르네요"),
        ("거칠", "거칠다 거칠어요 거칩니다 거칠었다 거칠었어요 거칠었습니다 거치네요"),
        ("느리", "느리다 느려요 느립니다 느렸다 느렸어요 느렸습니다 느리네요"),
        ("훌륭하", "훌륭하다 훌륭해요 훌륭합니다 훌륭했다 훌륭했어요 훌륭했습니다 훌륭하네요"),
        ("일품=", "일품이다 일품이에요 일품입니다 일품이었다 일품이었어요 일품이었습니다 일품이네요"),
        ("최고=", "최고다 최고예요 최고입니다 최고였다 최고였어요 최고였습니다 최고네요"),
        ("오래가+", "오래갔다 오래가요 오래갑니다 오래갔다 오래갔어요 오래갔습니다 오래가네요"),
    ],
)
def test_every_style_of_ending(stem: str, forms: str) -> None:
    assert " ".join(Predicate(stem).end(style) for style in STYLES) == forms


def test_connectives_and_negation() -> None:
    rough, best, lasts = Predicate("거칠"), Predicate("최고="), Predicate("오래가+")
    assert [rough.and_(), rough.but(), rough.though(), rough.besides()] == [
        "거칠고",
        "거칠지만",
        "거친데",
        "거친 데다",
    ]
    assert [best.and_(), best.though(), best.not_().end("polite")] == [
        "최고고",
        "최고인데",
        "최고가 아니에요",
    ]
    assert [lasts.though(), lasts.besides(), lasts.not_().end("past")] == [
        "오래가는데",
        "오래간 데다",
        "오래가지 않았다",
    ]
    assert Predicate("맛있").besides() == "맛있는 데다"
