from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_medkd.session.session import Session
from napari_medkd.session.worker import SyncWorker
from tests.session.conftest import let_go
from tests.session.killed_child import COMMITS, block, image

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are made by forking")
def test_killed_at_any_statement_all_that_was_committed_is_there(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "tests.session.killed_child", str(tmp_path)], cwd=ROOT, check=True, timeout=120
    )
    runs = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    assert len(runs) > 40  # statements from the first pragma to the last commit
    seen = {check_what_is_left(run) for run in runs}
    assert seen == {"", *("c" * number for number in range(1, COMMITS + 1)), "ccccd", "ccccdu"}


def check_what_is_left(folder: Path) -> str:
    """Resume as the next start would, and compare with what the dead child was told was committed."""
    done = (folder / "done").read_text()
    session = Session(SyncWorker(), folder)
    recovery = session.open(image())
    if recovery is None:
        assert done == ""
        return done
    session.resume(recovery)
    count = done.count("c")
    assert count <= len(session.objects) <= count + 1 or "d" in done
    if done == "ccccd":  # the deletion stands; the undo may or may not have been written
        assert sorted(session.objects) in ([1, 3, 4], [1, 2, 3, 4])
    if done == "ccccdu":
        assert sorted(session.objects) == [1, 2, 3, 4]
    for number, found in session.objects.items():
        assert found.mask[block(number - 1)].all()
        assert (session.labels[found.plane.slicing()][found.mask] == found.value).all()
    held = sum(int(found.mask.sum()) for found in session.objects.values())
    assert np.count_nonzero(session.labels) == held
    assert len(session.classes) == max(session.objects, default=0) + 1 or count == 0
    let_go(session)
    return done
