"""The single owner of interactive state for one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_medkd.session.state import (
    CommitResult,
    CommittedObject,
    LabelClass,
    OverlapRule,
    Pending,
    Proposal,
    State,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.core.window import Window
    from napari_medkd.inference.segmenter import Prediction, Segmenter
    from napari_medkd.session.journal import Journal, Recovery
    from napari_medkd.session.worker import Worker


class Session:
    """Prompts, proposal, classes, labels and history of one image, and the thread that asks the model.

    Every method is called from one thread (the GUI's); work for the model goes to `worker`, whose answers
    come back on that same thread. Signals are emitted there, so a view may draw at once.

    Parameters
    ----------
    worker : Worker
        Where the model runs: `ThreadWorker(dispatch)` in a viewer, `SyncWorker()` on the command line and in
        tests.
    journal_folder : Path or None
        Where commits are journalled; None keeps no journal.
    cache_bytes, undo_bytes : int
        Memory for embeddings and for undo steps.
    """

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

    # --- what is open -------------------------------------------------------------------------------------
    volume: Volume | None
    segmenter: Segmenter | None
    plane: Plane | None
    prompt: Prompt | None  # of the current object; None where nothing was said
    proposal: Proposal | None
    preview: Prediction | None
    labels: NDArray[np.uint16] | None  # (z, y, x), edited in place and shared with the viewer's layer
    objects: dict[int, CommittedObject]
    classes: tuple[LabelClass, ...]
    active_class: LabelClass
    overlap_rule: OverlapRule
    error: object  # MedkdError | None: why the state is ERROR; cleared by the next success
    unsaved: bool

    @property
    def state(self) -> State: ...

    def open(
        self, volume: Volume, labels: NDArray[np.uint16] | None = None, pending: Pending | None = None
    ) -> Recovery | None:
        """Take another image, empty or with existing `labels` (z, y, x).

        Returns what an unfinished journal of the same image holds, for `resume`; None where there is none.
        Raises `PendingProposal` where a proposal would be lost and no `pending` choice was given.
        """

    def resume(self, recovery: Recovery) -> None:
        """Bring back labels, classes, objects and undo steps of the journal that `open` found."""

    def forget(self, recovery: Recovery) -> None:
        """Start afresh; the old journal is set aside under another name, not deleted."""

    def close(self, pending: Pending | None = None) -> None:
        """Let the image go; the journal stays for a later `open` unless everything was saved."""

    def set_segmenter(self, segmenter: Segmenter | None, pending: Pending | None = None) -> None:
        """Use another model (None while one is loading); the visible slice is encoded with it at once.

        The current prompt is asked again where the model understands it.
        """

    def set_loading(self, sentence: str) -> None:
        """Say that a model is on its way (state LOADING)."""

    def set_window(self, window: Window) -> None:
        """See the image through another window; slices are encoded again as they are needed."""

    def set_plane(self, plane: Plane) -> None:
        """Follow the viewer to another slice: encode it first, then its neighbours in the background."""

    # --- prompting ----------------------------------------------------------------------------------------
    def set_prompt(self, prompt: Prompt | None, pending: Pending | None = None) -> None:
        """Say something about the current object; the model answers through `proposal_changed`.

        The one way in for points, boxes, scribbles, lassos and painted pixels: `prompt` is the whole new
        prompt. An empty one or None discards the proposal. Each call is one undo step. A prompt on another
        slice than an uncommitted proposal's raises `PendingProposal` unless `pending` is given. Raises
        `InvalidPrompt` at once where it misses the image or the model cannot take it; nothing changes then.
        """

    def set_preview(self, prompt: Prompt | None) -> None:
        """Ask what `prompt` would give, without history: hovering, dragging a box. Newest wins."""

    def paint(self, where: NDArray[np.bool_], painted: bool) -> None:
        """Paint or erase (rows, columns) pixels of the proposal; they outlive every new answer.

        Starts a proposal of its own where there is none (on `plane`).
        """

    def cycle(self, step: int) -> None:
        """Show the next (+1) or previous (-1) candidate."""

    def discard(self) -> None:
        """Drop the proposal and its prompts; undo brings them back."""

    # --- committing ---------------------------------------------------------------------------------------
    def commit(self, overlap: OverlapRule | None = None) -> CommitResult:
        """Write the proposal into the active class under the overlap rule, and journal it.

        Raises `InvalidPrompt` where there is no proposal or it is empty, `OverlapConflict` where the rule is
        to ask and the proposal covers other classes, `StorageError` where the journal cannot be written (the
        labels are then unchanged and the proposal is still there).
        """

    def commit_and_next(self, overlap: OverlapRule | None = None) -> CommitResult:
        """Commit, then make a new class ("nucleus 2" after "nucleus") active: a new instance."""

    def reopen(self, position: tuple[int, int, int]) -> bool:
        """Make the committed object at (z, y, x) the proposal again, with its prompts; False where none is."""

    def delete_at(self, position: tuple[int, int, int]) -> bool:
        """Delete the committed object at (z, y, x); False where none is. A locked class is an error."""

    def delete_in(self, plane: Plane, region: NDArray[np.bool_]) -> int:
        """Delete every unlocked object that touches `region` on `plane`; returns how many. One undo step."""

    def record_paint(self, indices: tuple[NDArray[np.intp], ...], old: NDArray[np.uint16]) -> None:
        """Take note of a stroke that the user made in `labels` directly (already applied).

        Voxels of locked classes are put back. The rest becomes one undo step and is journalled.
        """

    # --- undo ---------------------------------------------------------------------------------------------
    @property
    def can_undo(self) -> bool: ...
    @property
    def can_redo(self) -> bool: ...
    def undo(self) -> str:
        """Take back the last step (prompt, paint, commit, delete, class); returns what it was, "" for none."""
        ...

    def redo(self) -> str:
        """Do again what was undone; returns what it was, "" for none."""
        ...

    # --- classes ------------------------------------------------------------------------------------------
    def add_class(self, name: str, value: int | None = None, colour: str | None = None) -> LabelClass: ...
    def update_class(
        self, value: int, *, name: str | None = None, colour: str | None = None, locked: bool | None = None
    ) -> LabelClass: ...
    def remove_class(self, value: int) -> None:
        """Remove a class that no voxel holds; otherwise an error says how many do."""

    def set_active(self, value: int, pending: Pending | None = None) -> None:
        """Choose the class of the next commit. A proposal is *not* lost by it unless it was reopened."""

    def set_overlap_rule(self, rule: OverlapRule) -> None: ...

    # --- out ----------------------------------------------------------------------------------------------
    def save(self, path: Path) -> Path:
        """Write `labels` with the image's geometry (format by suffix) and mark the journal as saved."""
        ...
