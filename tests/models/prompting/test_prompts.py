"""Prompts: templates with a blank, and the demonstrations that fit before them."""

from collections import Counter

import pytest
from pydantic import TypeAdapter, ValidationError

from models.prompting.prompts import Template, cue, fields, fitted


@pytest.mark.parametrize("template", ["no blank", "{label} or {label}"])
def test_a_template_has_one_blank(template: str) -> None:
    with pytest.raises(ValidationError, match=r"names its blank, \{label\}, once"):
        TypeAdapter(Template).validate_python(template)


def test_a_template_is_filled_in_around_its_blank() -> None:
    template = "제목: {title} 분류: {label}!"
    assert fields(template) == {"title"}
    asked = cue(template, {"title": "눈이 온다"})
    assert (asked.before, asked.after) == ("제목: 눈이 온다 분류:", "!")
    assert asked.with_word("날씨") == "제목: 눈이 온다 분류: 날씨!"


def test_demonstrations_that_do_not_fit_are_counted_and_later_ones_may_still_fit() -> None:
    dropped = Counter[str]()
    shown = [[1] * 4, [2] * 9, [3] * 2]
    assert fitted(shown, asked=10, room=16, dropped=dropped) == [[1] * 4, [3] * 2]
    assert fitted(shown, asked=16, room=16, dropped=dropped) == []
    assert dropped == {"demonstrations": 4}
