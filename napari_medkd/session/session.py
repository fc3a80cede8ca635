"""The single owner of interactive state for one image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_medkd.core.prompts import Edits, Prompt
from napari_medkd.errors import InvalidPrompt, MedkdError
from napari_medkd.session import moving, prompting
from napari_medkd.session.correcting import CorrectingSession
from napari_medkd.session.diff import Diff
from napari_medkd.session.history import Draft, Step
from napari_medkd.session.labels import fitting
from napari_medkd.session.ledger import Ledger
from napari_medkd.session.state import Pending

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.core.window import Window
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.session.journal import Recovery


class Session(CorrectingSession):
    """Prompts, proposal, classes, labels and history of one image, and the thread that asks the model.

    Every method is called from one thread (the GUI's); work for the model goes to `worker`, whose answers
    come back on that same thread. Signals are emitted there, so a view may draw at once. The worker and the
    segmenters belong to whoever made them, and are closed there.

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

    # --- what is open -------------------------------------------------------------------------------------
    def open(
        self, volume: Volume, labels: NDArray[np.uint16] | None = None, pending: Pending | None = None
    ) -> Recovery | None:
        """Take another image, empty or with existing `labels` (z, y, x).

        Returns what an unfinished journal of the same image holds, for `resume`; None where there is none.
        Going on without an answer sets that journal aside. Raises `PendingProposal` where a proposal would be
        lost and no `pending` choice was given; `Pending.KEEP` keeps the image that is open.
        """
        fitted = fitting(labels, volume.shape)
        base = Diff.from_nothing(fitted) if labels is not None else None
        ledger = Ledger(volume.content_id, fitted, base, self._folder, self.notified.emit)
        if not self._settle(pending):
            return None
        self._let_go()
        self._ledger = ledger
        self._current.use(volume, self.segmenter)
        recovery = ledger.offer()
        self._announce_volume()
        return recovery

    def resume(self, recovery: Recovery) -> None:
        """Bring back labels, classes, objects and undo steps of the journal that `open` found.

        An object that was open for correction stands again as it was committed.
        """
        ledger = self._open_ledger()
        for step in ledger.resume(recovery):
            self._history.push(step)
        if ledger.contents.reopened is not None:
            self._current.show(*Draft.of_object(ledger.contents.reopened, is_reopened=True).unpack())
            self.discard()
        self.labels_changed.emit(tuple(slice(0, size) for size in ledger.labels.shape))
        self.classes_changed.emit()
        self._announce_step()

    def forget(self, recovery: Recovery) -> None:
        """Start afresh; the old journal is set aside under another name, not deleted."""
        self._open_ledger().forget(recovery)

    def close(self, pending: Pending | None = None) -> None:
        """Let the image go, but for `Pending.KEEP`; its journal stays unless everything was saved."""
        if self._settle(pending) and self.volume is not None:
            self._let_go()
            self._announce_volume()

    def set_segmenter(self, segmenter: Segmenter | None, pending: Pending | None = None) -> None:
        """Use another model (None while one is loading); the visible slice is encoded with it at once.

        The current prompt is asked again where the model understands it; `Pending.KEEP` leaves the proposal
        as it is. Undo brings the other model's proposal back.
        """
        if pending in (Pending.COMMIT, Pending.DISCARD):
            self._settle(pending)
        if segmenter is not None:
            self.loading = ""
        is_wanted = pending is not Pending.KEEP or self.proposal is None
        is_asked = is_wanted and self._is_understood(segmenter)
        if is_asked and self.proposal is not None:
            self._do(Step("change of model", touches_draft=True))
        self._current.error = None
        self._current.use(self.volume, segmenter)
        self.segmenter_changed.emit(segmenter)
        self._encode()
        if is_asked:
            self._current.ask()
        self._announce_step()

    def set_loading(self, sentence: str) -> None:
        """Say that a model is on its way (state LOADING); an empty sentence takes it back."""
        self.loading = sentence
        self._current.error = None
        self._announce_state()

    def fail(self, error: MedkdError) -> None:
        """Show an error of work for this session, the model's or its loading's, as state ERROR."""
        self._current.error, self.loading = error, ""
        self.failed.emit(error)
        self._announce_state()

    def set_window(self, window: Window) -> None:
        """See the image through another window; slices are encoded again as they are needed."""
        if self.volume is None or window == self.volume.window:
            return
        self._current.use(self.volume.with_window(window), self.segmenter)
        self.volume_changed.emit(self.volume)
        self._encode()
        if self._current.is_awaiting:
            self._current.ask()
        self._announce_state()

    def set_plane(self, plane: Plane) -> None:
        """Follow the viewer to another slice: encode it first, then its neighbours in the background."""
        if self.volume is None:
            raise prompting.nothing_open()
        plane.check(self.volume.shape)
        if plane == self.plane:
            return
        self.plane = plane
        self._just_committed = False
        self.set_preview(None)
        self.plane_changed.emit(plane)
        self._encode()
        self._announce_state()

    # --- prompting ----------------------------------------------------------------------------------------
    def set_prompt(self, prompt: Prompt | None, pending: Pending | None = None) -> None:
        """Say something about the current object; the model answers through `proposal_changed`.

        The one way in for points, boxes, scribbles, lassos and painted pixels: `prompt` is the whole new
        prompt. An empty one or None discards the proposal. Each call is one undo step. A prompt on another
        slice than an uncommitted proposal's raises `PendingProposal` unless `pending` is given, or the
        proposal is an object of several slices along the same axis, and this is one more. Raises
        `InvalidPrompt` at once where it misses the image or the model cannot take it; nothing changes then.
        """
        ledger = self._open_ledger()
        if prompt is None or prompt.is_empty:
            self._take_back(prompt)
            return
        prompting.check(prompt, ledger.labels.shape, self.segmenter)
        is_elsewhere = self.prompt is not None and self.prompt.plane != prompt.plane
        is_same_object = is_elsewhere and moving.can_move(self.proposal, prompt.plane)
        if is_elsewhere and not is_same_object and not self._settle(pending):
            self.prompt_changed.emit(self.prompt)  # the layers show the new one: put them right
            return
        if prompt == self.prompt:
            if self.error is not None:
                self._current.ask()  # once more
            return
        has_no_news = not prompting.needs_model(prompt) or prompting.asks_the_same(prompt, self.prompt)
        self._do(Step("paint" if has_no_news else "prompt", touches_draft=True))
        if is_same_object:
            assert self.proposal is not None
            prompt = moving.as_meant(prompt, self.proposal)
            other = moving.moved(self.proposal, prompt.plane, ledger.labels.shape)
            self._current.show(other.prompt, other)
        self.collecting.begin()
        self._current.say(prompt)
        self._announce_step()

    def suggest(self, pending: Pending | None = None) -> None:
        """Let the model find by itself what is on the visible slice: the candidates of one undo step.

        Raises `InvalidPrompt` where the model needs a prompt, `PendingProposal` where a proposal on another
        slice or a reopened object would be lost and no `pending` choice was given.
        """
        reopened = self._open_ledger().contents.reopened
        prompting.check_automatic(self.segmenter)
        is_other = self.prompt is not None and (self.prompt.plane != self.plane or reopened is not None)
        if self.plane is None or (is_other and not self._settle(pending)):
            return
        self._do(Step("suggestion", touches_draft=True))
        self._current.leave_to_model(self.plane)
        self._announce_step()

    def set_preview(self, prompt: Prompt | None) -> None:
        """Ask what `prompt` would give, without history: hovering, dragging a box. Newest wins.

        Silent where the slice is not encoded yet, and where the prompt misses the image.
        """
        self._current.preview_of(prompt)

    def foresee(self, prompt: Prompt) -> None:
        """Let the model begin with a prompt that may be said in a moment; nothing is shown of it."""
        self._current.foresee(prompt)

    def paint(self, where: NDArray[np.bool_], painted: bool) -> None:
        """Paint or erase (rows, columns) pixels of the proposal; they outlive every new answer.

        Starts a proposal of its own where there is none (on `plane`).
        """
        shape = self._open_ledger().labels.shape
        if self.prompt is None and (self.plane is None or not painted):
            return  # nowhere to paint, or nothing to erase
        prompt = self.prompt or Prompt(self.plane)  # type: ignore[arg-type]
        if self.plane is not None and moving.can_move(self.proposal, self.plane):
            prompt = self.prompt_on(self.plane)
        slice_shape = prompt.plane.shape(shape)
        prompting.check_pixels(where, slice_shape)
        edits = prompt.edits or Edits.none(slice_shape)
        self.set_prompt(replace(prompt, edits=edits.with_stroke(where, painted)))

    def cycle(self, step: int) -> None:
        """Show the next (+1) or previous (-1) candidate."""
        other = prompting.cycled(self.proposal, step) if self.proposal is not None else None
        if other is not None:
            self._do(Step("choice of candidate", touches_draft=True))
            self._current.show(self.prompt, other)
            self._announce_step()

    # --- inside -------------------------------------------------------------------------------------------
    def _take_back(self, prompt: Prompt | None) -> None:
        """Drop the proposal, or, of an object of several slices, what was said on the slice in hand."""
        if prompt is None or self.proposal is None or self.proposal.stack is None:
            self.discard()
        elif prompt.plane == self.proposal.plane:
            self._do(Step("prompt", touches_draft=True))
            self._current.show(prompt, moving.emptied(self.proposal, prompt.plane))
            self._announce_step()

    def _let_go(self) -> None:
        """Forget everything about the image that is open, on the screen and in memory; not its journal."""
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = self.plane = self._current.error = None
        self._history.clear()
        self._current.show(None, None)
        self._current.use(None, self.segmenter)

    def _encode(self) -> None:
        if self.plane is not None:
            self._current.encode(self.plane)

    def _is_understood(self, segmenter: Segmenter | None) -> bool:
        """Tell whether a model that has just come can answer the current prompt; say so where it cannot."""
        if segmenter is None or self.prompt is None or not prompting.asks_again(self.prompt, self.proposal):
            return False
        try:
            prompting.check(self.prompt, self._open_ledger().labels.shape, segmenter)
        except InvalidPrompt as error:
            self.notified.emit(f"{error.message} The proposal was left as it is.")
            return False
        return True
