"""How a prompt and what was answered to it become the proposal that the user sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.errors import GeometryMismatch, InvalidPrompt
from napari_medkd.inference.automatic import chosen_targets
from napari_medkd.inference.thin import as_it_is, is_thin
from napari_medkd.inference.volumetric import seen_of
from napari_medkd.session.state import PendingProposal, Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.prompts import Prompt
    from napari_medkd.inference.segmenter import Prediction, Seen, Segmenter
    from napari_medkd.session.stack import Stack


def check(prompt: Prompt, shape: tuple[int, int, int], segmenter: Segmenter | None) -> None:
    """Raise where a prompt misses an image of `shape` (z, y, x) or the model cannot take it."""
    prompt.plane.check(shape)
    slice_shape = prompt.plane.shape(shape)
    prompt.check(slice_shape)
    if prompt.edits is not None:
        check_pixels(prompt.edits.values, slice_shape)
    if segmenter is not None and prompt.is_empty:
        check_automatic(segmenter)
    elif segmenter is not None and needs_model(prompt):
        from napari_medkd.inference.prompting import check_prompt  # scikit-image: only once a model is there

        check_prompt(prompt, slice_shape, segmenter.card)


def check_automatic(segmenter: Segmenter | None) -> None:
    """Raise `InvalidPrompt` where there is no model, or one that needs a prompt."""
    if segmenter is None:
        raise InvalidPrompt("No model is loaded.", "Choose one that works without a prompt.")
    chosen_targets(segmenter.card)


def check_pixels(pixels: NDArray[np.generic], slice_shape: tuple[int, int]) -> None:
    """Raise where painted pixels do not lie on the slice's own grid."""
    if pixels.shape != slice_shape:
        raise GeometryMismatch(
            f"The painted pixels have the shape {pixels.shape}, the slice {slice_shape}.",
            "Paint on the slice's own grid.",
        )


def needs_model(prompt: Prompt) -> bool:
    """Tell whether something was said besides painted pixels, which stand for themselves."""
    return bool(prompt.kinds - {"mask"})


def asks_model(prompt: Prompt) -> bool:
    """Tell whether the model is to answer: what was said, or, where nothing was, by itself."""
    return prompt.is_empty or needs_model(prompt)


def asks_again(prompt: Prompt, shown: Proposal | None) -> bool:
    """Tell whether another model is to answer; a suggestion stays until another one is asked for."""
    return asks_model(prompt) and not (prompt.is_empty and shown is not None)


def asks_the_same(prompt: Prompt, other: Prompt | None) -> bool:
    """Tell whether two prompts differ in painted pixels at most."""
    return other is not None and replace(prompt, edits=None) == replace(other, edits=None)


def can_repaint(prompt: Prompt, shown: Proposal | None) -> bool:
    """Tell whether the mask on the screen with the prompt's painted pixels is the answer to `prompt`.

    So it is where pixels were painted or erased since, and none was given back to the model.
    """
    if not needs_model(prompt):
        return shown is None or not needs_model(shown.prompt)
    if shown is None or prompt.edits is None or not asks_the_same(prompt, shown.prompt):
        return False
    earlier = shown.prompt.edits
    return earlier is None or not bool(((earlier.values != 0) & (prompt.edits.values == 0)).any())


def painted(prompt: Prompt, shown: Proposal | None, shape: tuple[int, int]) -> Proposal:
    """Return the proposal on the screen (of `shape`) with the prompt's painted pixels applied."""
    if shown is None:
        shown = Proposal(prompt, np.zeros(shape, np.bool_))
    mask = prompt.edits.apply(shown.mask) if prompt.edits is not None else shown.mask
    return replace(shown, prompt=prompt, mask=mask)


def answered(
    prompt: Prompt,
    prediction: Prediction,
    choice: int,
    object_id: int | None,
    stack: Stack | None = None,
) -> Proposal:
    """Return the proposal of one of the model's candidates; what was painted meanwhile outlives it."""
    mask = prediction.masks[choice]
    if prompt.edits is not None:
        mask = prompt.edits.apply(mask)
    score, count = prediction.scores[choice], len(prediction.masks)
    return Proposal(prompt, mask, choice, count, score, prediction, object_id, stack)


def cycled(proposal: Proposal, step: int) -> Proposal | None:
    """Return the proposal with another of its candidates; None where there is only one."""
    if proposal.prediction is None or proposal.candidates < 2:
        return None
    choice = (proposal.choice + step) % proposal.candidates
    return answered(proposal.prompt, proposal.prediction, choice, proposal.object_id, proposal.stack)


def seen_logits(prompt: Prompt, shown: Proposal | None, segmenter: Segmenter) -> Seen | None:
    """Return what stands behind the mask on the screen where `prompt` refines it.

    The model's own answer, not where a prompt was moved or taken away: the old mask would still say it. Where
    nobody prompted (a slice that was found from its neighbours, what another model found by itself), the mask
    is all that says which object is meant, but for a box, which says it better. A target found as one
    object stays, whoever found it, but for where a click says something; and so does a thin, branched mask
    that nobody prompted for, such as a tree of vessels that was accepted and is open again.
    """
    if shown is not None and shown.plane == prompt.plane:
        seen = shown.prediction.seen(shown.choice) if shown.prediction is not None else None
        if seen is not None and seen.is_local(prompt):
            return seen
        if prompt.only_marks and _is_open_again(shown) and is_thin(shown.mask):
            return as_it_is(shown.mask)
    if shown is None or "mask" not in segmenter.card.capabilities or not _adds_only(shown.prompt, prompt):
        return None
    if shown.prediction is not None and shown.prediction.model_id == segmenter.card.id:
        return shown.prediction.seen(shown.choice)
    is_meant = _is_unprompted(shown) and prompt.box is None and shown.mask.any()
    return seen_of(shown.mask, segmenter.card) if is_meant else None


def _is_unprompted(shown: Proposal) -> bool:
    """Tell whether nothing that was said leads to the mask; painted pixels alone outlive any answer."""
    if shown.prediction is None:
        return shown.stack is not None or shown.prompt.is_empty
    return not needs_model(shown.prompt)


def _is_open_again(shown: Proposal) -> bool:
    """Tell whether it is an object of one slice that was committed and that nobody had prompted for."""
    return shown.prediction is None and shown.stack is None and shown.prompt.is_empty


def _adds_only(old: Prompt, prompt: Prompt) -> bool:
    return (
        old.plane == prompt.plane
        and old.box in (None, prompt.box)
        and old.lasso in (None, prompt.lasso)
        and set(old.points) <= set(prompt.points)
        and set(old.scribbles) <= set(prompt.scribbles)
    )


def nothing_open() -> InvalidPrompt:
    """Return the error for doing something to an image where none is open."""
    return InvalidPrompt("No image is open.", "Open one first.")


def not_committed(prompt: Prompt) -> PendingProposal:
    """Return the error for going on while the object in hand would be lost by it."""
    return PendingProposal(
        f"The proposal on slice {prompt.plane.index} is not committed.",
        "Commit it, discard it, or keep working on it.",
    )


def covers(proposal: Proposal | None, position: tuple[int, int, int]) -> bool:
    """Tell whether the voxel (z, y, x) lies in the mask of a proposal."""
    if proposal is None:
        return False
    rows, columns = proposal.plane.in_plane
    index, mask = position[proposal.plane.axis], proposal.mask
    if index != proposal.plane.index:
        section = proposal.stack.sections.get(index) if proposal.stack is not None else None
        if section is None:
            return False
        mask = section.mask.unpack()
    return bool(mask[position[rows], position[columns]])
