"""``medkd export``: a model for ONNX Runtime, so that it runs faster on a CPU and without torch."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_medkd.cli.options import Json, ModelId


def export(
    model: ModelId,
    format_: Annotated[
        Literal["onnx"], typer.Option("--format", metavar="onnx", help="What to write.")
    ] = "onnx",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="Also write a package for another computer here."),
    ] = None,
    json: Json = False,
) -> None:
    """Export a model to ONNX and compare the two.

    The exported model is put beside the weights. The folder written by --out holds encoder.onnx,
    decoder.onnx and card.json; medkd models add takes it on a computer without torch.
    """
    from napari_medkd.cli.library import copy_package
    from napari_medkd.cli.output import print_facts, print_json, say_while_waiting
    from napari_medkd.cli.reports import ExportReport
    from napari_medkd.models.export import export_onnx

    files = export_onnx(model, progress=say_while_waiting)
    if out is not None:
        files = copy_package(model, files, out)
    report = ExportReport(model=model, files={name: str(path) for name, path in files.items()})
    if json:
        print_json(report)
    else:
        print_facts(report.files)
