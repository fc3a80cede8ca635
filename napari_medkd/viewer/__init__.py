"""Layers, mouse, keys, the dock and the manifest's hooks: the only folder that imports napari."""
