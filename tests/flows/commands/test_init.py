"""`headwater init`: what it takes files for, and a recipe that is right as it stands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from flows.recipe import yaml_text
from flows.recipe.recipe import Recipe
from models.data.records import Record
from models.tokens.tokenizer_training import train
from tests.support import tickets

Init = Callable[..., tuple[Recipe, dict[str, Any], str]]


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Init:
    """Runs it in a folder; the recipe, what it wrote as plain values, and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))

    def run(*arguments: str, folder: str = "project") -> tuple[Recipe, dict[str, Any], str]:
        capsys.readouterr()
        code = cli.main(["init", folder, *arguments])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        path = tmp_path / folder / "recipe.yaml"
        return Recipe.load(path), yaml_text.parse(path.read_text(encoding="utf-8"))[0], captured.out

    return run


def rows_of(recipe: Recipe) -> list[dict[str, Any]]:
    (entry,) = recipe.downstreams
    return [dict(item.fields) for source in entry.data for item in source.read() if isinstance(item, Record)]


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("delimiter", "encoding", "wanted"),
    [
        (",", "utf-8", {}),
        (";", "cp949", {"delimiter": ";", "encoding": "cp949"}),
        ("\t", "utf-16", {"delimiter": "\t", "encoding": "utf-16"}),
    ],
)
def test_tickets_are_read_whatever_separates_and_encodes_them(
    init: Init, tmp_path: Path, delimiter: str, encoding: str, wanted: dict[str, str]
) -> None:
    tickets.write(tmp_path / "티켓 1.csv", 400, delimiter, encoding)
    recipe, written, said = init("--labels", "티켓 1.csv")
    (source,) = written["downstreams"][0]["data"]
    assert {name: source.get(name) for name in wanted} == wanted
    assert source["columns"] == {"id": "ticket_id", "text": ["subject", "body"], "label": "team"}
    rows = rows_of(recipe)
    assert len(rows) == 396 and {row["label"] for row in rows} == {*tickets.TEAMS}
    assert rows[0]["text"] == "\n".join(tickets.rows(400)[0][1:3])
    for part in (
        "subject + body",
        "classes   5: billing",
        "unbalanced",
        "too few columns 4",
        "with the text of another",
    ):
        assert part in said
    assert recipe.corpus is not None and recipe.corpus.leaks == "remove"


def test_paths_near_the_project_are_written_from_it_and_others_whole(
    init: Init, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "project").mkdir()
    tickets.write(tmp_path / "project" / "my: tickets #1.csv", 300)
    tickets.write_handbook(tmp_path / "책 모음 [1]", 2)
    far = write(tmp_path_factory.mktemp("far") / "far.txt", *(f"a sentence of {n}" for n in range(9)))
    near = "책 모음 [[]1]/*.txt"
    recipe, written, said = init("--labels", "project/my: tickets #1.csv", "--text", near, "--text", str(far))
    assert written["downstreams"][0]["data"][0]["paths"] == ["my: tickets #1.csv"]
    paths = [path for source in written["corpus"]["sources"] for path in source["paths"]]
    assert paths == [f"../{near}", str(far)]
    assert "corpus    249 texts in 3 files" in said
    assert recipe.corpus is not None
    assert sum(isinstance(item, Record) for source in recipe.corpus.sources for item in source.read()) == 249


def test_nothing_is_written_over(init: Init, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(folder=".")
    kept = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    (tmp_path / ".gitignore").write_text("mine\n")
    _, _, said = init(folder=".")
    assert "recipe.yaml, left as it is" in said and (tmp_path / ".gitignore").read_text() == "mine\n"
    tickets.write(tmp_path / "tickets.csv", 300)
    assert cli.main(["init", ".", "--labels", "tickets.csv"]) == 2
    assert "recipe.yaml is there already" in capsys.readouterr().err
    assert (tmp_path / "recipe.yaml").read_text() == kept["recipe.yaml"]


@pytest.mark.parametrize(
    ("lines", "kind", "columns"),
    [
        (
            ["sentence1,sentence2,label", "a first {n},a second {n},{k}"],
            "pair",
            ["text_a", "text_b", "label"],
        ),
        (["text_a,text_b,score", "a first {n},a second {n},0.{n}"], "pair", ["text_a", "text_b", "score"]),
        (["instruction,output", "do what {n} says,here it is {n}"], "generation", ["prompt", "target"]),
        (["body,kind,n", "what the text {n} says,k{k},{n}"], "classification", ["text", "label"]),
        (["what the text {n} says,k{k}"], "classification", ["text", "label"]),
        (["prompt,target", "the question no {n},the answer is {k}"], "generation", ["prompt", "target"]),
    ],
)
def test_the_nlp_task_is_told_by_columns(
    init: Init, tmp_path: Path, lines: list[str], kind: str, columns: list[str]
) -> None:
    *header, row = lines
    made = [row.format(n=number, k=number % 3) for number in range(10, 90)]
    write(tmp_path / "rows.csv", *header, *made)
    recipe, _, _ = init("--labels", "rows.csv")
    assert recipe.downstreams[0].downstream.kind == kind
    rows = rows_of(recipe)
    assert len(rows) == 80, "also where the file has no line of column names"
    assert all(row[name] for row in rows for name in columns)


def test_published_parts_are_found_by_their_names(init: Init, tmp_path: Path) -> None:
    for part, count in (("train", 80), ("dev", 20), ("test", 30)):
        rows = [f"the text {part} {n}\tk{n % 2}" for n in range(count)]
        write(tmp_path / "data" / f"my_{part}.tsv", "text\tlabel", *rows)
    recipe, written, said = init("--labels", "data/my_train.tsv")
    (source,) = written["downstreams"][0]["data"]
    assert [*source["parts"]] == ["train", "validation", "test"]
    read = [item.part for item in recipe.downstreams[0].data[0].read() if isinstance(item, Record)]
    assert {part: read.count(part) for part in read} == {"train": 80, "validation": 20, "test": 30}
    assert str(written["corpus"]).count("my_") == 1, "nothing is pretrained on the text of other parts"
    assert "validation: data/my_dev.tsv" in said
    assert "parts     as published\n" in said and "80 rows in my_train.tsv" in said
    (tmp_path / "data" / "my_test.tsv").unlink()
    _, _, said = init("--labels", "data/my_train.tsv", folder="another")
    assert "validation is the test, and validation drawn from train" in said


def test_where_much_is_bad_it_is_said_with_what_most_of_it_is(init: Init, tmp_path: Path) -> None:
    lines = [f"what the text {n} says;{'' if n % 5 == 1 else f'k{n % 3}'}" for n in range(90)]
    write(tmp_path / "rows.csv", "text;label", *lines, "alone")
    _, _, said = init("--labels", "rows.csv")
    assert "bad       19 rows to be set aside: label: missing 18, too few columns 1" in said
    assert "much, most often 'label: missing'" in said
    assert "much, most often 'label: missing'" in (tmp_path / "project" / "recipe.yaml").read_text()
    write(tmp_path / "rows.csv", "text;label", *(line for line in lines if line[-1] != ";"), "alone")
    _, _, said = init("--labels", "rows.csv", folder="another")
    assert "bad       1 row to be set aside" in said and "much" not in said


def test_a_vocabulary_fits_a_text_of_few_words(init: Init, tmp_path: Path) -> None:
    write(tmp_path / "train.conll", *(_conll(n % 9) for n in range(300)))
    recipe, _, _ = init("--labels", "train.conll")
    assert recipe.corpus is not None
    texts = [str(item.fields["text"]) for item in recipe.corpus.sources[0].read() if isinstance(item, Record)]
    assert train(recipe.upstreams[0].tokenizer, lambda: [[*dict.fromkeys(texts)]])


def test_a_published_format_is_known_by_its_source(init: Init, tmp_path: Path) -> None:
    write(
        tmp_path / "ratings_train.txt",
        "id\tdocument\tlabel",
        *(f'{n}\t"영화 {n}편을 보았다\t{n % 2}' for n in range(60)),
    )
    recipe, written, _ = init("--labels", "ratings_train.txt")
    assert written["downstreams"][0]["data"][0]["kind"] == "nsmc"
    assert len(rows_of(recipe)) == 60


@pytest.mark.parametrize(
    ("gold", "wanted"),
    [
        ("tags,a{k};b{m}", {"target": "labels", "label_separator": ";"}),
        ("labels,a{k}|b{m}", {"target": "labels", "label_separator": "|"}),
        ("rating,{n}.5", {"target": "score"}),
    ],
)
def test_several_labels_and_scores_are_told_from_a_class(
    init: Init, tmp_path: Path, gold: str, wanted: dict[str, str]
) -> None:
    name, value = gold.split(",")
    made = [f"what the text {n} says,{value.format(n=n, k=n % 3, m=n % 5)}" for n in range(10, 90)]
    write(
        tmp_path / "rows.csv",
        f"text,{name}",
        *made,
        *(["nothing applies here,"] if "labels" in wanted else []),
    )
    _, written, said = init("--labels", "rows.csv")
    asked = written["downstreams"][0]["downstream"]
    assert {key: asked.get(key) for key in wanted} == wanted
    assert "balance" not in asked and "set aside" not in said


def test_a_heading_is_read_with_its_text_although_it_stands_there_again_and_again(
    init: Init, tmp_path: Path
) -> None:
    made = [f"Re: broken,what {n} says of it,k{n % 3}" for n in range(80)]
    write(tmp_path / "rows.csv", "subject,body,team", *made)
    _, written, _ = init("--labels", "rows.csv")
    assert written["downstreams"][0]["data"][0]["columns"]["text"] == ["subject", "body"]


def test_questions_without_an_answer_are_kept(init: Init, tmp_path: Path) -> None:
    whole = json.loads(_squad())
    for paragraph in whole["data"][0]["paragraphs"][:10]:
        paragraph["qas"][0] |= {"answers": [], "is_impossible": True}
    write(tmp_path / "squad.json", json.dumps(whole))
    recipe, written, _ = init("--labels", "squad.json")
    assert written["downstreams"][0]["downstream"]["unanswerable"] is True and len(rows_of(recipe)) == 40


def _conll(number: int) -> str:
    return f"Ada B-PER\nlives O\nin O\nTown{number} B-LOC\n. O\n"


def _squad() -> str:
    told = [f"The mill {n} stands by the river {n}." for n in range(40)]
    asked = [
        {
            "context": text,
            "qas": [
                {
                    "id": f"q{n}",
                    "question": f"Where is mill {n}?",
                    "answers": [{"text": f"the river {n}", "answer_start": text.index("the river")}],
                }
            ],
        }
        for n, text in enumerate(told)
    ]
    return json.dumps({"version": "1.1", "data": [{"title": "mills", "paragraphs": asked}]})


def _chat(number: int) -> str:
    turns = [("user", f"What is {number}?"), ("assistant", f"It is a number, {number}.")]
    return json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]})


@pytest.mark.parametrize(
    ("name", "lines", "source", "kind"),
    [
        ("train.conll", [_conll(n) for n in range(40)], "conll", "ner"),
        ("squad.json", [_squad()], "squad", "qa"),
        ("chat.jsonl", [_chat(n) for n in range(40)], "chat", "generation"),
    ],
)
def test_forms_of_published_data_bring_their_nlp_task(
    init: Init, tmp_path: Path, name: str, lines: list[str], source: str, kind: str
) -> None:
    write(tmp_path / name, *lines)
    recipe, _, _ = init("--labels", name)
    assert (recipe.downstreams[0].data[0].kind, recipe.downstreams[0].downstream.kind) == (source, kind)
    assert len(rows_of(recipe)) == 40
    assert recipe.corpus is not None
    texts = [item.fields["text"] for item in recipe.corpus.sources[0].read() if isinstance(item, Record)]
    assert len(texts) == 40, "what the model reads is what it is pretrained on"


def test_a_folder_in_the_form_of_beir_is_for_retrieval(init: Init, tmp_path: Path) -> None:
    beir = tmp_path / "project" / "beir"
    beir.mkdir(parents=True)
    write(
        beir / "corpus.jsonl",
        *(json.dumps({"_id": f"p{n}", "title": "", "text": f"mill {n} is old"}) for n in range(30)),
    )
    write(
        beir / "queries.jsonl",
        *(json.dumps({"_id": f"q{n}", "text": f"how old is mill {n}"}) for n in range(30)),
    )
    write(beir / "qrels" / "train.tsv", "query-id\tcorpus-id\tscore", *(f"q{n}\tp{n}\t1" for n in range(20)))
    write(
        beir / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore", *(f"q{n}\tp{n}\t1" for n in range(20, 30))
    )
    recipe, written, said = init("--labels", "project/beir")
    assert written["downstreams"][0]["data"] == [{"kind": "beir", "path": "beir"}]
    assert "60 rows: 30 queries and 30 passages" in said
    assert recipe.downstreams[0].downstream.kind == "retrieval"


def test_rows_in_json_with_fields_of_their_own(init: Init, tmp_path: Path) -> None:
    rows = [{"question": f"how many are {n}?", "answer": f"they are {n} or so"} for n in range(50)]
    write(tmp_path / "chat.jsonl", *(json.dumps(row) for row in rows))
    recipe, _, _ = init("--labels", "chat.jsonl")
    assert recipe.downstreams[0].downstream.kind == "generation"
    assert recipe.upstreams[0].decoder, "a model that writes"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--labels", "none.csv"], "none.csv: no such file; check --labels"),
        (["--labels", "numbers.csv"], "cannot be told from its columns (a, b)"),
        (["--text", "none/*.txt"], "no such file; check --text"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    init: Init, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    write(tmp_path / "numbers.csv", "a,b", *(f"{n},{n * 7 % 31}" for n in range(40)))
    assert cli.main(["init", "project", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "project").exists()
