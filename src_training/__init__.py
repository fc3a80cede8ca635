"""The training half of napari-medkd: what exists only while a model learns or is measured."""
