"""A folder of images through a model: every mask beside a report, and nothing lost when it is interrupted."""

from napari_medkd.batch.config import RECIPE, BatchConfig
from napari_medkd.batch.launch import resume, start

__all__ = ["RECIPE", "BatchConfig", "resume", "start"]
