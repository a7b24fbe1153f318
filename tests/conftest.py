"""Settings of all tests."""

from hypothesis import settings

# A busy machine is no reason to fail; the same examples every time, so that a failure can be repeated.
settings.register_profile("headwater", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("headwater")
