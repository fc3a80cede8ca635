"""``medkd view``: the viewer with the panel docked."""

from pathlib import Path
from typing import Annotated

import typer

from napari_medkd.errors import missing_extra


def view(
    image: Annotated[Path | None, typer.Argument(help="Image file, or the folder of a DICOM series.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Model to start with. [default: your default]")
    ] = None,
) -> None:
    """Open the viewer with the panel ready, and an image in it."""
    try:
        from napari_medkd.viewer.launch import launch
    except ModuleNotFoundError as error:
        raise missing_extra(str(error.name), "gui", "The viewer") from error
    launch(image, model_id=model)
