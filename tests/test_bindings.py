"""The other Qt binding: the panel works with PyQt6, too."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.skipif(find_spec("PyQt6") is None, reason="PyQt6 is not installed")
def test_the_panel_works_with_pyqt6():
    """One binding a process: the tests of the panel run in another one."""
    command = [sys.executable, "-m", "pytest", "tests/widgets", "-q", "-x", "-p", "no:cacheprovider"]
    environment = {**os.environ, "QT_API": "pyqt6", "PYTEST_QT_API": "pyqt6"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    loaded = subprocess.run(
        [sys.executable, "-c", "import qtpy; print(qtpy.API_NAME)"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=True,
    )
    assert loaded.stdout == "PyQt6\n"
