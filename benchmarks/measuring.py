"""What every measurement needs: summaries, the machine in words, peak memory."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return n, median, 95th percentile and extremes."""
    array = np.asarray(values, np.float64)
    figures = {
        "median": np.median(array),
        "p95": np.percentile(array, 95),
        "min": array.min(),
        "max": array.max(),
    }
    return {"n": array.size, **{name: round(float(value), 5) for name, value in figures.items()}}


def seconds_of(action: Callable[[], object], repeats: int) -> list[float]:
    """Time `action` again and again."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return taken


def machine() -> dict[str, Any]:
    """Say what it was measured on, without naming the machine."""
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def peak_mb() -> float:
    """Return the most memory that this process ever held, in megabytes; its children are not in it."""
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(own * unit / 2**20, 1)
