"""What "Copy details" copies: enough for whoever helps, nothing about the patient."""

from __future__ import annotations

import platform
import traceback
from typing import TYPE_CHECKING

from qtpy import API_NAME, QT_VERSION

import napari_medkd

if TYPE_CHECKING:
    from napari_medkd.errors import MedkdError
    from napari_medkd.session.session import Session


def report(error: MedkdError, session: Session) -> str:
    """Return the error as text: message, hint, state, model, shape of the image, versions, cause.

    The image's name, its path and the values of its header stay out, except where the message has them.
    """
    volume, segmenter = session.volume, session.segmenter
    lines = [
        f"{type(error).__name__}: {error.message}",
        f"Hint: {error.hint or 'none'}",
        f"State: {session.state.value}",
        f"Model: {f'{segmenter.card.id} ({segmenter.runtime_name})' if segmenter else 'none'}",
        f"Image: {f'{volume.data.shape} {volume.data.dtype} {volume.modality}' if volume else 'none'}",
        f"napari-medkd {napari_medkd.__version__}, Python {platform.python_version()}, "
        f"{API_NAME} (Qt {QT_VERSION}), {platform.platform()}",
    ]
    if error.__cause__ is not None:
        lines += ["", *traceback.format_exception(error.__cause__)]
    return "\n".join(line.rstrip("\n") for line in lines) + "\n"
