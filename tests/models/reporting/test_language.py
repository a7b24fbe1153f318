"""The report in another language: nothing of it stays English, and both languages say the same."""

import re
import string
from pathlib import Path

import pytest
from matplotlib.text import Text

from models.interfaces.downstream import Downstream
from models.kinds import find, kinds
from models.modes import modes
from models.reporting import figures, page
from models.reporting.data import Confusion
from models.reporting.gain import figures as grid_figures
from models.reporting.language.known import LANGUAGES
from models.reporting.language.korean import in_ten_thousands
from models.reporting.parts import Interval
from models.reporting.words import span
from tests.support.html_reader import Reader
from tests.support.said import said
from tests.support.sample_report import HOSTILE, report

OTHERS = [code for code in LANGUAGES if code != "en"]
KOREAN = LANGUAGES["ko"]
FOREIGN = {"Headwater", "LoRA", "nat", "JSON", "UTF", "ECE"}
"""Words that Korean writes in Latin letters too, beside those with a digit (F1)."""


def words(text: str) -> set[str]:
    """Of more than one Latin letter, and of letters alone: names with other signs in them are names."""
    found = re.findall(r"(?<![A-Za-z0-9_])[A-Za-z][A-Za-z0-9_]*", text)
    return {word for word in found if len(word) > 1 and word.isalpha()}


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("korean")
    page.write(report().model_copy(update={"language": "ko"}), folder)
    return folder


def test_nothing_on_the_page_stays_english(korean: Path) -> None:
    reader = Reader((korean / "index.html").read_text(encoding="utf-8"))
    shown = [*reader.text]
    for _, attributes in reader.elements:
        shown += [attributes.get(name) or "" for name in ("alt", "aria-label", "data-label", "title")]
    own = {
        *("nsmc", "mlm", "films", "pretrain", "modernbert", "mini", "alert", "script", "korean"),
        *("preset", "parameters", "vocabulary", "tokens", "epochs", "the", "library", "was", "bumped"),
        *(
            "jsonl",
            "gz",
            "txt",
            "ratings",
            "csv",
            "json",
            "reviews",
            "wiki",
            "figures",
            "text",
            "MB",
            "temperature",
        ),
    }
    listed = re.sub(r"[\w-]+\.(csv|json|jsonl|gz|txt)\b", "", " ".join(shown))
    assert words(listed) - own - FOREIGN == set()
    assert ("html", {"lang": "ko"}) in reader.elements
    assert "레이블 1,000개일 때 정확도: 트랜스퍼 0.781" in (korean / "summary.md").read_text(encoding="utf-8")


def test_nothing_in_the_figures_stays_english(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def listen(made: figures.Figure) -> bytes:
        drawn.extend(text.get_text() for text in made.findobj(Text))  # type: ignore[attr-defined]
        return b"\x89PNG" + bytes(20)

    monkeypatch.setattr(figures, "png", listen)
    monkeypatch.setattr(grid_figures, "png", listen)
    page.draw(report().model_copy(update={"language": "ko"}))
    figures.confusion(Confusion(classes=tuple("가나다라마바사아자"), counts=((1,) * 9,) * 9), KOREAN)
    figures.confusion(
        Confusion(classes=("has_answer", "no_answer"), counts=((1, 2), (3, 4)), spoken=True), KOREAN
    )
    assert {"정확도", "손실(토큰당 nat)", "답 있음"} <= set(drawn)
    assert words(" ".join(drawn)) - words(HOSTILE) - FOREIGN == {"ale"} & words(" ".join(drawn))


@pytest.mark.parametrize("code", OTHERS)
def test_every_language_says_what_the_code_says_with_the_same_fields(code: str) -> None:
    sentences = LANGUAGES[code].sentences
    assert said() == set(sentences)

    def fields(text: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(text)} - {None}

    assert [english for english, own in sentences.items() if fields(english) != fields(own)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_mode_downstream_and_headline_has_a_name(code: str) -> None:
    known = [find("models.downstream", kind, Downstream) for kind in kinds("models.downstream")]
    headlines = [kind.model_validate({}).headline for kind in known]  # type: ignore[attr-defined]
    names = [*modes(), *kinds("models.downstream"), *headlines]
    english = LANGUAGES["en"]
    same = {name for name in names if LANGUAGES[code].spoken(name) in (name, english.spoken(name))}
    assert same <= {"mrr_at_10", "chrf"}


def test_numbers_are_written_as_koreans_write_them() -> None:
    assert span(Interval(value=0.5, low=0.4, high=0.6), KOREAN) == "0.400~0.600"
    shown = [in_ten_thousands(value) for value in (0, 950, 8000, 12_000, 45_000_000, 1.2e8, 3e12)]
    assert shown == ["0", "950", "8,000", "1.2만", "4,500만", "1.2억", "3조"]
    assert KOREAN.spoken("recall_at_10") == "재현율@10"
    assert KOREAN.spoken("exact_match/no_answer") == "완전 일치/답 없음"
    assert KOREAN.spoken("entity_f1/PS") == "개체 F1/PS"
    assert KOREAN.spoken("my_own_metric") == "my_own_metric"
    assert KOREAN.reason("label: not in the set") == "label: 정해진 값이 아님"
    assert page.shown("글" * 400, KOREAN).endswith("… (모두 400자)")
