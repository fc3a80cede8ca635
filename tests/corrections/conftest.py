"""Stores of both kinds, a PostgreSQL server of our own, and corrections to put into them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from napari_medkd.corrections.store import CorrectionStore
from tests.corrections.made import make

_DEBIAN = "/usr/lib/postgresql/*/bin/initdb"


@pytest.fixture(scope="session")
def postgres():
    """Start a PostgreSQL server of the system's on a socket in a folder of its own; yields its URL."""
    programs = _programs()
    server, folder = _account(), Path(tempfile.mkdtemp(prefix="medkd-pg-"))
    if server is not None:
        shutil.chown(folder, server)
    options = {"user": server, "check": True, "capture_output": True, "timeout": 120, "cwd": folder}
    data = folder / "data"
    log = folder / "log"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "medkd", "-A", "trust", "-E", "UTF8", "--no-sync"],
            **options,
        )
        settings = f"-c listen_addresses='' -c fsync=off -c autovacuum=off -k {folder}"
        start = [programs / "pg_ctl", "-D", data, "-l", log, "-w", "-t", "100", "-o", settings, "start"]
        subprocess.run(start, **(options | {"capture_output": False, "stdout": subprocess.DEVNULL}))
        yield f"postgresql://medkd@/postgres?host={folder}"
        subprocess.run([programs / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Database and arrays of an empty store."""
    arrays = str(tmp_path / "arrays")
    if request.param == "sqlite":
        yield str(tmp_path / "corrections.sqlite"), arrays
        return
    pytest.importorskip("psycopg", reason="psycopg is not installed: the extra team brings it")
    url = request.getfixturevalue("postgres")
    yield url, arrays
    _empty(url)


@pytest.fixture
def store(place):
    with CorrectionStore(*place) as opened:
        yield opened


@pytest.fixture
def filled(store):
    """Three cases, two classes, five corrections, the third slice with two objects."""
    for case, seed, label in (("a", 1, "cell"), ("a", 2, "cell"), ("b", 3, "cell"), ("b", 3, "vessel")):
        store.add(make(case, seed, label))
    store.add(make("c", 4, "vessel", proposed=False))
    return store


def _programs() -> Path:
    found = sorted(Path("/").glob(_DEBIAN.lstrip("/")))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.skip("PostgreSQL's initdb is not here: install the package postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _account() -> str | None:
    """Return the account to run the server as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no account postgres")


def _empty(url: str) -> None:
    from sqlalchemy import create_engine

    from napari_medkd.corrections.schema import metadata

    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()
