"""What retrieval learns by."""

import numpy as np
import pytest
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.downstream.retrieval import Retrieval
from tests.support.retrieval_rows import frame


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_loss_is_the_cross_entropy_of_cosines_without_those_of_the_same_content(
    tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel, pooling: str
) -> None:
    downstream = Retrieval.model_validate({"pooling": pooling, "temperature": 0.2})
    rows = frame(
        {"q1": ("도서관은?", {"p1": 1}), "q2": ("꽃은?", {"p2": 1}), "q3": ("언덕은?", {"p3": 1})},
        {"p1": "도서관은 언덕 위에 있다.", "p2": "국화는 가을에 핀다.", "p3": "도서관은  언덕 위에 있다."},
    )
    features = downstream.encode(tokenizer, rows, labelled=True)
    found, loss = downstream.outputs(model, downstream.collate(features, tokenizer))
    vectors = np.array(found)
    assert vectors.dtype == np.float64
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
    exponents = np.exp(vectors[:3] @ vectors[3:].T / 0.2)
    others = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])  # the first and the third passage say the same
    expected = -np.log(np.diag(exponents) / (exponents * others).sum(axis=1)).mean()
    assert loss == pytest.approx(expected, abs=1e-5)
    only = downstream.collate(features[:3], tokenizer)
    assert float(downstream.loss(model, only)) == pytest.approx(expected, abs=1e-5)
