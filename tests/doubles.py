"""Stand-ins that a reader can hold in their head: a model that thresholds, a worker that waits to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_medkd.core.prompts import Prompt
from napari_medkd.errors import MedkdError
from napari_medkd.inference.automatic import chosen_targets
from napari_medkd.inference.preprocess import Frame
from napari_medkd.inference.segmenter import Embedding, Prediction
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing, Target
from napari_medkd.session.worker import Kind, Request, RequestQueue

if TYPE_CHECKING:
    from napari_medkd.core.geometry import Plane
    from napari_medkd.core.volume import Volume

PROMPTS = frozenset({"box", "point", "scribble", "lasso", "mask"})


def _logits(mask: np.ndarray) -> np.ndarray:
    """Return a mask as the square logits of a network that sees the slice at its own size."""
    rows, columns = mask.shape
    logits = np.full((max(mask.shape),) * 2, -5, np.float32)
    logits[:rows, :columns][mask] = 5
    return logits


class ThresholdSegmenter:
    """Answers with the bright pixels in the box, or the bright component under the clicks (3 candidates).

    `embedded` and `asked` record what it was given; `failure` is raised by the next calls where it is set.
    """

    def __init__(self, threshold: float = 128, capabilities: frozenset[str] = PROMPTS, id: str = "threshold"):
        self.threshold = threshold
        self.card = ModelCard(
            id=id,
            title="Threshold",
            architecture=Architecture(encoder="none"),
            preprocessing=Preprocessing(),
            capabilities=capabilities,
            targets=(Target(name="bright"),) if "auto" in capabilities else (),
        )
        self.runtime_name = "numpy, CPU"
        self.fallback = ""
        self.embedded: list[Plane] = []
        self.asked: list[Prompt] = []
        self.previous: list[Any] = []
        self.failure: Exception | None = None
        self.closed = False

    def embed(self, volume: Volume, plane: Plane) -> Embedding:
        self._fail()
        self.embedded.append(plane)
        grey = volume.slice_uint8(plane).max(axis=-1)
        window = f"{volume.window.low:g}:{volume.window.high:g}"
        key = (f"{volume.content_id}|{window}", f"{plane.axis}/{plane.index}", self.card.id)
        return Embedding(grey, Frame(grey.shape, self.card.preprocessing), plane, key, grey.nbytes)

    def predict(
        self, embedding: Embedding, prompt: Prompt, previous: Any = None, *, quick: bool = False
    ) -> Prediction:
        self._fail()
        self.asked.append(prompt)
        self.previous.append(previous)
        grey = embedding.features
        prompt.check(grey.shape)
        bright = grey >= self.threshold
        if prompt.box is not None:
            inside = np.zeros_like(bright)
            top, left = max(0, round(prompt.box.top)), max(0, round(prompt.box.left))
            inside[top : round(prompt.box.bottom) + 1, left : round(prompt.box.right) + 1] = True
            candidates = [bright & inside]
        else:
            one = self._under(bright, prompt)
            candidates = [one, ndimage.binary_dilation(one, iterations=2), ndimage.binary_erosion(one)]
        if prompt.edits is not None:
            candidates = [prompt.edits.apply(mask) for mask in candidates]
        scores = (0.9, 0.7, 0.5)[: len(candidates)]
        logits = np.stack([_logits(mask) for mask in candidates])
        return Prediction(prompt, tuple(candidates), scores, logits, self.card.id, embedding.frame)

    def propose(self, embedding: Embedding, modality: str = "") -> list[Prediction]:
        self._fail()
        chosen_targets(self.card, modality)
        mask = embedding.features >= self.threshold
        logits = _logits(mask)[np.newaxis]
        prompt = Prompt(embedding.plane)
        return [Prediction(prompt, (mask,), (0.8,), logits, self.card.id, embedding.frame, ("bright",))]

    @property
    def follower(self) -> ThresholdSegmenter:
        return self

    def modality_of(self, embedding: Embedding) -> dict[str, float]:
        return {}

    def close(self) -> None:
        self.closed = True

    def _under(self, bright: np.ndarray, prompt: Prompt) -> np.ndarray:
        components, _ = ndimage.label(bright)
        clicks = [(point.row, point.column, point.positive) for point in prompt.points]
        clicks += [(*place, stroke.positive) for stroke in prompt.scribbles for place in stroke.path]
        clicks += [(*place, True) for place in (prompt.lasso.path if prompt.lasso else ())]
        hit = {
            sign: {int(components[round(r), round(c)]) for r, c, s in clicks if s == sign}
            for sign in (True, False)
        }
        return np.isin(components, sorted(hit[True] - hit[False] - {0}))

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class ManualWorker:
    """A thread that stands still until told: `start` takes the most urgent request, `finish` ends it."""

    works_ahead = True

    def __init__(self) -> None:
        self.queue = RequestQueue()
        self.closed = False

    def submit(self, kind: Kind, work: Any, done: Any) -> int:
        return self.queue.put(kind, work, done)

    def cancel(self, kind: Kind) -> None:
        self.queue.cancel(kind)

    def close(self) -> None:
        self.closed = True
        self.queue.close()

    def start(self) -> Request:
        request = self.queue.take()
        assert request is not None, "nothing was asked"
        return request

    def finish(self, request: Request) -> None:
        result = request.run()
        if self.queue.is_current(request):
            request.done(result)

    def run(self) -> Kind:
        """Take one request and finish it."""
        request = self.start()
        self.finish(request)
        return request.kind

    def run_all(self) -> list[Kind]:
        """Finish requests until none is left, those that others bring about included."""
        kinds = []
        while (request := self.queue.take()) is not None:
            self.finish(request)
            kinds.append(request.kind)
        return kinds


def failure(sentence: str = "The model ran out of memory.") -> MedkdError:
    """Return an error to set as `ThresholdSegmenter.failure`."""
    return MedkdError(sentence, "Choose a smaller one.")
