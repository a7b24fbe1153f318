"""Ingest, validate and split on a real store: the demo's planted dirt comes out in the numbers that went in."""

import json
import math
from pathlib import Path
from typing import Any
from unicodedata import normalize

import polars as pl
import pytest

from models.data.cleaning import CleanConfig
from models.demo_world import dirt
from models.errors import DataError
from tasks.graph import refs
from tasks.hold_out import HoldOutConfig, hold_out
from tasks.ingest import IngestConfig, ingest
from tasks.leaks import LeaksConfig, leaks
from tasks.reading.source import Source
from tasks.remove_leaks import RemoveLeaksConfig, remove_leaks
from tasks.rows_to_find import Labelled, RowsToFindConfig, rows_to_find
from tasks.running.execution import RunContext, produce
from tasks.sources.demo import Demo
from tasks.sources.files import Files
from tasks.split import SplitConfig, split
from tasks.storage import artifacts, connection
from tasks.validate import ValidateConfig, validate
from tests.support.making import make

DOCUMENTS = 2_000
SIZES = {"train": 600, "validation": 100, "test": 200}
CORPUS = Demo(documents=DOCUMENTS, **SIZES)
REVIEWS = Demo(view="classification", documents=DOCUMENTS, **SIZES)


def shard(source: Source, *tests: Labelled) -> refs.Validated:
    """A source of the corpus read whole, without the texts in which test rows stand where there are any."""
    checked = validate(
        ValidateConfig(quarantine=None), rows=ingest(IngestConfig(sources=(source,), clean=CleanConfig()))
    )
    if not tests:
        return checked
    looked_for = rows_to_find(RowsToFindConfig(tests=tests))
    return remove_leaks(RemoveLeaksConfig(), rows=checked, tests=looked_for)


def held_out(*tests: Labelled, **settings: Any) -> refs.Corpus:
    how = HoldOutConfig(holdout=0.02, cleaned=CleanConfig(), **settings)
    return hold_out(how, shards=(shard(CORPUS, *tests),))


def labelled_split(**settings: Any) -> refs.Split:
    rows = ingest(IngestConfig(sources=(REVIEWS,), columns="all"))
    classes = {"kind": "classification", "classes": ["긍정", "부정"]}
    checked = validate(ValidateConfig(rows=classes, quarantine=0.05), rows=rows)
    return split(SplitConfig(**settings), rows=checked)


def counts(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "counts.json").read_text())
    assert (
        found["kept"] + sum(found["quarantined"].values()) + sum(found["removed"].values()) == found["read"]
    )
    return found


def leaks_of(
    rows: refs.Split, corpus: refs.Corpus, context: RunContext
) -> tuple[dict[str, int], pl.DataFrame]:
    """How many there are of each kind, as MLflow and the artifact say, and which."""
    ref = leaks(LeaksConfig(), rows=rows, corpus=corpus)
    folder = make(ref, context)
    found = pl.read_parquet(folder / "leaks.parquet")
    told = json.loads((folder / "counts.json").read_text())
    made = artifacts.find(ref.key)
    assert made and made.metrics["rows/leaked"] == told["rows"] == found["row_id"].n_unique()
    assert {name: made.metrics[f"leaks/{name}"] for name in told["documents"]} == told["documents"]
    return told["documents"], found


def test_planted_dirt_is_counted_exactly_on_its_way_through(context: RunContext) -> None:
    planted, corpus = dirt.corpus_dirt(DOCUMENTS), held_out()
    found = counts(make(corpus, context))
    assert found["read"] == DOCUMENTS + planted.extra
    assert found["quarantined"] == {"not JSON": planted.not_json, "text: missing": planted.missing}
    assert found["removed"] == {
        "empty": planted.empty,
        "exact_duplicate": planted.exact_duplicates,
        "near_duplicate": planted.near_duplicates,
    }
    masked = {name: getattr(planted, name) for name in ("email", "phone", "resident_number")}
    assert found["masked"] == masked
    assert sum(found["parts"].values()) == found["kept"] and 10 < found["parts"]["validation"] < 80

    labelled = dirt.labelled_dirt(**SIZES)
    rows = labelled_split()
    folder = make(rows, context)
    found = counts(folder)
    assert found["quarantined"] == {
        "label: not in the set": labelled.wrong_label,
        "text: missing": labelled.missing,
    }
    pairs = pl.read_parquet(folder / "duplicates.parquet")
    assert pairs["part_b"].value_counts().sort("part_b").rows() == [
        ("test", labelled.repeat_test),
        ("validation", labelled.repeat_validation),
    ]
    kinds, leaked = leaks_of(rows, corpus, context)
    assert kinds == {"contained": planted.leaks_contained, "equal": planted.leaks_equal}
    assert set(leaked["corpus_file"]) == {dirt.CORPUS_FILE} and set(leaked["part"]) == {"test"}
    test = pl.read_parquet(folder / "test.parquet")
    assert test.height == SIZES["test"] and set(leaked["row_id"]) <= set(test["id"])


def test_copies_of_test_rows_can_be_removed_and_the_test_part_never_changes(context: RunContext) -> None:
    corpus = held_out(Labelled(sources=(REVIEWS,)))
    planted, labelled = dirt.corpus_dirt(DOCUMENTS), dirt.labelled_dirt(**SIZES)
    assert counts(make(corpus, context))["removed"]["leak"] == planted.leaks_equal + planted.leaks_contained
    removing = labelled_split(duplicates="remove")
    folder = make(removing, context)
    assert counts(folder)["removed"] == {"duplicate_of_test": labelled.repeat_test}
    assert leaks_of(removing, corpus, context)[0] == {}
    twins = pl.read_parquet(folder / "duplicates.parquet")
    assert not twins.filter(pl.col("part_b") == "test").height, "what was removed is no duplicate any more"
    reported = make(labelled_split(), context)
    assert pl.read_parquet(reported / "duplicates.parquet").height > twins.height
    assert pl.read_parquet(folder / "test.parquet").equals(pl.read_parquet(reported / "test.parquet"))
    train = pl.read_parquet(folder / "train.parquet")
    assert not set(train["text"]) & set(pl.read_parquet(folder / "test.parquet")["text"])
    removed = pl.read_parquet(folder / "removed.parquet")
    assert removed.height == labelled.repeat_test and set(removed["kept_id"]) <= set(
        pl.read_parquet(folder / "test.parquet")["id"]
    )


def test_too_many_bad_rows_stop_the_step_with_counts_and_the_first_place(
    context: RunContext, tmp_path: Path
) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text("text\tlabel\n좋다\t1\n싫다\n그저\t5\n" + "글\t0\n" * 16, encoding="utf-8")
    rows = ingest(IngestConfig(sources=(Files(paths=(str(path),)),), columns="all"))
    downstream = {"kind": "classification", "classes": ["0", "1"]}
    with pytest.raises(DataError) as caught:
        make(validate(ValidateConfig(rows=downstream, quarantine=0.1), rows=rows), context)
    assert str(caught.value) == (
        "2 of 19 rows (10.5%) are bad, and 'quarantine' allows 10.0%: 1 label: not in the set, 1 too few columns; "
        "the first is rows.tsv, line 3; label is to be one of '0', '1', and bad rows have '5'. Mend the files (this "
        "step's MLflow run has them all in quarantine.parquet) or raise 'quarantine'"
    )
    (failed,) = connection.search(context.experiment_id, "tags.`headwater.step` = 'validate'")
    kept = connection.client().download_artifacts(failed.info.run_id, "quarantine.parquet", str(tmp_path))
    assert pl.read_parquet(kept)["line"].sort().to_list() == [3, 4]
    folder = make(validate(ValidateConfig(rows=downstream, quarantine=0.2), rows=rows), context)
    assert counts(folder)["kept"] == 17
    assert pl.read_parquet(folder / "quarantine.parquet")["line"].sort().to_list() == [3, 4]


def test_a_long_bad_row_is_kept_whole_and_goes_on_to_validate(context: RunContext, tmp_path: Path) -> None:
    long = "가나다 " * 2_000
    rows = [{"text": "가", "label": "0"}, {"text": "나", "label": "1"}]
    lines = [*(json.dumps(row) for row in rows), "{" + long, json.dumps({"text": long, "label": ["x"]})]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    read = ingest(IngestConfig(sources=(Files(paths=(str(tmp_path / "rows.jsonl"),)),), columns="all"))
    rows_of = {"kind": "classification", "classes": ["0", "1"]}
    folder = make(validate(ValidateConfig(rows=rows_of, quarantine=0.6), rows=read), context)
    bad = pl.read_parquet(folder / "quarantine.parquet").sort("line")
    assert bad["raw_file"].to_list() == ["quarantine/000001.txt", "quarantine/000002.txt"]
    whole = [(folder / name).read_text(encoding="utf-8") for name in bad["raw_file"]]
    assert whole[0] == "{" + long and json.loads(whole[1]) == {"text": long, "label": ["x"]}


def test_queries_and_passages_numbered_alike_reach_every_step(context: RunContext, tmp_path: Path) -> None:
    for name in ("a", "b"):
        queries = [
            {
                "id": n,
                "text": f"{name} 질문 {n}",
                "passage": False,
                "relevant": [{"passage_id": n, "grade": 1}],
            }
            for n in range(30)
        ]
        passages = [{"id": n, "text": f"{name} 글 {n}", "passage": True} for n in range(30)]
        (tmp_path / name).mkdir()
        text = "\n".join(json.dumps(row) for row in [*queries, *passages])
        (tmp_path / name / "rows.jsonl").write_text(text, encoding="utf-8")
    source = Files(paths=tuple(str(tmp_path / name / "rows.jsonl") for name in ("a", "b")))
    read = ingest(IngestConfig(sources=(source,), columns="all"))
    checked = validate(ValidateConfig(rows={"kind": "retrieval"}), rows=read)
    folder = make(split(SplitConfig(pool="passage"), rows=checked), context)
    found = counts(folder)
    assert found["quarantined"] == {} and found["kept"] == 120 and found["parts"]["pool"] == 60
    texts = dict(pl.read_parquet(folder / "pool.parquet").select("id", "text").iter_rows())
    for part in ("train", "validation", "test"):
        for text, relevant in (
            pl.read_parquet(folder / f"{part}.parquet").select("text", "relevant").iter_rows()
        ):
            assert texts[relevant[0]["passage_id"]] == text.replace("질문", "글")

    test_rows = pl.read_parquet(folder / "test.parquet")
    (tmp_path / "corpus.txt").write_text(
        "\n".join([*test_rows["text"], "다른 글", "또 다른 글"]), encoding="utf-8"
    )
    asked, how = Labelled(sources=(source,), pool="passage"), HoldOutConfig(holdout=0.01)
    corpus = shard(Files(paths=(str(tmp_path / "corpus.txt"),)), asked)
    held = make(hold_out(how, shards=(corpus,)), context)
    assert set(pl.read_parquet(held / "leaks.parquet")["row_id"]) == set(test_rows["id"])
    assert counts(held)["parts"] == {"train": 1, "validation": 1}, "whatever was held out before"

    (tmp_path / "leaks.txt").write_text("\n".join(test_rows["text"]), encoding="utf-8")
    inside = shard(Files(paths=(str(tmp_path / "leaks.txt"),)), asked)
    with pytest.raises(DataError, match="a test row stands in every text of the corpus"):
        make(hold_out(how, shards=(inside,)), context)


def test_labelled_files_without_a_good_row_are_named_when_the_corpus_asks_for_test_rows(
    context: RunContext, tmp_path: Path
) -> None:
    (tmp_path / "corpus.txt").write_text("글\n다른 글\n", encoding="utf-8")
    (tmp_path / "rows.csv").write_text("text,label\n" + "가\n" * 3, encoding="utf-8")
    asked = Labelled(sources=(Files(paths=(str(tmp_path / "rows.csv"),)),))
    with pytest.raises(
        DataError, match=r"none of 3 labelled .* 3 too few columns; the first is rows\.csv, line 2"
    ):
        make(shard(Files(paths=(str(tmp_path / "corpus.txt"),)), asked), context)


def parts_of(context: RunContext, *paths: Path, **columns: str) -> Path:
    """Folder of the split of labelled CSV files."""
    source = Files(paths=tuple(map(str, paths)), columns=columns)
    rows = ingest(IngestConfig(sources=(source,), columns="all"))
    checked = validate(ValidateConfig(rows={"kind": "classification"}), rows=rows)
    return make(split(SplitConfig(), rows=checked), context)


def written(path: Path, rows: list[tuple[Any, ...]], header: str = "text,label,part") -> Path:
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


NAMES = ("train", "validation", "test")
PARTS = [*["train"] * 12, *["validation"] * 3, *["test"] * 5]


def test_rows_are_parted_and_grouped_by_columns_of_their_own(context: RunContext, tmp_path: Path) -> None:
    own = written(tmp_path / "own.csv", [(f"글 {at}", at % 2, part) for at, part in enumerate(PARTS)])
    assert counts(parts_of(context, own))["parts"] == {"train": 12, "validation": 3, "test": 5}
    rows = [(f"말 {at}", at % 2, f"무리 {at // 20}") for at in range(200)]
    folder = parts_of(context, written(tmp_path / "groups.csv", rows, "text,label,group"))
    groups = [set(pl.read_parquet(folder / f"{part}.parquet")["group"]) for part in NAMES]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 10


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (NAMES, "parts as published"),
        (("train", "test"), "parts as published; validation drawn from train"),
        (
            ("train", "validation"),
            "parts as published; validation is the test, and validation drawn from train",
        ),
        (("test",), "parts drawn"),
    ],
)
def test_it_is_said_how_rows_came_by_their_parts(
    context: RunContext, tmp_path: Path, caplog: pytest.LogCaptureFixture, parts: tuple[str, ...], said: str
) -> None:
    rows = [(f"{part} {at}", at % 2, part) for part in parts for at in range(60)]
    with caplog.at_level("INFO"):
        parts_of(context, written(tmp_path / "rows.csv", rows))
    assert [line for line in caplog.messages if ": parts " in line][-1].endswith(f": {said}")


def test_parts_that_the_recipe_names_go_before_those_of_the_rows(context: RunContext, tmp_path: Path) -> None:
    places = {
        part: (str(written(tmp_path / f"{part}.csv", [(f"{part} {at}", at % 2, "test") for at in range(4)])),)
        for part in ("train", "test", "validation")
    }
    rows = ingest(IngestConfig(sources=(Files(parts=places),), columns="all"))
    checked = validate(ValidateConfig(rows={"kind": "classification"}), rows=rows)
    folder = make(split(SplitConfig(), rows=checked), context)
    assert counts(folder)["parts"] == {"train": 4, "validation": 4, "test": 4}


def test_a_part_that_is_none_is_set_aside(context: RunContext, tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.csv", [(f"글 {at}", at % 2, part.upper()) for at, part in enumerate(PARTS)]
    )
    source = Files(paths=(str(path),))
    rows = ingest(IngestConfig(sources=(source,), columns="all"))
    with pytest.raises(DataError, match=r"20 part: not train, .*; the first is rows\.csv, line 2 \(TRAIN\)"):
        make(validate(ValidateConfig(rows={"kind": "classification"}), rows=rows), context)


def test_labels_that_look_the_same_are_one_class_and_what_is_none_is_missing(
    context: RunContext, tmp_path: Path
) -> None:
    spelt = ["가", " 가 ", normalize("NFD", "가"), 1, 1.0, "1.0", "1", "", None, math.nan, "nan"]
    rows = [{"text": f"글 {number}", "label": label} for number, label in enumerate(spelt)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ref = ingest(IngestConfig(sources=(Files(paths=(str(path),)),), columns="all"))
    checked = make(
        validate(ValidateConfig(rows={"kind": "classification"}, quarantine=0.5), rows=ref), context
    )
    assert pl.read_parquet(checked / "rows.parquet")["label"].to_list() == ["가"] * 3 + ["1"] * 4
    bad = pl.read_parquet(checked / "quarantine.parquet")
    assert bad["line"].to_list() == [8, 9, 10, 11] and set(bad["reason"]) == {"missing"}


def test_labels_that_no_training_row_has_are_named_and_refused_where_there_are_no_others(
    context: RunContext, tmp_path: Path
) -> None:
    labels = [["neg", "pos"], ["neg", "pos"], ["bad", "good"]]
    rows = [
        (f"{part} {at}", own[at % 2], part)
        for part, own in zip(NAMES, labels, strict=True)
        for at in range(6)
    ]
    path = written(tmp_path / "rows.csv", rows)
    ref = ingest(IngestConfig(sources=(Files(paths=(str(path),)),), columns="all"))
    checked = validate(ValidateConfig(rows={"kind": "classification"}), rows=ref)
    with pytest.raises(DataError) as caught:
        make(split(SplitConfig(labels="label"), rows=checked), context)
    assert str(caught.value) == (
        "6 of 6 test rows have a label that no training row has: bad, good; training rows have: neg, pos. "
        "Give the parts the same labels"
    )


def test_types_of_entities_that_no_training_row_has_are_named_like_labels(
    context: RunContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def made(types: list[str]) -> refs.Split:
        rows = [
            {"text": f"{part} {at}", "part": part, "entities": [{"start": 0, "end": 2, "type": kind}]}
            for part, kind in zip(NAMES, types, strict=True)
            for at in range(3)
        ]
        rows += [{"text": "없다", "part": "test", "entities": []}]
        rows += [{"text": "가나", "part": "test", "entities": [{"start": 0, "end": 1, "type": types[-1]}]}]
        rows[-3]["entities"][0]["type"] = types[0]
        path = tmp_path / f"{''.join(types)}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        ref = ingest(IngestConfig(sources=(Files(paths=(str(path),)),), columns="all"))
        checked = validate(ValidateConfig(rows={"kind": "ner"}), rows=ref)
        return split(SplitConfig(labels="entities.type"), rows=checked)

    make(made(["PS", "PS", "LC"]), context)
    assert "3 of 5 test rows have a label that no training row has: LC;" in caplog.text
    with pytest.raises(DataError, match=r"3 of 3 validation rows have .* has: LC; training rows have: PS"):
        make(made(["PS", "LC", "PS"]), context)


def test_a_data_set_in_letters_has_the_same_parts_classes_and_duplicates(
    context: RunContext, tmp_path: Path
) -> None:
    texts = [f"강물이 맑다 {at}" for at in range(60)]
    texts += [normalize("NFD", texts[0]), texts[1].upper(), "Ａ " + texts[2], "a " + texts[2]]
    rows = [(text, f"등급{at % 3}", f"무리 {at // 2}") for at, text in enumerate(texts)]
    found = []
    for form in ("NFC", "NFD"):
        path = tmp_path / f"{form}.csv"
        written(path, [tuple(normalize(form, value) for value in row) for row in rows], "text,label,group")
        path.rename(tmp_path / "rows.csv")
        folder = parts_of(context, tmp_path / "rows.csv")
        parts = [pl.read_parquet(folder / f"{name}.parquet").select("id", "label") for name in NAMES]
        found.append((counts(folder), pl.read_parquet(folder / "duplicates.parquet"), *parts))
    for first, second in zip(*found, strict=True):
        assert first.equals(second) if isinstance(first, pl.DataFrame) else first == second


def test_files_that_each_count_from_0_keep_all_rows_and_a_column_may_name_the_part(
    context: RunContext, tmp_path: Path
) -> None:
    parts = ("train", "train", "validation", "test")
    for name in ("a", "b"):
        lines = [f"{number},{name} {number},{number % 2},{part}" for number, part in enumerate(parts)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,text,label,split", *lines]), encoding="utf-8")
    folder = parts_of(context, tmp_path / "a.csv", tmp_path / "b.csv", part="split")
    assert counts(folder)["parts"] == {"train": 4, "validation": 2, "test": 2}
    assert pl.read_parquet(folder / "test.parquet")["id"].to_list() == ["test/a.csv:3", "test/b.csv:3"]


def test_a_part_without_rows_is_refused(context: RunContext, tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    path.write_text("text,label\n하나,0\n둘,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a part has no rows \(train \d, validation \d, test \d\)"):
        parts_of(context, path)


def test_gzip_broken_in_the_middle_fails_the_step_and_leaves_nothing(
    context: RunContext, tmp_path: Path
) -> None:
    import gzip

    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("글\n".encode() * 100_000)[:-20])
    ref = ingest(IngestConfig(sources=(Files(paths=(str(tmp_path / "a.txt.gz"),)),)))
    with pytest.raises(DataError, match=r"a\.txt\.gz, line \d+: the gzip file is broken"):
        produce(ref, context)
    assert artifacts.find(ref.key) is None


def test_a_setting_of_the_machine_room_leaves_keys_alone_and_a_seed_does_not() -> None:
    assert held_out().key == held_out().key != held_out(seed=5).key
    assert labelled_split().key != labelled_split(duplicates="remove").key


@pytest.mark.real
@pytest.mark.slow
def test_the_real_corpus_in_full(context: RunContext) -> None:
    files = Files(paths=("${HEADWATER_DATA}/corpus/*.jsonl.gz",))
    how = HoldOutConfig(holdout=0.01, cleaned=CleanConfig())
    shards = tuple(shard(one.source) for one in files.shards())
    found = counts(make(hold_out(how, shards=shards), context))
    assert found["read"] == 433_322 and 415_000 < found["kept"] < 425_000
