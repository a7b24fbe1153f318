"""The baseline of named entities."""

import json
from pathlib import Path

from tests.support.ner_rows import NER, entities_of, frame


def test_the_baseline_takes_the_longest_word_and_leaves_doubtful_ones(tmp_path: Path) -> None:
    train = frame(
        ("서울역과 서울에 갔다", [(0, 3, "LC"), (5, 7, "LC")]),
        ("이는 이가 아닌 이다", [(0, 1, "PS")]),
        ("서울", [(0, 2, "LC")]),
    )
    test = frame(("이제 서울역 서울", [(3, 6, "LC"), (7, 9, "LC")]))
    baseline = NER.fit_baseline(train, test, seed=1)
    predictions = baseline.predict(test)
    assert entities_of(predictions) == [[(3, 6, "LC"), (7, 9, "LC")]]
    assert predictions["entities"][0].struct.field("probability").to_list() == [1.0, 1.0]
    assert baseline.setting == {"count": 1, "share": 0.5}
    baseline.save(tmp_path)
    assert (
        json.loads((tmp_path / "dictionary.json").read_text(encoding="utf-8"))["words"]["서울역"][0] == "LC"
    )
    loaded = NER.load_baseline(tmp_path)
    assert loaded.predict(test).equals(predictions) and loaded.setting == baseline.setting
