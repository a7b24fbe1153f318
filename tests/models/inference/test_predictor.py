"""A trained model that answers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from transformers import PreTrainedTokenizerFast

from models.downstream.classification import Classification
from models.inference.predictor import HeadPredictor
from tests.support.architectures import model_of


def test_threads_that_ask_one_model_get_the_answers_to_their_own_texts(
    review_tokenizer: PreTrainedTokenizerFast,
) -> None:
    model = model_of("modernbert", "AutoModelForSequenceClassification", layers=2)
    model.resize_token_embeddings(len(review_tokenizer))
    predictor = HeadPredictor(Classification(classes=("0", "1")), review_tokenizer, model.eval())
    texts = [["도서관 " * length] * 8 for length in range(1, 9)]

    def answers(said: list[str]) -> np.ndarray:
        rows = pl.DataFrame({"id": [str(number) for number in range(len(said))], "text": said})
        return np.array(predictor.outputs(rows, False)[1])

    alone = [answers(said) for said in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(answers, texts * 5))
    for one, other in zip(alone * 5, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
