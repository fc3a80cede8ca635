"""What a view may read of a session, and the signals that tell it to read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_medkd.session.classes import ClassTable
from napari_medkd.session.collecting import Collecting
from napari_medkd.session.counting import Counting
from napari_medkd.session.current import Current
from napari_medkd.session.history import History
from napari_medkd.session.state import OverlapRule, State
from napari_medkd.session.suggestions import Suggestions

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.errors import MedkdError
    from napari_medkd.inference.segmenter import Prediction, Segmenter
    from napari_medkd.session.ledger import Ledger
    from napari_medkd.session.state import CommittedObject, LabelClass, Proposal
    from napari_medkd.session.worker import Worker


class ObservableSession:
    """The reading half of a `Session`, where its parameters are described."""

    state_changed = Signal(State)
    volume_changed = Signal(object)  # Volume | None: another image, or another window of the same
    segmenter_changed = Signal(object)  # Segmenter | None
    plane_changed = Signal(object)  # Plane
    prompt_changed = Signal(object)  # Prompt | None: what the prompt layers must show
    proposal_changed = Signal(object)  # Proposal | None: what the proposal layer must show
    preview_changed = Signal(object)  # Prediction | None: the faint contour of a hover or a drag
    labels_changed = Signal(object)  # tuple of slices (z, y, x) of `labels` that changed in place
    classes_changed = Signal()
    history_changed = Signal()
    journal_changed = Signal()  # saved / unsaved
    failed = Signal(object)  # MedkdError from the model's thread
    notified = Signal(str)  # a sentence worth reading: "312 protected pixels were left alone."

    def __init__(
        self,
        worker: Worker,
        journal_folder: Path | None = None,
        cache_bytes: int = 512 * 2**20,
        undo_bytes: int = 256 * 2**20,
    ) -> None:
        self.plane: Plane | None = None
        self.counting = Counting()  # how the viewer numbers slices; it says so when it opens an image
        self.overlap_rule = OverlapRule.KEEP
        self.loading = ""  # what is on its way, in state LOADING
        self._folder = journal_folder
        self._history = History(undo_bytes)
        self._ledger: Ledger | None = None
        self._current = Current(worker, cache_bytes)
        self._current.prompt_changed.connect(self.prompt_changed.emit)
        self._current.proposal_changed.connect(self.proposal_changed.emit)
        self._current.preview_changed.connect(self.preview_changed.emit)
        self._current.failed.connect(self.failed.emit)
        self._current.answered.connect(self._announce_state)
        self.collecting = Collecting(self.notified.emit)  # keeps corrections once it is given a keeper
        self._current.prompt_changed.connect(self.collecting.follow_prompt)
        self._current.proposal_changed.connect(self.collecting.follow_proposal)
        self.suggestions = Suggestions(worker, self._current.answers, self._is_committed, lambda: self.labels)
        self.volume_changed.connect(self.suggestions.use)
        self.segmenter_changed.connect(self.suggestions.follow_segmenter)
        self._current.prompt_changed.connect(self.suggestions.follow_prompt)
        self._just_committed = False
        self._shown_state = State.NO_IMAGE

    @property
    def state(self) -> State:
        """What stands at the top of the panel."""
        if self.volume is None:
            return State.NO_IMAGE
        if self.error is not None:
            return State.ERROR
        if self.proposal is not None:
            return State.PROPOSAL
        if self.loading:
            return State.LOADING
        if self.segmenter is None:
            return State.NO_MODEL
        if self._current.is_encoding:
            return State.ENCODING
        return State.COMMITTED if self._just_committed else State.READY

    @property
    def volume(self) -> Volume | None:
        """The image, seen through the window chosen."""
        return self._current.volume

    @property
    def segmenter(self) -> Segmenter | None:
        """The model; None where none is loaded."""
        return self._current.segmenter

    @property
    def prompt(self) -> Prompt | None:
        """What was said about the current object; None where nothing was."""
        return self._current.prompt

    @property
    def proposal(self) -> Proposal | None:
        """The current object as it would be committed."""
        return self._current.proposal

    @property
    def preview(self) -> Prediction | None:
        """What the prompt under the mouse would give."""
        return self._current.preview

    @property
    def error(self) -> MedkdError | None:
        """Why the state is ERROR; cleared by the next success."""
        return self._current.error

    @property
    def labels(self) -> NDArray[np.uint16] | None:
        """The result, (z, y, x): edited in place and shared with the viewer's layer."""
        return self._ledger.labels if self._ledger is not None else None

    @property
    def objects(self) -> dict[int, CommittedObject]:
        """The committed objects by id."""
        return self._ledger.contents.objects if self._ledger is not None else {}

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The classes by rising value."""
        return self._table.classes

    @property
    def active_class(self) -> LabelClass:
        """The class that the next commit goes into."""
        return self._table[self._table.active]

    @property
    def unsaved(self) -> bool:
        """Whether something was committed since the labels were saved to a file."""
        return self._ledger is not None and not self._ledger.is_saved

    @property
    def decode_seconds(self) -> float:
        """How long the model took over its newest answer or preview, encoding left out."""
        return self._current.answers.seconds

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._history.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._history.undone)

    @property
    def undo_title(self) -> str:
        """What undo would take back: "commit of liver"; "" where there is nothing."""
        return self._history.done[-1].title if self.can_undo else ""

    @property
    def redo_title(self) -> str:
        """What redo would do again; "" where there is nothing."""
        return self._history.undone[-1].title if self.can_redo else ""

    @property
    def _table(self) -> ClassTable:
        return self._ledger.contents.table if self._ledger is not None else ClassTable.fresh()

    def _is_committed(self, object_id: int) -> bool:
        """Tell whether an object stands in the result, or is open for correction."""
        reopened = self._ledger.contents.reopened if self._ledger is not None else None
        return object_id in self.objects or (reopened is not None and reopened.id == object_id)

    def _announce_volume(self) -> None:
        self.volume_changed.emit(self.volume)
        self.classes_changed.emit()
        self._announce_step()

    def _announce_step(self) -> None:
        self.history_changed.emit()
        self.journal_changed.emit()
        self._announce_state()

    def _announce_state(self) -> None:
        state = self.state
        if state is not self._shown_state:
            self._shown_state = state
            self.state_changed.emit(state)
