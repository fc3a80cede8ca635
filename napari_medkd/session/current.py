"""The object in hand: what was said about it, what the model answered, and what it is being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_medkd.core.prompts import Prompt
from napari_medkd.errors import MedkdError
from napari_medkd.session import prompting
from napari_medkd.session.answers import Answers
from napari_medkd.session.history import Draft
from napari_medkd.session.worker import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.segmenter import Prediction, Segmenter
    from napari_medkd.session.state import Proposal
    from napari_medkd.session.sweep import Sweep
    from napari_medkd.session.worker import Worker


class Current:
    """Prompt and proposal of the object in hand, and the model that is asked about it.

    It knows nothing of labels and of undo: a step there packs it with `pack` and brings it back with
    `restore`.

    Parameters
    ----------
    worker : Worker
        Where the model runs.
    cache_bytes : int
        Memory for encoded slices.
    """

    prompt_changed = Signal(object)  # Prompt | None
    proposal_changed = Signal(object)  # Proposal | None
    preview_changed = Signal(object)  # Prediction | None
    failed = Signal(object)  # MedkdError
    answered = Signal()  # the model did what it was asked to, or failed at it

    def __init__(self, worker: Worker, cache_bytes: int) -> None:
        self.volume: Volume | None = None
        self.segmenter: Segmenter | None = None
        self.prompt: Prompt | None = None
        self.proposal: Proposal | None = None
        self.preview: Prediction | None = None
        self.error: MedkdError | None = None
        self.answers = Answers(worker, cache_bytes)
        self._encoding: set[Kind] = set()  # what waits for a slice to be encoded
        self.is_awaiting = False  # whether an answer to `prompt` is wanted and has not come
        self._sweep: Sweep | None = None
        self._swept: Callable[[MedkdError | None], None] = lambda error: None

    @property
    def is_encoding(self) -> bool:
        """Whether somebody waits for a slice to be encoded."""
        return bool(self._encoding)

    def use(self, volume: Volume | None, segmenter: Segmenter | None) -> None:
        """See another image, or the same through another window, or ask another model.

        What is under way is dropped; whoever still wants an answer asks again.
        """
        self.stop_sweep()
        self.volume, self.segmenter = volume, segmenter
        self._encoding.clear()
        self._show_preview(None)
        self.answers.use(volume, segmenter)

    def encode(self, plane: Plane) -> None:
        """Encode the visible slice; the one before it is no longer waited for."""
        self._encoding.discard(Kind.ENCODE)
        if self.volume is None or self.segmenter is None:
            return
        if not self.answers.is_encoded(plane):
            self._encoding.add(Kind.ENCODE)
        self.answers.encode(plane, self._on_encoded)

    def say(self, prompt: Prompt) -> None:
        """Take a whole new prompt: show what was painted at once, ask the model about the rest."""
        assert self.volume is not None
        shown, wasis_awaiting = self.proposal, self.is_awaiting
        is_paint = prompting.can_repaint(prompt, shown)
        if is_paint:
            shown = prompting.painted(prompt, shown, prompt.plane.shape(self.volume.shape))
        self.preview_of(None)
        self.show(prompt, shown)
        if wasis_awaiting or not is_paint:
            self.ask()

    def leave_to_model(self, plane: Plane) -> None:
        """Take an empty prompt, which the model answers by itself; what was in hand goes."""
        self.preview_of(None)
        self.show(Prompt(plane), None)
        self.ask()

    def show(self, prompt: Prompt | None, proposal: Proposal | None) -> None:
        """Make this the object in hand; an answer that is on its way to another is dropped, a sweep ends."""
        self.stop_sweep()
        self.answers.cancel(Kind.ANSWER)
        self._encoding.discard(Kind.ANSWER)
        self.is_awaiting = False
        is_other_prompt, is_other_proposal = prompt != self.prompt, proposal is not self.proposal
        self.prompt, self.proposal = prompt, proposal
        if is_other_prompt:
            self.prompt_changed.emit(prompt)
        if is_other_proposal:
            self.proposal_changed.emit(proposal)

    @property
    def is_sweeping(self) -> bool:
        """Whether slices of the object in hand are still coming."""
        return self._sweep is not None

    def sweep(
        self,
        items: Iterator[Any],
        taken: Callable[[Any], None],
        over: Callable[[MedkdError | None], None],
    ) -> None:
        """Give `taken` one item after another from the worker's thread, then call `over`.

        What ends it early (`stop_sweep`, another object, image or model) calls `over` as well; where the
        model failed, it is called with the error.
        """

        def finish(error: MedkdError | None) -> None:
            self._sweep = None
            over(error)
            self._on_result(error)

        self._swept = over
        sweep = self.answers.prepare_sweep(items, taken, finish)
        self._sweep = sweep
        sweep.start()

    def stop_sweep(self) -> None:
        """Let no more slices come."""
        sweep, self._sweep = self._sweep, None
        if sweep is not None:
            sweep.stop()
            self._swept(None)

    def grow(self, proposal: Proposal) -> None:
        """Show the object in hand with other slices besides the one that is spoken about."""
        self.proposal = proposal
        self.proposal_changed.emit(proposal)

    def ask(self) -> None:
        """Ask the model about the prompt; where there is no model the prompt waits for one."""
        if self.prompt is None or not prompting.asks_model(self.prompt):
            return
        self.is_awaiting = True
        if self.volume is None or self.segmenter is None:
            return
        if not self.answers.is_encoded(self.prompt.plane):
            self._encoding.add(Kind.ANSWER)
        previous = prompting.seen_logits(self.prompt, self.proposal, self.segmenter)
        self.answers.ask(self.prompt, previous, self._on_answer)

    def foresee(self, prompt: Prompt) -> None:
        """Work out what `prompt` would give, for it may be said in a moment; nothing is shown."""
        if self.volume is None or self.segmenter is None:
            return
        try:
            prompting.check(prompt, self.volume.shape, self.segmenter)
        except MedkdError:
            return  # whoever says it is told
        previous = prompting.seen_logits(prompt, self.proposal, self.segmenter)
        self.answers.foresee(prompt, previous)

    def preview_of(self, prompt: Prompt | None) -> None:
        """Show in passing what `prompt` would give; None, or one that makes no sense, shows nothing."""
        self.answers.cancel(Kind.PREVIEW)
        if prompt is None or self.volume is None or self.segmenter is None:
            self._show_preview(None)
            return
        try:
            prompting.check(prompt, self.volume.shape, self.segmenter)
        except MedkdError:
            self._show_preview(None)
        else:
            self.answers.preview(prompt, self._show_preview)

    def pack(self) -> Draft | None:
        """Return the object in hand for an undo step; None where there is none."""
        if self.prompt is None:
            return None
        is_answered = self.proposal is not None and prompting.asks_the_same(self.prompt, self.proposal.prompt)
        return Draft.of(self.prompt, self.proposal, awaits=self.is_awaiting or not is_answered)

    def restore(self, draft: Draft | None) -> None:
        """Bring back what `pack` gave; a prompt that had no answer yet is asked again."""
        self.show(*(draft.unpack() if draft is not None else (None, None)))
        if draft is not None and draft.awaits:
            self.ask()

    def _show_preview(self, preview: Prediction | None) -> None:
        if preview is not self.preview:
            self.preview = preview
            self.preview_changed.emit(preview)

    def _on_encoded(self, error: MedkdError | None) -> None:
        self._encoding.discard(Kind.ENCODE)
        self._on_result(error)

    def _on_answer(self, result: Prediction | MedkdError) -> None:
        self._encoding.discard(Kind.ANSWER)
        self.is_awaiting = False
        if not isinstance(result, MedkdError) and self.prompt is not None:
            shown = self.proposal
            known = (shown.object_id, shown.stack) if shown is not None else (None, None)
            self.show(self.prompt, prompting.answered(self.prompt, result, 0, *known))
        self._on_result(result if isinstance(result, MedkdError) else None)

    def _on_result(self, error: MedkdError | None) -> None:
        self.error = error
        if error is not None:
            self.failed.emit(error)
        self.answered.emit()
