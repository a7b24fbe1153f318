"""KorSTS, Korean sentence pairs with likeness, as published: https://github.com/kakaobrain/KorNLUDatasets."""

from typing import ClassVar, Literal

from tasks.reading.published import Delimited, InParts


class KorSts(Delimited, InParts):
    """Tab-separated, without quoting; scores from 0 to 5. The published ids repeat and are left out."""

    kind: Literal["kor_sts"] = "kor_sts"
    header: ClassVar[list[str]] = ["genre", "filename", "year", "id", "score", "sentence1", "sentence2"]
    columns: ClassVar[dict[str, str]] = {"text_a": "sentence1", "text_b": "sentence2", "score": "score"}
