"""NSMC, Korean film reviews with sentiment, as published: https://github.com/e9t/nsmc."""

from typing import ClassVar, Literal

from tasks.reading.published import Delimited, InParts


class Nsmc(Delimited, InParts):
    """`ratings_*.txt`: tab-separated, without quoting; label 0 is negative, 1 positive."""

    kind: Literal["nsmc"] = "nsmc"
    header: ClassVar[list[str]] = ["id", "document", "label"]
    columns: ClassVar[dict[str, str]] = {"id": "id", "text": "document", "label": "label"}
