"""Looking for objects without a prompt, and deciding about what was found: accepted, rejected, taken up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_medkd.core.geometry import Plane
from napari_medkd.errors import InvalidPrompt
from napari_medkd.inference.cutout import Unit
from napari_medkd.inference.segmenter import Prediction
from napari_medkd.session import accepting, editing
from napari_medkd.session.history import Step
from napari_medkd.session.looking import How, Place
from napari_medkd.session.prompting import nothing_open
from napari_medkd.session.propagating import PropagatingSession
from napari_medkd.session.stack import Section, Stack
from napari_medkd.session.state import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.session.accepting import Acceptance
    from napari_medkd.session.state import OverlapRule
    from napari_medkd.session.suggestion import Key, Part, Suggestion

_NOT_IT = -10.0  # logit of what belongs to other suggestions


class ReviewingSession(PropagatingSession):
    """The part of a `Session` that lets a model suggest objects, and decides about them."""

    def look(self, places: Sequence[Place] = (), modality: str = "", looker: Segmenter | None = None) -> None:
        """Let the model look for objects by itself: on the visible slice, or wherever `places` say.

        A `looker` looks in its place, and must stay open meanwhile; the model answers clicks all the same.
        What is found comes through `suggestions`. A model that needs a prompt is asked at many points.
        Raises `InvalidPrompt` where there is no image or no model, or one that can do neither.
        """
        looker = looker or self.segmenter
        if looker is None:
            raise InvalidPrompt("No model is loaded.", "Choose one first.")
        if not places:
            if self.volume is None or self.plane is None:
                raise nothing_open()
            places = [Place(self.volume, (self.plane,))]
        self.suggestions.look(places, How(looker, modality))

    def everywhere(self, axis: int) -> Place:
        """Return every slice of the open image along an axis, those around the visible one first."""
        if self.volume is None:
            raise nothing_open()
        here = self.plane.index if self.plane is not None and self.plane.axis == axis else 0
        indices = sorted(range(self.volume.shape[axis]), key=lambda index: abs(index - here))
        return Place(self.volume, tuple(Plane(axis, index) for index in indices))

    def accept(self, keys: Iterable[Key], overlap: OverlapRule | None = None) -> Acceptance:
        """Commit suggestions as one undo step, each as an object of its own; decided ones are left out.

        Raises as `commit` does, and `InvalidPrompt` where none is left; nothing is changed then.
        """
        ledger, volume = self._open_ledger(), self.volume
        wanted = self._undecided(keys)
        if volume is None or not wanted:
            raise InvalidPrompt("No suggestion was chosen.", "Select one that is new.")
        rule = overlap or self.overlap_rule
        made = accepting.accept(ledger.labels, ledger.contents, wanted, rule, self.collecting.new_id)
        self.suggestions.accept(made.objects)
        self._do(made.step)
        for name, kept in made.kept.items():
            label = next(one for one in self.classes if one.value == kept.value)
            self.collecting.add_suggested(name, volume, kept, label)
        left = len(wanted) - len(made.objects)
        if left:
            self.notified.emit(f"{left} suggestions were left: other classes hold their pixels.")
        elif made.protected:
            self.notified.emit(editing.protected_sentence(made.protected))
        self._announce_step()
        return made

    def reject(self, keys: Iterable[Key]) -> int:
        """Do without suggestions; undo brings them back. Returns how many were rejected."""
        wanted = self._undecided(keys)
        if wanted:
            title = f"{len(wanted)} suggestions" if len(wanted) > 1 else "a suggestion"
            self._do(Step(f"rejection of {title}", rejected=tuple(one.key for one in wanted)))
            self._announce_step()
        return len(wanted)

    def _undecided(self, keys: Iterable[Key]) -> list[Suggestion]:
        chosen = set(keys)
        return [one for one in self.suggestions.new if one.key in chosen]


def in_hand(suggestion: Suggestion, plane: Plane, shape: tuple[int, int, int]) -> Proposal:
    """Return a suggestion as the object in hand, on `plane` where it has a part there, to be corrected."""
    part = suggestion.on(plane) or suggestion.main
    where, cutout = part.plane, part.cutout
    mask = part.piece.whole(where.shape(shape))
    answer = Prediction(
        cutout.prompt,
        (mask,),
        (part.score,),
        _logits(part, suggestion.is_joined),
        cutout.model_id,
        cutout.frame,
        (suggestion.name,),
        cutout.modality,  # a click goes on in the kind of image that the user may have chosen
        suggestion.is_joined,
    )
    others = {
        one.plane.index: Section(accepting.packed(one.piece, one.plane.shape(shape)), one.score)
        for one in suggestion.parts
        if one is not part
    }
    stack = Stack(where.axis).having(others) if others else None
    return Proposal(cutout.prompt, mask, 0, 1, part.score, answer, None, stack)


def _logits(part: Part, is_joined: bool) -> NDArray[np.float32]:
    """Return the logits behind a part alone, (1, h, h): the next click goes on from them.

    Of a target in one, whose clicks count near where they are, these are cut at 0 as the user cut them.
    """
    answer = part.cutout.answer
    if is_joined:
        return np.asarray(answer[np.newaxis] - np.float32(part.level))
    if part.cutout.unit is not Unit.OBJECT:
        frame = part.cutout.frame
        mine = frame.to_low_resolution(part.piece.whole(frame.shape).astype(np.float32), len(answer))
        answer = np.where(mine > 0, answer, np.minimum(answer, _NOT_IT))
    return answer[np.newaxis]
