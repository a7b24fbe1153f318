"""The page: complete, self-contained, escaped, readable without its styles, the same bytes for the same data."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from models.reporting import page
from models.reporting.data import Interval
from models.reporting.report import ReportData
from tests.support.html_reader import Reader
from tests.support.sample_report import HOSTILE, entry, report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    page.write(report(), folder)
    return folder


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reader(html: str) -> Reader:
    return Reader(html)


def test_equal_data_gives_equal_bytes(folder: Path, tmp_path: Path) -> None:
    page.write(report(), tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert [str(path) for path in files] == [
        "figures/confusion-nsmc.png",
        "figures/corpus-lengths.png",
        *(f"figures/gain-{kind}-films-script-alert-x-script.png" for kind in ("curves", "scores", "worths")),
        "figures/lengths-nsmc.png",
        "figures/pretraining-mlm.png",
        "figures/reliability-nsmc.png",
        "figures/scores-nsmc.png",
        "gains.csv",
        "gains.json",
        "grid.csv",
        "grid.json",
        "index.html",
        "labels_saved.csv",
        "leaks.csv",
        "modes.csv",
        "report.json",
        "scores.csv",
        "steps_saved.csv",
        "summary.md",
    ]
    assert all((folder / path).read_bytes() == (tmp_path / path).read_bytes() for path in files)


def test_every_leaked_row_is_named_where_the_page_shows_a_few(tmp_path: Path) -> None:
    data = report()
    shown = entry().data.model_copy(update={"leaks_shown": 1})
    page.write(data.model_copy(update={"entries": (entry().model_copy(update={"data": shown}),)}), tmp_path)
    assert "the first 1, all are in leaks.csv" in (tmp_path / "index.html").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "leaks.csv").read_text(encoding="utf-8"))))
    assert [row["row_id"] for row in rows] == ["nsmc-77", "nsmc-912"]


def test_what_was_not_looked_for_is_not_said_to_be_absent(tmp_path: Path) -> None:
    bare = entry().data.model_copy(update={"leaked_rows": 0, "leaks": ()})
    entries = (entry().model_copy(update={"data": bare}),)
    for corpus, said in (
        (report().corpus, "No test row has its text in the corpus"),
        (None, "Not looked for"),
    ):
        made = report().model_copy(update={"entries": entries, "corpus": corpus})
        page.write(made, tmp_path)
        assert said in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_what_was_kept_from_earlier_runs_is_named_with_its_reason(html: str, tmp_path: Path) -> None:
    (kept,) = report().kept
    assert html.count(kept.run_id) == 1 and kept.step in html
    page.write(report().model_copy(update={"kept": ()}), tmp_path)
    assert "Kept from earlier runs" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_text_of_others_is_never_markup(html: str, reader: Reader) -> None:
    assert "<script" not in html
    assert not reader.all("script")
    # The title, a class, a text, a file name, a quarantined row and a leak, each shown as it is.
    assert "".join(reader.text).count(HOSTILE) >= 6


def test_the_page_needs_nothing_from_anywhere(reader: Reader, html: str) -> None:
    addresses = [
        value
        for _, attributes in reader.elements
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert addresses
    assert all(value and value.startswith(("data:image/png;base64,", "#")) for value in addresses)
    assert set(re.findall(r"url\((.{0,22})", html)) == {"data:font/woff2;base64"}
    policy = next(
        item["content"] for item in reader.all("meta") if item.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy and policy.startswith("default-src 'none'")
    assert not any(name.startswith("on") for _, attributes in reader.elements for name in attributes)


def test_it_can_be_read_on_a_phone_and_aloud(reader: Reader) -> None:
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in reader.all("meta")
    assert reader.all("html") == [{"lang": "en"}]
    assert all(image.get("alt") and image.get("width") and image.get("height") for image in reader.all("img"))
    tables = [tag for tag, _ in reader.elements if tag in ("table", "caption")]
    assert tables == ["table", "caption"] * (len(tables) // 2)
    assert all(header.get("scope") in ("col", "row") for header in reader.all("th"))
    targets = {attributes.get("id") for _, attributes in reader.elements}
    assert all((link["href"] or "").removeprefix("#") in targets for link in reader.all("a"))


def test_the_gain_grid_says_what_is_missing_and_what_is_not_above_chance(
    reader: Reader, folder: Path
) -> None:
    text = " ".join("".join(reader.text).split())
    assert "8 labels with transfer are worth about 33 without (95 % interval 28 to 39)" in text
    assert "128 labels with transfer are worth more than 128 without (95 % interval more than 128)" in text
    assert "Few shot not applicable" in text
    assert "Zero shot 0 0.500 0.496–0.504 not above chance" in text
    rows = list(csv.DictReader(io.StringIO((folder / "labels_saved.csv").read_text(encoding="utf-8"))))
    assert [row["needed"] for row in rows] == ["33.4", ""]


def test_the_headline_says_what_the_table_says(reader: Reader) -> None:
    text = " ".join("".join(reader.text).split())
    assert "With 1,000 labels, transfer reaches 0.781 accuracy, scratch 0.711 and the baseline 0.774" in text
    assert "1,000 0.781 0.777–0.785 0.711 0.707–0.715 0.774 0.770–0.778" in text


def test_figures_are_small(folder: Path) -> None:
    for path in (folder / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 150_000


def test_numbers_are_there_for_programs(folder: Path) -> None:
    gains = json.loads((folder / "gains.json").read_text())
    gain = gains["scratch"]["nsmc"]["1000"]["accuracy"]
    assert gain == {
        "mode": "finetune",
        "value": pytest.approx(0.07),
        "low": pytest.approx(0.0668),
        "high": pytest.approx(0.0731),
        "better": True,
    }
    assert not gains["baseline"]["nsmc"]["40000"]["accuracy"]["better"]
    rows = list(csv.DictReader(io.StringIO((folder / "scores.csv").read_text())))
    assert len(rows) == 3 * 3 * 2
    assert rows[0]["entry"] == "nsmc" and rows[0]["metric"] == "accuracy" and float(rows[0]["value"]) == 0.781
    assert ReportData.model_validate_json((folder / "report.json").read_text()) == report()


def test_a_run_with_little_to_say_still_has_a_page(tmp_path: Path) -> None:
    bare = entry().model_copy(update={"scores": entry().scores[:1], "gains": (), "metrics": ("accuracy",)})
    page.write(ReportData(title="bare", entries=(bare,)), tmp_path)
    assert "reaches 0.781 accuracy." in (tmp_path / "index.html").read_text()
    page.write(ReportData(title="nothing"), tmp_path)
    assert "No downstream was scored." in (tmp_path / "index.html").read_text()


def test_entries_whose_names_are_alike_keep_their_figures_apart() -> None:
    first, second = (entry().model_copy(update={"name": name}) for name in ("a b", "a/b"))
    names = [figure.name for figure in page.draw(ReportData(title="", entries=(first, second))).values()]
    assert len(set(names)) == len(names) and "scores-a-b.png" in names and "scores-a-b-2.png" in names


def test_what_is_not_a_number_is_null_in_json_and_a_dash_on_the_page(tmp_path: Path) -> None:
    nothing = Interval(value=float("nan"), low=float("nan"), high=float("nan"))
    score = entry().scores[0].model_copy(update={"metrics": {"pearson": nothing}})
    empty = entry().model_copy(update={"scores": (score,), "gains": (), "metrics": ("pearson",)})
    page.write(ReportData(title="", entries=(empty,)), tmp_path)
    json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert "reaches – pearson" in (tmp_path / "index.html").read_text()


def test_control_characters_and_long_texts_are_made_visible() -> None:
    assert page.shown("a\x00b\x1b[2J\x85") == "a\\x00b\\x1b[2J\\x85"
    assert page.shown("가\n나") == "가\n나"
    assert page.shown("글" * 1000) == "글" * 300 + "… (1,000 characters)"


def test_labels_calibration_and_cut_rows_are_told(reader: Reader) -> None:
    text = re.sub(r"\s+", " ", " ".join(reader.text))
    assert "부정 20,000 2,482 25,001" in text
    assert "부정 25,000 0.865 0.861–0.869 0.860 0.856–0.864 0.870" in text
    assert "Transfer: finetune 40,000 0.060 0.056–0.064 0.011 0.007–0.015 1.42" in text
    assert (
        "310 of 49,997 test rows (0.6 %) were too long and were cut: 4.0 % of all tokens were not read."
        in text
    )


def test_an_interval_of_one_point_is_explained(html: str, tmp_path: Path) -> None:
    said = "An interval of one point"
    assert said not in html
    right = Interval(value=1.0, low=1.0, high=1.0)
    scores = tuple(score.model_copy(update={"metrics": {"accuracy": right}}) for score in entry().scores)
    page.write(
        report().model_copy(update={"entries": (entry().model_copy(update={"scores": scores}),)}), tmp_path
    )
    assert said in (tmp_path / "index.html").read_text(encoding="utf-8")
