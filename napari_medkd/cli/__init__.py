"""The command line ``medkd``: one module a command group, everything heavy imported when it is needed."""

from napari_medkd.cli.app import main

__all__ = ["main"]
