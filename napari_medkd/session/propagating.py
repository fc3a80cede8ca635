"""From one prompted slice to the object in the volume: followed, interpolated, corrected, followed again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.volumetric import Ended, Found, Reach, interpolate, propagate, stretches
from napari_medkd.session import moving
from napari_medkd.session.history import Step
from napari_medkd.session.naming import NamingSession
from napari_medkd.session.packing import PackedMask, pack_prompt
from napari_medkd.session.stack import Section, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.errors import MedkdError
    from napari_medkd.inference.volumetric import Rules, Stretch
    from napari_medkd.session.state import Proposal
    from napari_medkd.session.worker import Kind


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an object has been followed through the volume.

    Parameters
    ----------
    done, total : int
        Slices looked at, and how many there are at most.
    is_running : bool
        False once it is over, or was stopped.
    ends : tuple of Ended
        Where it ended so far, and why.
    """

    done: int
    total: int
    is_running: bool
    ends: tuple[Ended, ...] = ()


class PropagatingSession(NamingSession):
    """The part of a `Session` that makes the object in hand one of the volume."""

    propagation_changed = Signal(object)  # Progress

    _progress = Progress(0, 0, False)

    @property
    def is_propagating(self) -> bool:
        """Whether the object in hand is being followed right now."""
        return self._current.is_sweeping

    @property
    def progress(self) -> Progress:
        """How far the object was followed last, and where it ended."""
        return self._progress

    @property
    def sections(self) -> Mapping[int, Section]:
        """The object in hand on each of its slices, by their index; nothing where there is none."""
        return moving.kept(self.proposal).sections if self.proposal is not None else {}

    def is_same_object(self, plane: Plane) -> bool:
        """Tell whether a prompt on a slice would be about the object in hand."""
        return moving.can_move(self.proposal, plane)

    def can_join(self, plane: Plane) -> bool:
        """Tell whether a slice could be one more of the object in hand, which lies on a single one so far."""
        shown = self.proposal
        return shown is not None and shown.stack is None and shown.plane.axis == plane.axis

    def prompt_on(self, plane: Plane) -> Prompt:
        """Return what was said about the object in hand on a slice; empty where nothing was."""
        return moving.prompt_on(plane, self.prompt, self.proposal)

    def propagate(self, rules: Rules | None = None, reach: Reach | None = None) -> None:
        """Follow the object in hand through the volume from every slice that was prompted.

        The slices come one by one through `proposal_changed`, the state of the work through
        `propagation_changed`; all of it is one undo step. An object that was followed before is followed
        again only beside the slice in hand, up to the next prompted slices; what was found outside the range
        is taken back. Raises `InvalidPrompt` where
        there is no mask or no model that can go on from one.
        """
        proposal = self._whole()
        volume, segmenter = self.volume, self.segmenter
        if volume is None or segmenter is None:
            raise InvalidPrompt("No model is loaded.", "Choose one first.")
        axis, anchors = proposal.plane.axis, moving.anchors(proposal)
        reach = replace(reach or Reach(), beside=self._beside(proposal))
        wanted = self._stretches(anchors, reach, axis)
        ask = self._current.answers.asking(volume, segmenter.follower)
        items = propagate(volume, segmenter, axis, anchors, rules=rules, reach=reach, ask=ask)
        self._follow("propagation", _inside(proposal, reach), wanted, items)

    def interpolate(self) -> None:
        """Fill the slices between prompted ones by the shapes between their outlines, without the model.

        Raises `InvalidPrompt` where fewer than two slices of the object were prompted or drawn.
        """
        proposal = self._whole()
        assert self.volume is not None
        axis, anchors = proposal.plane.axis, moving.anchors(proposal)
        if len(anchors) < 2:
            raise InvalidPrompt(
                "Only one slice of the object is prompted or drawn.", "Mark it on another slice, too."
            )
        first, last = min(anchors), max(anchors)
        wanted = self._stretches(anchors, Reach(first, last), axis)
        items = interpolate(self.volume, axis, anchors)
        self._follow("interpolation", proposal, wanted, items)

    def stop_propagation(self) -> None:
        """Follow the object no further; what was found stays."""
        self._current.stop_sweep()

    def join_slices(self) -> None:
        """Take prompts on other slices along the same axis for the same object from now on."""
        proposal = self._whole()
        if proposal.stack is None:
            self._do(Step("object of several slices", touches_draft=True))
            stacked = replace(proposal, stack=Stack(proposal.plane.axis))
            self._current.show(self.prompt, stacked)
            self._announce_step()

    def accept_slice(self, plane: Plane) -> bool:
        """Take what was found on a slice for right: later propagation goes out from it, too.

        Returns whether there was anything to accept.
        """
        proposal = self.proposal
        section = proposal.stack.get(plane) if proposal is not None and proposal.stack is not None else None
        if proposal is None or proposal.stack is None or section is None or section.is_given:
            return False
        self._do(Step("acceptance of a slice", touches_draft=True))
        given = replace(section, prompt=pack_prompt(self.prompt_on(plane)))
        stack = proposal.stack.having({plane.index: given})
        self._current.show(self.prompt, replace(proposal, stack=stack))
        self._announce_step()
        return True

    def end_at(self, plane: Plane) -> int:
        """Let the object end on a slice beyond the prompted ones: what was found further on is taken back.

        Returns the side that it ends on, 1 for higher slices and -1 for lower ones; 0, and nothing changed,
        where the slice does not lie beyond the prompted ones.
        """
        proposal = self.proposal
        if proposal is None or proposal.plane.axis != plane.axis:
            return 0
        given = moving.kept(proposal).given
        side = (plane.index > max(given)) - (plane.index < min(given)) if given else 0
        beyond = [index for index in self.sections if (index - plane.index) * side > 0]
        if beyond and proposal.stack is not None:
            self.stop_propagation()
            self._do(Step("end of the object", touches_draft=True))
            self._current.show(self.prompt, replace(proposal, stack=proposal.stack.without(beyond)))
            self._announce_step()
        return side

    def aside(self, kind: Kind, items: Iterator[Any], taken: Callable[[Any], None]) -> None:
        """Work through something else on the model's thread while it is idle; the newest of a kind wins.

        What is urgent waits for one item at most. A failure is nobody's to hear: nothing more comes.
        """
        self._current.answers.prepare_sweep(items, taken, lambda error: None, kind).start()

    # --- inside -------------------------------------------------------------------------------------------
    def _whole(self) -> Proposal:
        """Return the object in hand, which must be there and not be waiting for an answer."""
        self._open_ledger()
        if self._current.is_awaiting:
            raise InvalidPrompt("The model is still answering.", "Wait for the mask, then propagate.")
        if self.proposal is None or self.proposal.is_empty:
            raise InvalidPrompt(
                "There is no object to follow through the volume.", "Mark it on one slice, then propagate."
            )
        return self.proposal

    def _beside(self, proposal: Proposal) -> int | None:
        """Return the slice that was corrected, beside which to follow again; None for everywhere."""
        stack = proposal.stack
        was_followed = stack is not None and len(stack.given) < len(stack.sections)
        return proposal.plane.index if was_followed and proposal.mask.any() else None

    def _stretches(self, anchors: Iterable[int], reach: Reach, axis: int) -> list[Stretch]:
        assert self.volume is not None
        wanted = stretches(sorted(anchors), reach.within(self.volume.shape[axis]))
        if not wanted:
            raise InvalidPrompt(
                "No slice is left to be followed to.", "Choose a wider range or the other direction."
            )
        return wanted

    def _follow(
        self, title: str, proposal: Proposal, wanted: list[Stretch], items: Iterator[Found | Ended]
    ) -> None:
        self._current.stop_sweep()
        self._do(Step(title, touches_draft=True))
        stack = (proposal.stack or Stack(proposal.plane.axis)).without(_indices(wanted))
        self._current.grow(replace(proposal, stack=stack))
        total = sum(len(one.indices) * (1 if one.end is None else 2) for one in wanted)
        self._progress = Progress(0, total, True)
        self._current.sweep(items, self._on_found, self._on_over)
        self._announce_step()
        self.propagation_changed.emit(self._progress)

    def _on_found(self, item: Found | Ended) -> None:
        if isinstance(item, Ended):
            self._progress = replace(self._progress, ends=(*self._progress.ends, item))
        else:
            assert self.proposal is not None and self.proposal.stack is not None
            section = Section(PackedMask.of(item.mask), item.confidence)
            stack = self.proposal.stack.having({item.plane.index: section})
            self._current.grow(replace(self.proposal, stack=stack))
            self._progress = replace(self._progress, done=self._progress.done + 1)
        self.propagation_changed.emit(self._progress)

    def _on_over(self, error: MedkdError | None) -> None:
        self._progress = replace(self._progress, is_running=False)
        self.propagation_changed.emit(self._progress)
        self._announce_step()


def _inside(proposal: Proposal, reach: Reach) -> Proposal:
    """Return the object without what was found outside a range; what the user said there stays."""
    stack = proposal.stack
    if stack is None:
        return proposal
    sections = stack.sections.items()
    outside = [index for index, one in sections if not one.is_given and not reach.holds(index)]
    return replace(proposal, stack=stack.without(outside))


def _indices(wanted: Iterable[Stretch]) -> set[int]:
    return {index for one in wanted for index in one.indices}
