"""What every test gets: a home of its own, and the shared data where they are there."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# One binding for pytest-qt and for qtpy, whichever is imported first: two in one process share no symbols.
os.environ.setdefault("QT_API", os.environ.get("PYTEST_QT_API", "pyside6"))
if "PYTEST_XDIST_WORKER" in os.environ:  # the other cores have tests of their own
    os.environ.setdefault("OMP_NUM_THREADS", "1")

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def medkd_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty home: no test sees the user's settings, models or journals, or another's."""
    home = tmp_path_factory.mktemp("medkd-home")
    monkeypatch.setenv("MEDKD_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real images; the test is skipped where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"the shared data are not at {DATA}")
    return DATA


@pytest.fixture
def no_widgets_left(qapp: object) -> Iterator[None]:
    """Fail a test that leaves a top-level widget behind."""
    from qtpy.QtWidgets import QApplication

    # The widgets themselves, not their ids: a wrapper that nobody holds is made anew with another id.
    before = QApplication.topLevelWidgets()
    yield
    QApplication.sendPostedEvents(None, 52)  # deferred deletions: QEvent.DeferredDelete
    QApplication.processEvents()
    left = _newer(before)
    if left:  # only then: a collection takes most of a second with napari and torch loaded
        del left
        gc.collect()
        left = _newer(before)
    assert not left, f"top-level widgets left: {left}"


def _newer(before: list[object]) -> list[object]:
    """Return the top-level widgets that are not among ``before``."""
    from qtpy.QtWidgets import QApplication

    return [widget for widget in QApplication.topLevelWidgets() if not any(widget is one for one in before)]
