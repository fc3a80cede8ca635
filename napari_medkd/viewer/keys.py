"""The keys of the panel's table, on the viewer, on the image and on each of our layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.key_bindings import KeyBinding, coerce_keybinding

from napari_medkd.widgets.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari.components import ViewerModel
    from napari.layers import Layer

_ABSENT = object()


class KeyBindings:
    """Binds the table and puts back what was bound before.

    napari 0.9 does not act on key bindings in a manifest, and the keys of the selected layer win over the
    viewer's: so each action is bound on all of them. A layer of somebody else's keeps its own keys.

    Parameters
    ----------
    viewer : ViewerModel
        Bound as long as the dock is open.
    perform : callable
        Does an action of `KEYS` by name.
    hold : callable
        Called with True while Space is held, and with False after it.
    delete : callable
        Deletes the selected point; False where none is selected.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        perform: Callable[[str], object],
        hold: Callable[[bool], None],
        delete: Callable[[], bool],
    ) -> None:
        self._table: dict[KeyBinding, Any] = {
            coerce_keybinding(combination): _handler(perform, key.action)
            for key in KEYS
            for combination in key.keys
        }
        self._for_layers: dict[KeyBinding, Any] = {
            **self._table,
            coerce_keybinding("Delete"): lambda _: delete() or perform("reject_suggestion"),
            coerce_keybinding("Space"): _holder(hold),
        }
        self._before: list[tuple[Any, dict[KeyBinding, Any]]] = []
        self._bind(viewer, self._table)

    def bind_layers(self, layers: tuple[Layer, ...]) -> None:
        """Bind on these layers, and on no others but the viewer."""
        while len(self._before) > 1:
            self._restore(*self._before.pop())
        for layer in layers:
            self._bind(layer, self._for_layers)

    def bind_layer(self, layer: Layer) -> None:
        """Bind on one more layer, until others are bound."""
        self._bind(layer, self._for_layers)

    def restore(self) -> None:
        """Give every key back."""
        while self._before:
            self._restore(*self._before.pop())

    def _bind(self, provider: Any, table: dict[KeyBinding, Any]) -> None:
        self._before.append((provider, {key: provider.keymap.get(key, _ABSENT) for key in table}))
        provider.keymap.update(table)

    @staticmethod
    def _restore(provider: Any, before: dict[KeyBinding, Any]) -> None:
        for key, function in before.items():
            provider.keymap.pop(key, None)
            if function is not _ABSENT:
                provider.keymap[key] = function


def _handler(perform: Callable[[str], object], action: str) -> Callable[[Any], None]:
    def handle(_: Any) -> None:
        perform(action)

    return handle


def _holder(hold: Callable[[bool], None]) -> Callable[[Any], Generator[None, None, None]]:
    def held(_: Any) -> Generator[None, None, None]:
        hold(True)
        yield
        hold(False)

    return held
