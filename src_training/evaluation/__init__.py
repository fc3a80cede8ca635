"""How good a model is on images whose masks are known."""

from src_training.evaluation.baselines import filled_box, inscribed_ellipse
from src_training.evaluation.evaluating import Question, evaluate
from src_training.evaluation.report import EvaluationReport
from src_training.evaluation.statistics import Estimate, estimate

__all__ = [
    "Estimate",
    "EvaluationReport",
    "Question",
    "estimate",
    "evaluate",
    "filled_box",
    "inscribed_ellipse",
]
