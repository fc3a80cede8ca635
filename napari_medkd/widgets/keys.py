"""THE table of keys: what the panel's tooltips say, what the viewer binds and what the ``?`` sheet lists."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medkd.errors import UnknownName

# How a key is written for people, where its name in a binding is not what stands on the keyboard.
_WORDS = {"Escape": "Esc"}


@dataclass(frozen=True, slots=True)
class Key:
    """One action and the keys that do it.

    Parameters
    ----------
    action : str
        Name of the action: ``"commit"``; tools are ``"tool_<name>"``.
    keys : tuple of str
        Key combinations as napari and Qt write them: ``"Ctrl+Z"``; the first is shown on controls.
    title : str
        A few words for the sheet.
    tooltip : str
        One sentence: what happens.
    group : str
        Heading in the sheet.
    """

    action: str
    keys: tuple[str, ...]
    title: str
    tooltip: str
    group: str

    @property
    def label(self) -> str:
        """The first key, as people write it: ``"Esc"``."""
        return _WORDS.get(self.keys[0], self.keys[0])

    @property
    def labels(self) -> tuple[str, ...]:
        """Every key, as people write it."""
        return tuple(_WORDS.get(key, key) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Gesture:
    """Something done with the mouse on the image, for the sheet."""

    how: str
    title: str


KEYS: tuple[Key, ...] = (
    Key("tool_move", ("Z",), "Move", "Pan and zoom the image without prompting.", "Tools"),
    Key(
        "tool_point",
        ("P",),
        "Point",
        "Click inside the object; right click or Alt+click outside it.",
        "Tools",
    ),
    Key("tool_box", ("B",), "Box", "Drag a box around the whole object.", "Tools"),
    Key(
        "tool_scribble",
        ("S",),
        "Scribble",
        "Draw a rough line through the object; with the right button or Alt, outside it.",
        "Tools",
    ),
    Key("tool_lasso", ("L",), "Lasso", "Draw a loose outline around the object.", "Tools"),
    Key("tool_paint", ("D",), "Paint", "Add pixels to the proposal by hand.", "Tools"),
    Key("tool_erase", ("E",), "Erase", "Take pixels out of the proposal by hand.", "Tools"),
    Key(
        "tool_delete",
        ("Shift+X",),
        "Delete",
        "Drag a region: every committed object that it touches is deleted, locked classes excepted.",
        "Tools",
    ),
    Key("brush_smaller", (",",), "Smaller brush", "Paint and erase with a smaller brush.", "Tools"),
    Key("brush_larger", (".",), "Larger brush", "Paint and erase with a larger brush.", "Tools"),
    Key(
        "suggest",
        ("A",),
        "Suggest",
        "Show what the model finds by itself on this slice, to be corrected and committed.",
        "Proposal",
    ),
    Key(
        "previous_candidate", ("[",), "Previous candidate", "Show the candidate before this one.", "Proposal"
    ),
    Key("next_candidate", ("]",), "Next candidate", "Show the next of the model's candidates.", "Proposal"),
    Key("commit", ("Enter", "C"), "Commit", "Write the proposal into the active class.", "Proposal"),
    Key(
        "commit_next",
        ("N",),
        "Commit and next",
        "Write the proposal, then start a new instance in a class of its own.",
        "Proposal",
    ),
    Key("discard", ("Escape", "Backspace"), "Discard", "Drop the proposal and its prompts.", "Proposal"),
    Key("hover", ("H",), "Hover preview", "Show or hide what a click here would give.", "Proposal"),
    Key(
        "propagate",
        ("Shift+P",),
        "Propagate",
        "Follow the object through the volume from the prompted slices; again: stop. After a correction, "
        "only the slices beside the corrected one are done again.",
        "Volume",
    ),
    Key(
        "accept_slice",
        ("K",),
        "Slice is right",
        "Take the object on this slice for right: propagation goes out from here, too.",
        "Volume",
    ),
    Key(
        "end_here",
        ("Shift+K",),
        "End here",
        "The object ends on this slice: what was found beyond it is taken back, and not followed again.",
        "Volume",
    ),
    Key(
        "interpolate",
        ("Shift+I",),
        "Interpolate",
        "Fill the slices between prompted or painted ones by their shapes, without the model.",
        "Volume",
    ),
    Key(
        "look",
        ("Shift+A",),
        "Suggest objects",
        "List every object that the model finds on this slice, to be accepted or rejected one by one.",
        "Suggestions",
    ),
    Key(
        "correct_suggestion",
        ("R",),
        "Correct suggestion",
        "Make the chosen suggestion the proposal, to correct it by clicks and brush.",
        "Suggestions",
    ),
    Key(
        "reject_suggestion",
        ("Delete",),
        "Reject suggestion",
        "Do without the chosen suggestion.",
        "Suggestions",
    ),
    Key("delete_object", ("X",), "Delete object", "Delete the committed object under the pointer.", "Result"),
    Key("undo", ("Ctrl+Z",), "Undo", "Take back the last step.", "Result"),
    Key("redo", ("Ctrl+Shift+Z",), "Redo", "Do again what was taken back.", "Result"),
    Key("help", ("F1",), "Keys", "Show this sheet.", "Result"),
)

GESTURES: tuple[Gesture, ...] = (
    Gesture("Click", "Point inside the object"),
    Gesture("Right click, Alt+click", "Point outside the object"),
    Gesture("Shift+drag", "Box, whatever the tool"),
    Gesture("Drag a point", "Move it and ask again"),
    Gesture("Delete", "Remove the selected point"),
    Gesture("Ctrl+click", "Reopen a committed object, correct a suggestion"),
    Gesture("Enter, in the Auto tab", "Accept the chosen suggestion"),
    Gesture("Space, held", "Pan and zoom for a moment"),
)

_BY_ACTION = {key.action: key for key in KEYS}


def key_for(action: str) -> Key:
    """Return the row of `action`; an unknown one is an `UnknownName` that lists those there are."""
    try:
        return _BY_ACTION[action]
    except KeyError:
        raise UnknownName(
            f"There is no action named {action!r}.", f"Known: {', '.join(_BY_ACTION)}."
        ) from None


def tooltip_for(action: str) -> str:
    """Return the tooltip of a control: what happens, and the keys."""
    key = key_for(action)
    return f"{key.tooltip} ({' or '.join(key.labels)})"
