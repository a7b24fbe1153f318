"""Who may use an MLflow server that asks for passwords: its database of users, and how it is told of it."""

from configparser import ConfigParser
from io import StringIO
from pathlib import Path

_REMEMBERED_SECONDS = 600
"""MLflow's hash takes a tenth of a second, and a run asks thousands of times."""


def put(database: Path, user: str, password: str) -> None:
    """Make `user`, who may do everything, or give them this password; other users stay."""
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore()
    store.init_db(_address(database))
    if not store.has_user(user):
        store.create_user(user, password, is_admin=True)
    elif not store.authenticate_user(user, password):
        store.update_user(user, password=password)
    store.engine.dispose()
    database.chmod(0o600)


def configuration(database: Path, user: str) -> str:
    """The file that MLFLOW_AUTH_CONFIG_PATH names: nobody reads anything without a password."""
    file = ConfigParser()
    settings = {
        "database_uri": _address(database),
        "admin_username": user,
        "default_permission": "READ",
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": str(_REMEMBERED_SECONDS),
    }
    # A percent sign in a folder's name would be taken for a reference.
    file["mlflow"] = {name: value.replace("%", "%%") for name, value in settings.items()}
    text = StringIO()
    file.write(text)
    return text.getvalue()


def _address(database: Path) -> str:
    return f"sqlite:///{database}"
