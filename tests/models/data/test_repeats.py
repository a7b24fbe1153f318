"""Duplicates over shards: what goes, and why, is what reading all of it in one pass would find."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rensa import RMinHash, RMinHashLSH  # pyright: ignore[reportAttributeAccessIssue] - compiled

from models.data import hash_join, near
from models.data.cleaning import CleanConfig
from models.data.comparison import normal_form
from models.data.duplicates import DOUBT, SEED, SKETCH, band_width, shingles, similarity
from tests.support.shards import gathered, write_shard

WORDS = [
    "가을",
    "나무",
    "다리",
    "라면",
    "마음",
    "바다",
    "사람",
    "아침",
    "자전거",
    "차표",
    "칼국수",
    "타조",
    "파도",
    "하늘",
]
LONG = " ".join(WORDS)
"""Its variants with a word more or less are chains: each is like the next, the first is not like the last."""


def one_pass(texts: Sequence[str], cleaning: CleanConfig) -> list[tuple[int, str, int]]:
    """What goes of texts that are seen one by one, each once it is kept: rensa's index says which kept ones may be like
    it, and their shingles which are."""
    threshold = cleaning.near_duplicates
    assert threshold is not None
    least = threshold - DOUBT * (threshold * (1 - threshold) / SKETCH) ** 0.5
    index = RMinHashLSH(threshold, SKETCH, SKETCH // band_width(threshold))
    seen: dict[str, int] = {}
    kept: dict[int, tuple[RMinHash, set[str]]] = {}
    gone = []
    for number, text in enumerate(map(normal_form, texts)):
        sketch, own = RMinHash.from_token_sets([shingles(text)], SKETCH, SEED)[0], set(shingles(text))
        met = sorted(index.query(sketch)) if len(text) >= cleaning.near_minimum else []
        likely = [of for of in met if sketch.jaccard(kept[of][0]) >= least]
        alike = [of for of in likely if similarity(own, kept[of][1]) >= threshold]
        if cleaning.exact_duplicates and text in seen:
            gone.append((number, "exact_duplicate", seen[text]))
        elif alike:
            gone.append((number, "near_duplicate", alike[0]))
        else:
            seen.setdefault(text, number)
            if len(text) >= cleaning.near_minimum:
                index.insert(number, sketch)
                kept[number] = sketch, own
    return gone


@st.composite
def variants(draw: st.DrawFn) -> str:
    at, repeat = draw(st.integers(0, len(WORDS))), draw(st.integers(1, 6))
    return " ".join([*WORDS[:at], *draw(st.lists(st.sampled_from(WORDS), max_size=2)), *WORDS[at:]] * repeat)


@pytest.mark.parametrize("together", [hash_join.TOGETHER, 3])
@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.lists(st.one_of(variants(), st.sampled_from(["짧다", "짧다.", LONG])), max_size=12),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.sampled_from([0.6, 0.8, 0.9]),
)
def test_what_goes_from_shards_is_what_goes_in_one_pass(
    together: int, files: list[list[str]], exact: bool, threshold: float
) -> None:
    cleaning = CleanConfig(exact_duplicates=exact, near_duplicates=threshold)
    files = [*files, ["하나", "둘"]]  # there is something to learn from, and to hold out
    texts = [text for file in files for text in file]
    names = [f"{number}:{line}" for number, file in enumerate(files) for line in range(1, len(file) + 1)]
    wanted = [(names[number], reason, names[of]) for number, reason, of in one_pass(texts, cleaning)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_join, "TOGETHER", together)
        patch.setattr(near, "FAMILIES", together)
        shards = [
            write_shard(Path(folder) / f"{number}", f"{number}", file, cleaning)
            for number, file in enumerate(files)
        ]
        removed = gathered(Path(folder) / "out", shards, cleaning)["removed"]
    assert sorted(removed.select("id", "reason", "kept_id").iter_rows()) == sorted(wanted)
