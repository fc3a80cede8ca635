from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public images beside the checkout."""
    if not (SHARED / "robustness").is_dir():
        pytest.skip("the public test images (../shared/data) are not here")
    return SHARED
