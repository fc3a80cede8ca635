"""The table of keys on viewer and layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler, coerce_keybinding

from napari_medkd.viewer.keys import KeyBindings
from napari_medkd.widgets.keys import KEYS


class Pressed:
    """A viewer with keys, and what they did."""

    def __init__(self):
        self.viewer = ViewerModel()
        self.done: list[str] = []
        self.held: list[bool] = []
        self.selected = True
        self.layer = self.viewer.add_labels(np.eye(2, dtype=np.uint8))
        self.before = dict(self.layer.keymap), dict(self.viewer.keymap)
        self.keys = KeyBindings(self.viewer, self.done.append, self.held.append, self.delete)

    def delete(self) -> bool:
        self.done.append("delete point")
        return self.selected

    def handler(self) -> KeymapHandler:
        handler = KeymapHandler()
        active = self.viewer.layers.selection.active
        handler.keymap_providers = [self.viewer] if active is None else [active, self.viewer]
        return handler

    def press(self, keys: str) -> None:
        handler = self.handler()
        handler.press_key(keys)
        handler.release_key(keys)


@pytest.fixture
def pressed() -> Pressed:
    return Pressed()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.action)
def test_every_key_works_on_the_viewer_and_on_a_layer(pressed, key):
    pressed.keys.bind_layers((pressed.layer,))
    pressed.selected = False  # so that Delete is left to the suggestions
    for active in (None, pressed.layer):
        pressed.viewer.layers.selection.active = active
        for combination in key.keys:
            pressed.press(combination)
            assert pressed.done[-1:] == [key.action] and pressed.done[:-1] in ([], ["delete point"])
            pressed.done.clear()


def test_undo_is_ours_on_our_layers_only(pressed):
    mine = pressed.viewer.add_labels(np.eye(2, dtype=np.uint8))
    pressed.keys.bind_layers((pressed.layer,))
    pressed.viewer.layers.selection.active = mine
    pressed.press("Ctrl+Z")
    assert pressed.done == []
    pressed.viewer.layers.selection.active = pressed.layer
    pressed.press("Ctrl+Z")
    assert pressed.done == ["undo"]


def test_space_is_held_and_let_go(pressed):
    pressed.keys.bind_layers((pressed.layer,))
    handler = pressed.handler()
    handler.press_key("Space")
    assert pressed.held == [True]
    handler.release_key("Space")
    assert pressed.held == [True, False]


def test_delete_is_for_the_selected_point(pressed):
    pressed.keys.bind_layers((pressed.layer,))
    pressed.press("Delete")
    assert pressed.done == ["delete point"]


def test_everything_is_given_back(pressed):
    own = lambda _: None  # noqa: E731
    pressed.keys.restore()
    pressed.layer.bind_key("C", own)
    keys = KeyBindings(pressed.viewer, pressed.done.append, pressed.held.append, pressed.delete)
    keys.bind_layers((pressed.layer,))
    assert pressed.layer.keymap[coerce_keybinding("C")] is not own
    keys.bind_layers(())
    assert pressed.layer.keymap == {coerce_keybinding("C"): own}
    keys.restore()
    assert dict(pressed.viewer.keymap) == pressed.before[1]
