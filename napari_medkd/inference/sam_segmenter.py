"""A segmenter over any network of SAM's shape, whatever runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.core.prompts import Prompt
from napari_medkd.inference import automatic, looks, mirror, outlining, routing, zoom
from napari_medkd.inference.feature_folder import name_of
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.prompting import check_prompt, to_tokens
from napari_medkd.inference.segmenter import Embedding, Prediction, Seen
from napari_medkd.inference.views import KEPT, Views

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume
    from napari_medkd.inference.feature_folder import FeatureFolder
    from napari_medkd.inference.prompting import Tokens
    from napari_medkd.inference.runtimes import Runtime
    from napari_medkd.inference.zoom import Crop
    from napari_medkd.models.card import ModelCard

_NOTHING_SAID = np.zeros((1, 1, 2), np.float32), np.full((1, 1), -1, np.float32)  # one token of padding
_CLOSER = 2  # how often a model looks again, closer or from further away, before it answers


class SamSegmenter:
    """Slices and prompts in, masks in the slice's own pixels out.

    A model of views of every scale looks at the whole slice first, then at a crop around what it found there
    or was shown, and answers from that.

    Parameters
    ----------
    card : ModelCard
        What the model wants and can do.
    runtime : Runtime
        What runs it.
    fallback : str
        Why it does not run as was wanted; empty where it does.
    kept : FeatureFolder, optional
        Where encoded views are looked for, and kept for another day.
    outliner : SamSegmenter, optional
        Who outlines anew what this one finds by itself, of the targets that the card says so of.
    follower : SamSegmenter, optional
        Who follows objects through volumes in place of this one.
    """

    def __init__(
        self,
        card: ModelCard,
        runtime: Runtime,
        fallback: str = "",
        kept: FeatureFolder | None = None,
        outliner: SamSegmenter | None = None,
        follower: SamSegmenter | None = None,
    ) -> None:
        self._card = card
        self._runtime = runtime
        self._fallback = fallback
        self._kept = kept
        self._outliner = outliner
        self._follower = follower

    @property
    def card(self) -> ModelCard:
        """What the model is and can do."""
        return self._card

    @property
    def runtime(self) -> Runtime:
        """What runs it."""
        return self._runtime

    @property
    def runtime_name(self) -> str:
        """What runs it, for people."""
        return self._runtime.name

    @property
    def fallback(self) -> str:
        """Why it does not run as was wanted; empty where it does."""
        return self._fallback

    @property
    def follower(self) -> SamSegmenter:
        """Who follows through a volume what this one was asked for on a slice."""
        return self._follower or self

    def embed(self, volume: Volume, plane: Plane) -> Embedding:
        """Encode one slice as it looks through the volume's window."""
        seen = f"{volume.content_id}:{volume.window.low:g}:{volume.window.high:g}"
        return self._embed(volume.slice_seen(plane), plane, seen)

    def _embed(self, image: NDArray[np.uint8], plane: Plane, seen: str) -> Embedding:
        """Encode a slice of the image that `seen` names."""
        frame = Frame((image.shape[0], image.shape[1]), self._card.preprocessing)
        features = self._encode(frame, image)
        key = (seen, f"{plane.axis}:{plane.index}", self._card.id)
        size, views = _nbytes(features), Views(image)
        if not self._card.architecture.zoom:
            again = self._outliner is not None or any(
                target.quarters or target.afar for target in self._card.targets
            )
            shown = views if again else None
            return Embedding(features, frame, plane, key, size + (views.nbytes if shown else 0), shown)
        kept = 1 + KEPT + self._card.architecture.mirror
        return Embedding(features, frame, plane, key, kept * size + views.nbytes, views)

    def predict(
        self, embedding: Embedding, prompt: Prompt, previous: Seen | None = None, *, quick: bool = False
    ) -> Prediction:
        """Answer `prompt`: three candidates for a lone point where the model has them, else one mask.

        A model that was only ever asked for candidates gives three to every prompt. `quick` looks at nothing
        that was not encoded before.
        """
        check_prompt(prompt, embedding.frame.shape, self._card)
        if embedding.views is None or not self._card.architecture.zoom:
            return self._answer(embedding, None, prompt, previous)
        if quick:
            return self._passing(embedding, embedding.views, prompt)
        return self._closer(embedding, prompt, previous)

    def propose(self, embedding: Embedding, modality: str = "") -> list[Prediction]:
        """Answer for each target of the card, on the whole slice; see `Segmenter.propose`."""
        kinds = self._card.architecture.kinds
        kind = modality or next(iter(self.modality_of(embedding)), "")
        chosen = automatic.chosen_targets(self._card, kind)
        logits = self._found(embedding, kind, chosen)
        prompt, frame = Prompt(embedding.plane), embedding.frame
        found = []
        for index, one in zip(chosen, logits, strict=True):
            target = self._card.targets[index]
            answer = Prediction(
                prompt,
                (),
                (),
                one[None],
                self._card.id,
                frame,
                (target.name,),
                kind if kinds else "",
                target.joined,
            )
            cut = automatic.at_threshold(answer, target.threshold)
            found.append(self._outlined(cut, embedding, target.threshold) if target.outlined else cut)
        return found

    def modality_of(self, embedding: Embedding) -> dict[str, float]:
        """Return how likely a slice is of each kind of image; see `Segmenter.modality_of`."""
        return routing.probabilities(self._card, embedding.features)

    def close(self) -> None:
        """Release the runtime; calling twice is harmless."""
        self._runtime.close()
        for other in (self._outliner, self._follower):
            if other is not None:
                other.close()

    def _found(self, embedding: Embedding, kind: str, chosen: list[int]) -> NDArray[np.float32]:
        """Return the log odds (targets, side, side) of what is looked for in a slice of a kind of image."""
        frame, views = embedding.frame, embedding.views
        logits, side = self._unprompted(embedding.features, kind, chosen), self._card.answer_side(chosen)
        if views is None:
            return logits
        image = views.image

        def again(others: list[Frame]) -> list[tuple[Frame, NDArray[np.float32]]]:
            return [(seen, self._unprompted(self._encode(seen, image), kind, chosen)) for seen in others]

        targets = [self._card.targets[index] for index in chosen]
        if any(target.afar for target in targets):
            seen = [(frame, logits), *again(looks.afar(frame))]
            logits = looks.averaged(frame, seen, logits.shape[-1])
        if any(target.quarters for target in targets):
            parts = again([replace(frame, crop=crop) for crop in looks.quarters(frame.shape)])
            logits = looks.joined(logits, frame, parts, side)
        return logits

    def _unprompted(self, features: Any, kind: str, chosen: list[int]) -> NDArray[np.float32]:
        """Return the log odds (targets, h, h) of one view."""
        if self._card.architecture.kinds:
            features = routing.taken_for(self._card, features, kind)
        logits, _ = self._runtime.decode(features, *_NOTHING_SAID, None)
        # A decoder of kinds answers for the targets of one kind, any other for all that the card names.
        rows = slice(len(chosen)) if self._card.architecture.kinds else chosen
        return np.asarray(logits[rows] / np.float32(self._card.architecture.temperature), np.float32)

    def _outlined(self, found: Prediction, embedding: Embedding, threshold: float) -> Prediction:
        """Have another model outline what was found, where there is one and anything was found."""
        outliner, views = self._outliner, embedding.views
        if outliner is None or views is None or not found.masks[0].any():
            return found
        here = outliner._embed(views.image, embedding.plane, embedding.key[0])
        anew = outlining.outlined(found, lambda prompt: outliner.predict(here, prompt))
        return automatic.at_threshold(anew, threshold)

    def _closer(self, embedding: Embedding, prompt: Prompt, previous: Seen | None) -> Prediction:
        """Answer from where the object is seen well, looking for it first where nobody said where it ends."""
        shape = embedding.frame.shape
        answer, found, now = None, None, None
        if previous is not None:
            found, now = previous.frame.extent(previous.logits), previous.frame.view
        elif not zoom.is_outlined(prompt):
            answer = self._answer(embedding, None, prompt, None)
            found = answer.frame.extent(answer.logits[0])
        for _ in range(_CLOSER):
            crop = zoom.choose(zoom.wanted(prompt, found, shape), shape, now)
            if answer is not None and crop == answer.frame.view:
                break
            answer = self._answer(embedding, crop, prompt, previous)
            found, now = answer.frame.extent(answer.logits[0]), crop
        assert answer is not None
        return answer

    def _passing(self, embedding: Embedding, views: Views, prompt: Prompt) -> Prediction:
        """Answer from a crop that is at hand where one shows the object well, else from the whole slice."""
        shape = embedding.frame.shape
        answer, found = None, None
        if not zoom.is_outlined(prompt):
            answer = self._answer(embedding, None, prompt, None)
            found = answer.frame.extent(answer.logits[0])
        extent = zoom.wanted(prompt, found, shape)
        crop = zoom.at_hand(extent, shape, views.crops())
        if answer is not None and crop == answer.frame.view:
            return answer
        return self._answer(embedding, crop, prompt, None, quick=True)

    def _answer(
        self,
        embedding: Embedding,
        crop: Crop | None,
        prompt: Prompt,
        previous: Seen | None,
        quick: bool = False,
    ) -> Prediction:
        """Answer from one view of the slice, all of it where `crop` is None."""
        frame, features = self._view(embedding, crop)
        architecture = self._card.architecture
        kind = previous.modality if previous is not None else ""
        if kind:
            features = routing.taken_for(self._card, features, kind)
        tokens, views = self._tokens(prompt, frame, previous), embedding.views
        if architecture.mirror and views is not None and not quick and mirror.is_worthwhile(prompt):
            logits, scores = self._twice(views, frame, features, tokens, prompt)
        else:
            logits, scores = self._runtime.decode(features, tokens.coordinates, tokens.labels, tokens.mask)
        if len(logits) > 1:
            several = tokens.is_unclear or architecture.masks == "candidates"
            chosen = slice(1, None) if several else slice(0, 1)
            logits, scores = logits[chosen], scores[chosen]
        if architecture.scores == "stability":
            scores = stability(logits)
        order = np.argsort(-scores, kind="stable")
        masks = [frame.to_mask(logits[index]) for index in order]
        if prompt.edits is not None:
            masks = [prompt.edits.apply(mask) for mask in masks]
        kept = tuple(float(np.clip(scores[index], 0, 1)) for index in order)
        ordered = np.ascontiguousarray(logits[order])
        return Prediction(prompt, tuple(masks), kept, ordered, self._card.id, frame, modality=kind)

    def _tokens(self, prompt: Prompt, frame: Frame, previous: Seen | None) -> Tokens:
        side = 4 * self._card.architecture.grid
        return to_tokens(prompt, frame, side, previous, "mask" in self._card.capabilities)

    def _twice(
        self, views: Views, frame: Frame, features: Any, tokens: Tokens, prompt: Prompt
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer from a view and its mirror image together, then once more with that as a mask prompt."""
        other = views.mirrored(frame.view)
        if other is None:
            other = self._encode(frame, views.image, is_mirrored=True)
            views.put_mirrored(frame.view, other)
        logits, scores = self._both(features, other, tokens)
        if "mask" not in self._card.capabilities:
            return logits, scores
        return self._both(features, other, self._tokens(prompt, frame, Seen(logits[0], frame)))

    def _both(
        self, features: Any, other: Any, tokens: Tokens
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the mean of what a view and its mirror image say."""
        turned = mirror.mirrored_tokens(tokens, self._card.preprocessing.prompt_frame)
        logits, scores = self._runtime.decode(features, tokens.coordinates, tokens.labels, tokens.mask)
        second, rated = self._runtime.decode(other, turned.coordinates, turned.labels, turned.mask)
        half = np.float32(0.5)
        return half * (logits + mirror.mirrored(second)), half * (scores + rated)

    def _view(self, embedding: Embedding, crop: Crop | None) -> tuple[Frame, Any]:
        """Return a view of the slice and its features, encoding a crop that is not at hand."""
        views = embedding.views
        if views is None or crop is None or crop == embedding.frame.view:
            return embedding.frame, embedding.features
        frame = replace(embedding.frame, crop=crop)
        features = views.get(crop)
        if features is None:
            features = self._encode(frame, views.image)
            views.put(crop, features)
        return frame, features

    def _encode(self, frame: Frame, image: NDArray[np.uint8], is_mirrored: bool = False) -> Any:
        """Return the features of a view, from disk where they were kept."""
        name = name_of(self._card, frame, image, is_mirrored) if self._kept is not None else ""
        features = self._kept.get(name) if self._kept is not None else None
        if features is None:
            seen = frame.to_input(image)
            features = self._runtime.encode(mirror.mirrored(seen) if is_mirrored else seen)
            if self._kept is not None and isinstance(features, tuple):  # not a handle to what a GPU holds
                self._kept.put(name, features)
        return features


def stability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike masks cut a little too high and a little too low are, (M, h, w) → (M,) in 0 to 1.

    SAM's stability score: the overlap of the masks at logits of 1 and of -1.
    """
    strict, lenient = ((logits > threshold).sum(axis=(1, 2)) for threshold in (1.0, -1.0))
    alike: NDArray[np.float32] = (strict / np.maximum(lenient, 1)).astype(np.float32)
    return alike


def _nbytes(features: Any) -> int:
    """Memory of what an encoder gave: a tuple of arrays, or a handle to them."""
    parts = features if isinstance(features, tuple) else (features,)
    return sum(int(getattr(part, "nbytes", 0)) for part in parts)
