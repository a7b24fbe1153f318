"""Figures, and Korean shown by a font that is really there: on the page and in the figures."""

import base64
import io
import re
import warnings

import matplotlib
from fontTools.ttLib import TTFont

from models.reporting import figures, fonts
from models.reporting.data import Confusion, Point
from tests.support.sample_report import entry


def embedded(css: str) -> TTFont:
    found = re.search(r"base64,([^)]+)\)", css)
    assert found is not None
    return TTFont(io.BytesIO(base64.b64decode(found[1])))


def test_the_font_holds_the_korean_characters_of_the_page_and_no_others() -> None:
    font = embedded(fonts.font_face("강물 ㅋㅋ abc 漢 <b>강</b>"))
    assert set(font.getBestCmap()) == {ord(character) for character in "강물ㅋ漢"}
    assert fonts.font_face("no Korean here") == ""


def test_the_font_is_the_same_bytes_each_time() -> None:
    assert fonts.font_face("윗물이 맑아야") == fonts.font_face("맑아야 윗물이")


def test_figures_find_every_korean_glyph_and_leave_settings_alone() -> None:
    before = dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.confusion(Confusion(classes=("긍정", "부정"), counts=((8, 2), (1, 9))))
        figures.scores(entry().model_copy(update={"metrics": ("accuracy",)}))
    assert dict(matplotlib.rcParams) == before


def test_a_curve_without_held_out_loss_can_be_drawn() -> None:
    history = [Point(tokens=100 * step, train_loss=9 - step / 10) for step in range(20)]
    assert figures.pretraining(history) != figures.pretraining(history[:10])


def test_zero_labels_and_one_number_of_labels_can_be_drawn() -> None:
    zero = entry().scores[0].model_copy(update={"labels": 0, "mode": "zero_shot"})
    assert figures.scores(entry().model_copy(update={"scores": (zero, *entry().scores)})).startswith(
        b"\x89PNG"
    )
    assert figures.scores(entry().model_copy(update={"scores": (entry().scores[0],)})).startswith(b"\x89PNG")
