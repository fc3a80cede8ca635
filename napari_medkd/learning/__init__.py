"""From corrections to a better model, and which image to correct next: what the panel and `medkd learn` call.

A round: `collected` says what there is; `start` freezes it into a run and starts its process; `learning_runs`
follows runs, also those of another window; `LearningRun.comparison` shows both models on held-out cases;
`use_new`, `keep_old` and `roll_back` are the user's choice, and nothing else changes the model in use. Which
image to correct next, `napari_medkd.learning.ranking` says.
"""

from napari_medkd.learning.collected import Collected, collected
from napari_medkd.learning.decisions import (
    Decision,
    can_roll_back_to,
    decisions,
    keep_old,
    roll_back,
    use_new,
)
from napari_medkd.learning.followed import LearningRun, find, followed, learning_runs
from napari_medkd.learning.learners import learners
from napari_medkd.learning.methods import KIND, METHODS, Method, method, methods
from napari_medkd.learning.starting import Order, command, prepare, start

__all__ = [
    "KIND",
    "METHODS",
    "Collected",
    "Decision",
    "LearningRun",
    "Method",
    "Order",
    "can_roll_back_to",
    "collected",
    "command",
    "decisions",
    "find",
    "followed",
    "keep_old",
    "learners",
    "learning_runs",
    "method",
    "methods",
    "prepare",
    "roll_back",
    "start",
    "use_new",
]
