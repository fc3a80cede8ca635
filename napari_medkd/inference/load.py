"""From the name of a model to a segmenter: which runtime, on which device, in which process."""

from __future__ import annotations

import ctypes
import logging
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError, ModelUnavailable, missing_extra
from napari_medkd.inference.runtimes.child import ChildRuntime, RuntimeChoice
from napari_medkd.inference.runtimes.onnx import OnnxRuntime
from napari_medkd.inference.sam_segmenter import SamSegmenter
from napari_medkd.models.jobs import export_in_child
from napari_medkd.models.package import DECODER, ENCODER
from napari_medkd.models.store import ModelStore
from napari_medkd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_medkd.inference.feature_folder import FeatureFolder
    from napari_medkd.inference.runtimes import Runtime
    from napari_medkd.models.card import ModelCard

logger = logging.getLogger(__name__)


def load_segmenter(
    model_id: str = "",
    *,
    store: ModelStore | None = None,
    settings: Settings | None = None,
    device: str | None = None,
    runtime: str | None = None,
    in_child: bool = False,
    progress: Callable[[str], None] | None = None,
    kept: FeatureFolder | None = None,
) -> SamSegmenter:
    """Load a model so that it can answer prompts.

    A GPU is used through torch where there is one that works. On a CPU an exported model runs on ONNX
    Runtime, nearly three times as fast as torch; where it was not exported yet, the viewer has that done
    once, while the command line takes torch at once and writes nothing.

    Parameters
    ----------
    model_id : str
        A model of the store; empty takes the default of the settings.
    store, settings : optional
        The user's own by default.
    device, runtime : str, optional
        In place of those of the settings. What is asked for here is used or it is an error; what the settings
        say gives way to what works, and the segmenter's `fallback` says so.
    in_child : bool
        Keep torch out of this process, as a viewer must: its import alone would freeze the window.
    progress : callable, optional
        Called with a sentence at each step that takes seconds.
    kept : FeatureFolder, optional
        Where encoded views are looked for and kept; nowhere by default.

    Raises
    ------
    ModelUnavailable, MissingExtra
        Where the model is not installed, is damaged, or nothing here can run it.
    """
    chosen = settings or Settings.load()
    store = store or ModelStore()
    card = store.get(model_id or chosen.default_model)
    place = choose_device(device or chosen.device)
    tell = progress or (lambda sentence: None)
    wanted = _Loading(card, store, runtime or chosen.runtime, chosen.threads, in_child, tell, kept)
    first: MedkdError | None = None
    for loading, where in _ways(wanted, place, device is None, runtime is None):
        try:
            return loading.on(where, "" if first is None else _reason(first, place, where))
        except MedkdError as error:
            if first is None:
                first = error
                logger.warning("%s", error)
    assert first is not None
    raise first


def load_outliner(card: ModelCard, settings: Settings) -> SamSegmenter | None:
    """Load, on the CPU, who outlines what the model of a card finds, where that model runs elsewhere."""
    own = _Loading(card, ModelStore(), settings.runtime, settings.threads, False, lambda sentence: None, None)
    return own.other(card.outliner, "cpu")


def _ways(
    wanted: _Loading, place: str, other_device: bool, other_runtime: bool
) -> Iterator[tuple[_Loading, str]]:
    """Yield what to try, and on which device: what is wanted, then what may stand in for it."""
    yield wanted, place
    if place != "cpu" and other_device:
        yield wanted, "cpu"
        place = "cpu"
    if wanted.runtime != "auto" and other_runtime:
        yield replace(wanted, runtime="auto"), place


def open_runtime(choice: RuntimeChoice, store: ModelStore | None = None) -> Runtime:
    """Open a runtime in this process; with torch, this imports it."""
    store = store or ModelStore(Path(choice.folder))
    if choice.kind == "onnx":
        encoder, decoder = (store.verified(choice.model_id, name) for name in (ENCODER, DECODER))
        return OnnxRuntime(encoder, decoder, choice.device, choice.threads)
    model = store.build(choice.model_id)
    from napari_medkd.inference.runtimes.torch import TorchRuntime

    return TorchRuntime(
        model, choice.device, choice.threads, half=store.get(choice.model_id).architecture.half_precision
    )


def choose_device(wanted: str) -> str:
    """Turn ``auto`` into ``cuda`` or ``cpu``, without importing torch."""
    if wanted != "auto":
        return wanted
    return "cuda" if find_spec("torch") is not None and _cuda_devices() else "cpu"


def _reason(error: MedkdError, wanted: str, used: str) -> str:
    if wanted != used:
        return f"The GPU cannot be used: {error.message} The CPU is used instead."
    return f"{error.message} Another runtime is used instead."


@dataclass(frozen=True, slots=True)
class _Loading:
    """What is asked for, apart from the device."""

    card: ModelCard
    store: ModelStore
    runtime: str
    threads: int
    in_child: bool
    tell: Callable[[str], None]
    kept: FeatureFolder | None

    def on(self, device: str, fallback: str = "") -> SamSegmenter:
        """Load the model on one device; `fallback` says why, where another was wanted."""
        if fallback:
            self.tell(fallback)
        kind, reason = self._kind(device)
        fallback = fallback or reason
        choice = RuntimeChoice(self.card.id, str(self.store.folder), kind, device, self.threads)
        apart = kind == "torch" and self.in_child
        self.tell(f"Starting {self.card.title} with torch…" if apart else f"Loading {self.card.title}…")
        runtime = ChildRuntime(choice) if apart else open_runtime(choice, self.store)
        outliner, follower = (self.other(name, device) for name in (self.card.outliner, self.card.follower))
        return SamSegmenter(self.card, runtime, fallback, self.kept, outliner, follower)

    def other(self, name: str, device: str) -> SamSegmenter | None:
        """Load a model that does a part of this one's work; None where there is none or it is not here."""
        if not name:
            return None
        try:
            # It calls upon no third one. On the CPU it needs no process, and no share of a GPU, of its own.
            alone = self.store.get(name).model_copy(update={"outliner": "", "follower": ""})
            place = "cpu" if self.store.has_export(name) else device
            return replace(self, card=alone, runtime="auto").on(place)
        except MedkdError as error:
            logger.warning("%s works without %s: %s", self.card.title, name, error)
            return None

    def _kind(self, device: str) -> tuple[str, str]:
        """Return ``onnx`` or ``torch``, exporting the model first where that pays, and what went wrong."""
        if self.runtime not in ("auto", "onnx", "torch"):
            raise ModelUnavailable(f"{self.runtime!r} is not a runtime.", "Use auto, onnx or torch.")
        weights = self.store.weights_name(self.card.id) is not None
        with_torch = weights and find_spec("torch") is not None
        exported = _usable_export(self.card, self.store, can_repair=with_torch)
        if self.runtime == "torch" or (self.runtime == "auto" and device != "cpu" and with_torch):
            return "torch", ""
        if exported:
            return "onnx", ""
        if not with_torch:
            raise _nothing_runs(self.card, weights)
        if self.runtime == "auto" and not self.in_child:
            return "torch", ""
        return self._exported()

    def _exported(self) -> tuple[str, str]:
        """Export the model, or fall back to torch where that was not forbidden."""
        try:
            export_in_child(self.card, self.store, self.tell)
        except MedkdError as error:
            if self.runtime == "onnx":
                raise
            logger.warning("%s; torch is used instead.", error)
            return "torch", f"{error.message} Torch is used instead, which is slower."
        return "onnx", ""


def _usable_export(card: ModelCard, store: ModelStore, can_repair: bool) -> bool:
    """Tell whether the exported pair is there; a damaged one counts as missing where it can be made again."""
    if not store.has_export(card.id):
        return False
    try:
        for name in (ENCODER, DECODER):
            store.verified(card.id, name)
    except ModelUnavailable as error:
        if not can_repair:
            raise
        logger.warning("%s", error)
        return False
    return True


def _nothing_runs(card: ModelCard, has_weights: bool) -> MedkdError:
    if has_weights:
        return missing_extra("torch", "torch", f"Running {card.title}, which was not exported,")
    return ModelUnavailable(
        f"{card.title} is installed without any weights.", "Remove the model and add it again."
    )


def _cuda_devices() -> int:
    """Ask the NVIDIA driver how many devices there are."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0
