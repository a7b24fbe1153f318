"""Where files of other machines are reached: the file system of `fsspec` for an address."""

from typing import Any

from models.errors import RecipeError

_EXTRAS = {
    "s3": "headwater[s3]",
    "s3a": "headwater[s3]",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
}
"""What to install for the files of a store."""


def file_system(scheme: str, named: str, remedy: str) -> Any:
    """The class for addresses that begin with `scheme`://.

    Args:
        scheme: such as s3.
        named: what names the address, for messages.
        remedy: what to do where nothing reads such addresses.

    Raises:
        RecipeError: nothing reads them, or what does is not installed.
    """
    import fsspec

    try:
        return fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        package = _EXTRAS.get(scheme)
        install = f"pip install '{package}'" if package else str(error)
        raise RecipeError(f"{named}: what reads {scheme}:// is not installed: {install}") from error
    except ValueError as error:
        raise RecipeError(f"{named}: nothing reads addresses with {scheme}://; {remedy}") from error
