"""What all tests share: a home folder of their own, and examples that do not depend on how busy the machine is."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import settings

from tasks.environment import prepare

# Before Prefect and MLflow are imported: state must never land in the developer's own .headwater.
_HOME = tempfile.mkdtemp(prefix="headwater-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["HEADWATER_HOME"] = _HOME
os.environ["PREFECT_HOME"] = os.path.join(_HOME, "prefect")
os.makedirs(os.environ["PREFECT_HOME"])
# Workers share the cores, and models as small as those of tests are quickest on one thread.
os.environ["OMP_NUM_THREADS"] = "1"
for _name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
    os.environ.pop(_name, None)
# The command does this first; tests that call it in this process may have imported anything before.
prepare()

settings.register_profile("headwater", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("headwater")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What libraries and tests consist of stays to the end: nobody looks for garbage in it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on real data are left out, with a word on why, where the data is not named."""
    if os.environ.get("HEADWATER_DATA"):
        return
    skip = pytest.mark.skip(reason="HEADWATER_DATA does not name the folder with the data")
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(skip)
