"""What everybody above sees of a model: embed a slice once, then answer prompts on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.prompts import Prompt
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.preprocess import Frame
    from napari_medkd.inference.views import Views
    from napari_medkd.models.card import ModelCard


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """An encoded slice; opaque to everybody but the segmenter that made it.

    Parameters
    ----------
    features : object
        What the runtime's encoder returned of the whole slice, usually a tuple of ndarray: (1, C, g, g)
        float32, then finer maps.
    frame : Frame
        How the slice sits in the network's input, with its inverse.
    plane : Plane
        The slice.
    key : tuple of str
        (image content id and window, plane, model id): what a cache keeps it under.
    nbytes : int
        Memory it takes at most.
    views : Views or None
        The slice and its encoded crops, where the model looks closer at small objects.
    """

    features: Any
    frame: Frame
    plane: Plane
    key: tuple[str, ...]
    nbytes: int
    views: Views | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The logits behind a mask that the user sees, given back to the model with the next prompt.

    Parameters
    ----------
    logits : ndarray (h, h) float32
        In the network's frame.
    frame : Frame
        Which part of the slice they are of.
    modality : str
        What kind of image the slice was taken for, which the next answer keeps to; empty where nobody said.
    joined : bool
        Whether all parts are one object, such as a tree of vessels; a click changes it near the click alone.
    """

    logits: NDArray[np.float32]
    frame: Frame
    modality: str = ""
    joined: bool = False

    def is_local(self, prompt: Prompt) -> bool:
        """Tell whether a prompt changes the mask only near where it says something."""
        return self.joined and prompt.only_marks

    def within(self, frame: Frame, side: int) -> NDArray[np.float32]:
        """Return them as (side, side) logits of another view of the slice, or of the same."""
        if frame != self.frame:
            return frame.from_other(self.logits, self.frame, side)
        if len(self.logits) == side:
            return self.logits
        each = len(self.logits) // side
        pooled: NDArray[np.float32] = self.logits.reshape(side, each, side, each).mean(axis=(1, 3))
        return pooled


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A model's candidates for one prompt, best first; or what it found without a prompt.

    Parameters
    ----------
    prompt : Prompt
        What was asked.
    masks : tuple of ndarray (rows, columns) bool
        The candidates at the slice's own resolution, the user's edits applied.
    scores : tuple of float
        Predicted intersection over union of each, 0 to 1.
    logits : ndarray (candidates, h, h) float32
        The raw answers in the network's frame, for the next round's mask prompt and for thresholds. Of a
        `joined` target as it was found, before any click.
    model_id : str
        Who answered.
    frame : Frame
        Which part of the slice the logits are of.
    names : tuple of str
        What each mask shows, in the words of the card's targets; empty for an answer to a prompt.
    modality : str
        What kind of image the slice was taken for, where the model tells kinds apart; else empty.
    joined : bool
        Whether all parts of a mask are one object that was found without a prompt.
    """

    prompt: Prompt
    masks: tuple[NDArray[np.bool_], ...]
    scores: tuple[float, ...]
    logits: NDArray[np.float32]
    model_id: str
    frame: Frame
    names: tuple[str, ...] = ()
    modality: str = ""
    joined: bool = False

    def seen(self, choice: int) -> Seen:
        """Return what stands behind one of the masks, for the prompt that refines it."""
        return Seen(self.logits[choice], self.frame, self.modality, self.joined)


class Segmenter(Protocol):
    """A model behind one face: a student, a teacher, or the threshold of the tests."""

    @property
    def card(self) -> ModelCard:
        """What the model is and can do."""
        ...

    @property
    def runtime_name(self) -> str:
        """What runs it, for people: ``"ONNX Runtime, CPU, 2 threads"``."""
        ...

    @property
    def fallback(self) -> str:
        """Why it runs otherwise than was wanted, in a sentence; empty where it does not."""
        ...

    @property
    def follower(self) -> Segmenter:
        """Who follows through a volume what this one was asked for on a slice; often this one itself."""
        ...

    def embed(self, volume: Volume, plane: Plane) -> Embedding:
        """Encode one slice; seconds for a large model on a CPU."""
        ...

    def predict(
        self, embedding: Embedding, prompt: Prompt, previous: Seen | None = None, *, quick: bool = False
    ) -> Prediction:
        """Answer `prompt` on an encoded slice.

        `previous` is the candidate that the user sees, given back to models that understand a mask prompt.
        `quick` answers from what is encoded already, for a preview. Raises `InvalidPrompt` where the prompt
        misses the slice or is of a kind that the model does not understand.
        """
        ...

    def propose(self, embedding: Embedding, modality: str = "") -> list[Prediction]:
        """Answer without a prompt: one prediction of one mask for each target of the card, in its order.

        `modality`, where it is said, leaves out the targets of other kinds of image; where it is not, a model
        that tells kinds apart takes the likeliest of `modality_of`, and each prediction says which that was.
        The prompt of each prediction is empty; its logits are log odds, so that `automatic.at_threshold` cuts
        them anew; its score is the overlap to expect, of an empty mask how sure it is that nothing is there.
        Raises `InvalidPrompt` where the model needs a prompt or does not know the modality.
        """
        ...

    def modality_of(self, embedding: Embedding) -> dict[str, float]:
        """Return how likely a slice is of each kind of image, the likeliest first; it costs no network.

        Empty where the model does not tell kinds of image apart.
        """
        ...

    def close(self) -> None:
        """Release memory and child processes; calling twice is harmless."""
        ...
