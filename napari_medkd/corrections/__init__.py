"""What users accepted, kept so that a model can learn from it: records, arrays, and ways in and out.

The store itself is in `napari_medkd.corrections.store`: a viewer that only collects need not load SQLAlchemy
before its first correction.
"""

from napari_medkd.corrections.collector import Collector
from napari_medkd.corrections.marks import Mark, marks_of
from napari_medkd.corrections.outbox import Outbox
from napari_medkd.corrections.record import About, Correction, Record

__all__ = ["About", "Collector", "Correction", "Mark", "Outbox", "Record", "marks_of"]
