"""Libraries that load when they are first used."""

import copy
import pickle

from models.late import np, pl


def test_they_are_copied_and_pickled_as_references_to_them() -> None:
    for library in (np, pl):
        again = pickle.loads(pickle.dumps(library))
        assert again.__name__ == library.__name__ == copy.deepcopy(library).__name__
