"""An object of several slices in hand: one slice at a time is spoken about, the others wait in its stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.prompts import Prompt
from napari_medkd.inference.volumetric import HandOver
from napari_medkd.session.packing import PackedMask, pack_prompt, unpack_prompt
from napari_medkd.session.stack import Section, Stack
from napari_medkd.session.state import Proposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane

_HINTS = HandOver(box=False, point=True)


def can_move(proposal: Proposal | None, plane: Plane) -> bool:
    """Tell whether a prompt on `plane` is about the object in hand, another slice of it."""
    return proposal is not None and proposal.stack is not None and proposal.stack.axis == plane.axis


def moved(proposal: Proposal, plane: Plane, shape: tuple[int, int, int]) -> Proposal:
    """Return an object with another slice in hand; the one that was becomes part of its stack."""
    stack = kept(proposal)
    section = stack.get(plane)
    if section is None:
        mask = np.zeros(plane.shape(shape), np.bool_)
        return Proposal(Prompt(plane), mask, object_id=proposal.object_id, stack=stack)
    return Proposal(
        _said(section, plane),
        section.mask.unpack(),
        score=section.score,
        object_id=proposal.object_id,
        stack=stack.without([plane.index]),
    )


def kept(proposal: Proposal) -> Stack:
    """Return every slice of an object as a stack, the one in hand included where it holds anything."""
    stack = proposal.stack or Stack(proposal.plane.axis)
    if not proposal.mask.any():
        return stack
    section = Section(PackedMask.of(proposal.mask), proposal.score, pack_prompt(proposal.prompt))
    return stack.having({proposal.plane.index: section})


def prompt_on(plane: Plane, prompt: Prompt | None, proposal: Proposal | None) -> Prompt:
    """Return what was said on a slice about the object in hand, to say more; an empty prompt for nothing.

    On a slice that was found from its neighbours it is a point in each part of the object, so that a lone
    click outside does not leave the model without an inside.
    """
    if prompt is not None and prompt.plane == plane:
        return prompt
    section = proposal.stack.get(plane) if proposal is not None and proposal.stack is not None else None
    return _said(section, plane) if section is not None else Prompt(plane)


def as_meant(prompt: Prompt, proposal: Proposal) -> Prompt:
    """Return a prompt on another slice of an object as it is meant: a new box says anew where it is."""
    section = proposal.stack.get(prompt.plane) if proposal.stack is not None else None
    if prompt.box is None or section is None or section.is_given:
        return prompt
    hints = _said(section, prompt.plane).points
    return replace(prompt, points=tuple(point for point in prompt.points if point not in hints))


def _said(section: Section, plane: Plane) -> Prompt:
    if section.is_given:
        return unpack_prompt(section.prompt)
    return _HINTS.prompt(plane, section.mask.unpack())


def anchors(proposal: Proposal) -> dict[int, NDArray[np.bool_]]:
    """Return the slices of an object that others follow: those that the user said something on."""
    stack = kept(proposal)
    return {index: stack.sections[index].mask.unpack() for index in stack.given}


def emptied(proposal: Proposal, plane: Plane) -> Proposal:
    """Return an object with nothing on the slice in hand: all that was said there was taken back."""
    return replace(
        proposal,
        prompt=Prompt(plane),
        mask=np.zeros_like(proposal.mask),
        choice=0,
        candidates=1,
        score=None,
        prediction=None,
    )
