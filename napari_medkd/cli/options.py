"""Options that several commands have, said once: the same name, the same words of help."""

from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Device = Annotated[str | None, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.")]
Runtime = Annotated[
    Literal["auto", "onnx", "torch"] | None,
    typer.Option(metavar="auto|onnx|torch", help="What runs the model."),
]
Window = Annotated[
    str | None,
    typer.Option(metavar="LOW,HIGH", help="Stored values shown black and white. [default: guessed]"),
]
Frame = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, help="Time point, channel or page to read. [default: the first; all pages]"
    ),
]
Series = Annotated[
    str | None,
    typer.Option(metavar="N", help="DICOM series of a folder: its number or UID. [default: the largest]"),
]
ModelId = Annotated[str, typer.Argument(metavar="ID", help="Model id; see medkd models list.")]
