"""The model that looks for objects, beside the one that answers clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_medkd.viewer.model_loader import ModelLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.errors import MedkdError
    from napari_medkd.inference.segmenter import Segmenter
    from napari_medkd.session.session import Session
    from napari_medkd.viewer.model_loader import Load

    Look = Callable[[Segmenter | None], object]


class Looker:
    """Loads a model when it is first needed, keeps it for the next look, and makes room for another.

    Parameters
    ----------
    session : Session
        Whose own model looks as well.
    dispatch, load : callable
        See `ModelLoader`.
    """

    loading = Signal(str)  # a sentence: what takes seconds; empty where nothing does any more
    failed = Signal(object)  # MedkdError

    def __init__(
        self,
        session: Session,
        dispatch: Callable[[Callable[[], object]], object],
        load: Load | None = None,
    ) -> None:
        self._session = session
        self._held: Segmenter | None = None
        self._id = ""  # of what is held or on its way
        self._look: Look | None = None
        self._loader = ModelLoader(dispatch, load)
        self._loader.progressed.connect(self.loading.emit)
        self._loader.loaded.connect(self._on_loaded)
        self._loader.failed.connect(self._on_failed)
        session.state_changed.connect(self._make_room)

    def ask(self, model_id: str, look: Look) -> None:
        """Call `look` with a model, loading it before where it is not there; the newest call wins.

        An empty id stands for the session's own model, as its id does; None is what there is of that where it
        has none.
        """
        own = self._session.segmenter
        if not model_id or (own is not None and own.card.id == model_id):
            self._look = None
            look(own)
        elif self._id == model_id and self._held is not None:
            look(self._held)
        else:
            is_coming = self._look is not None and self._id == model_id
            self._look = look
            if not is_coming:
                self._release()
                self._id = model_id
                self.loading.emit("Loading the model that looks…")
                self._loader.start(model_id)

    def close(self) -> None:
        """Let the model go; one that is on its way is dropped. Calling twice is harmless."""
        self._session.state_changed.disconnect(self._make_room, missing_ok=True)
        self._loader.close()
        self._look = None
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._session.suggestions.stop()
            held.close()

    def _make_room(self, *_: object) -> None:
        """Give the memory to another model that is being loaded, unless this one is at work."""
        if self._session.loading and not self._session.suggestions.is_looking:
            self._release()

    def _on_loaded(self, segmenter: Segmenter) -> None:
        self._held = segmenter
        look, self._look = self._look, None
        self.loading.emit("")
        if look is not None:
            look(segmenter)

    def _on_failed(self, error: MedkdError) -> None:
        self._look = None
        self.loading.emit("")
        self.failed.emit(error)
