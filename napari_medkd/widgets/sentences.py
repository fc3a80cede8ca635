"""The sentences that the panel says about a session. No Qt: they are tested as text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_medkd.session.state import State
from napari_medkd.session.volumes import Why
from napari_medkd.widgets.keys import key_for

if TYPE_CHECKING:
    from napari_medkd.core.volume import Volume
    from napari_medkd.session.measuring import Measured
    from napari_medkd.session.session import Session
    from napari_medkd.session.state import CommitResult
    from napari_medkd.session.volumes import Progress

_HOW = {
    "point": "click it",
    "box": "drag a box around it",
    "scribble": "scribble on it",
    "lasso": "circle it",
}


_DOUBTFUL = 0.5  # confidence of a slice below which it is worth a look


def sentence_for(session: Session) -> str:
    """Return what to know or to do in the session's present state."""
    state = session.state
    if state is State.NO_IMAGE:
        return "Drop an image into the viewer, or open one from the File menu."
    if state is State.NO_MODEL:
        return "No model is loaded."
    if state is State.LOADING:
        return session.loading or "The model is on its way…"
    if state is State.ENCODING:
        return f"Encoding {_place(session)}… Prompts given now are answered as soon as it is done."
    if state is State.READY:
        return how_to_prompt(session)
    if state is State.PROPOSAL:
        return f"Enter writes it into “{session.active_class.name}”. More prompts refine it, Esc drops it."
    if state is State.COMMITTED:
        return f"Written into “{session.active_class.name}”. {how_to_prompt(session)}"
    return str(session.error or "")


def how_to_prompt(session: Session) -> str:
    """Return how to mark an object with the prompts that the model understands."""
    if session.segmenter is None:
        return ""
    offered = [how for kind, how in _HOW.items() if kind in session.segmenter.card.capabilities]
    if is_automatic(session):
        key = key_for("suggest").label
        marking = f", or mark an object: {_either(offered[:2])}." if offered else "; correct it by hand."
        return f"{key} shows what the model finds by itself{marking}"
    if not offered:
        return "This model takes no prompts: paint by hand."
    return f"Mark an object: {_either(offered[:2])}."


def is_automatic(session: Session) -> bool:
    """Tell whether the model works without a prompt."""
    return session.segmenter is not None and "auto" in session.segmenter.card.capabilities


def image_facts(volume: Volume) -> str:
    """Return modality, size and spacing, in the order people say them: width, height, slices."""
    is_stack = volume.shape[0] > 1
    order = (2, 1, 0) if is_stack else (2, 1)
    kind = _MODALITIES.get(volume.modality, volume.modality)
    size = " × ".join(str(volume.shape[axis]) for axis in order) + (" voxels" if is_stack else " pixels")
    facts = " · ".join(part for part in (kind, size) if part)
    if not volume.geometry.from_file:
        return facts
    return f"{facts}\n{' × '.join(f'{volume.geometry.spacing[axis]:.3g}' for axis in order)} mm"


def candidate_text(session: Session) -> str:
    """Return which candidate of the current object is shown and the model's score of it."""
    proposal = session.proposal
    if proposal is None:
        return "No proposal yet" if session.prompt is None else "Waiting for the model"
    names = proposal.prediction.names if proposal.prediction is not None else ()
    parts = [names[proposal.choice]] if names else []
    parts += [f"Candidate {proposal.choice + 1} of {proposal.candidates}"] if proposal.candidates > 1 else []
    if proposal.score is not None:
        parts.append(f"score {proposal.score:.2f}")
    if not proposal.mask.any():
        counted = parts[: bool(names) + (proposal.candidates > 1)]
        parts = [*counted, "nothing found" if counted else "nothing found here"]
    text = " · ".join(parts) or "painted by hand"
    return text[0].upper() + text[1:]


def propagation_text(session: Session, progress: Progress | None) -> str:
    """Return how far the object in hand reaches through the volume, or what to do to make it."""
    indices = sorted(_number(session, index) for index in session.sections)
    if progress is not None and progress.is_running:
        return f"Following the object: {progress.done} of at most {progress.total} slices…"
    if not indices:
        return "Mark an object on one slice, then propagate it; or mark it on two slices far apart."
    if len(indices) == 1:
        return f"On slice {indices[0]} alone so far."
    doubtful = sum(one.score is not None and one.score < _DOUBTFUL for one in session.sections.values())
    parts = [f"Slices {indices[0]} to {indices[-1]}"]
    if doubtful:
        parts.append(f"{doubtful} doubtful")
    ends = progress.ends if progress is not None else ()
    parts += [
        f"ended at {_number(session, end.plane.index)}: {end.why.value}"
        for end in ends
        if end.why is not Why.EDGE
    ]
    return " · ".join(parts) + "."


def measured_text(session: Session, found: Measured | None, of_class: Measured | None) -> str:
    """Return how large the object in hand is, and its class; empty where there is neither."""
    lines = []
    if found is not None:
        parts = [_size(found)]
        if found.diameters is not None:
            across = (found.diameters.longest, found.diameters.perpendicular)
            parts.append(f"{across[0]:.1f} × {across[1]:.1f} {found.unit}")
        if found.mean is not None:
            is_ct = session.volume is not None and session.volume.modality == "CT"
            parts.append(f"mean {found.mean:.4g}{' HU' if is_ct else ''}")
        lines.append("Object: " + " · ".join(parts))
    if of_class is not None:
        lines.append(f"{session.active_class.name.capitalize()} in all: {_size(of_class)}")
    return "\n".join(lines) or "Nothing to measure yet."


def _size(found: Measured) -> str:
    if found.is_volume and found.unit == "mm":
        return f"{found.size / 1000:.3g} ml"
    unit = f"{found.unit}{'³' if found.is_volume else '²'}"
    return f"{found.size:,.4g} {unit}" if found.unit == "mm" else f"{found.voxels:,} {unit}"


def commit_text(result: CommitResult) -> str:
    """Return what a commit wrote and what it left alone."""
    text = f"{result.written:,} px written"
    if result.protected:
        text += f", {result.protected:,} protected pixels left alone"
    return f"{text}."


def file_size(count: int) -> str:
    """Return a number of bytes for people; empty where it is not known."""
    if count <= 0:
        return ""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count / 1e6, 0.1):.3g} MB"


_MODALITIES = {"RGB": "Colour", "GRAY": "Greyscale", "XR": "X-ray", "US": "Ultrasound"}


def _place(session: Session) -> str:
    volume, plane = session.volume, session.plane
    if volume is None or plane is None or volume.shape[plane.axis] == 1:
        return "the image"
    return f"slice {session.counting.number(volume, plane)}"


def _number(session: Session, index: int) -> int:
    """Return the number of a slice of the object in hand."""
    volume, shown = session.volume, session.proposal
    if volume is None or shown is None:
        return index
    return session.counting.number(volume, replace(shown.plane, index=index))


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
