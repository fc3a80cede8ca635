"""Corrections out of and into the folders that other tools use.

A new form is one module here with a `Form` in `FORMS`.
"""

from napari_medkd.corrections.exchange.exporting import Exported, export
from napari_medkd.corrections.exchange.forms import FORMS, Form
from napari_medkd.corrections.exchange.importing import Imported, import_folder
from napari_medkd.corrections.exchange.sample import ImportOptions

__all__ = ["FORMS", "Exported", "Form", "ImportOptions", "Imported", "export", "import_folder"]
