"""From the tensor names of a published checkpoint to those of our networks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_medkd.models.checkpoint import read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_medkd.models.published import CatalogueEntry, KeyMap

_ENCODER = "image_encoder."
# Blocks in each stage of the published networks, which number them in one go.
_EDGE_SAM_BLOCKS = (3, 4, 16, 3)
_REPVIT_SAM_BLOCKS = (7, 8, 36, 3)


def load_checkpoint(path: Path, entry: CatalogueEntry) -> dict[str, Tensor]:
    """Read a published checkpoint as weights only and return its state dict under our names."""
    return convert(read_state(path), entry)


def convert(state: Mapping[str, Tensor], entry: CatalogueEntry) -> dict[str, Tensor]:
    """Rename the tensors of a published state dict, leaving out those that the catalogue says to drop.

    Names that the map does not know are kept as they are, so that loading reports them. A state dict that is
    under our names already comes back unchanged.
    """
    rename = KEY_MAPS[entry.key_map]
    return {
        _ENCODER + rename(name.removeprefix(_ENCODER)) if name.startswith(_ENCODER) else name: tensor
        for name, tensor in state.items()
        if name not in entry.dropped
    }


def _repvit(blocks: tuple[int, ...]) -> Callable[[str], str]:
    """Return the map of a RepViT whose numbered features are a stem and `blocks` per stage."""
    place = [(stage, index) for stage, count in enumerate(blocks) for index in range(count)]

    def rename(name: str) -> str:
        match = re.fullmatch(r"features\.(\d+)\.(.+)", name)
        if match is None or int(match[1]) > len(place):
            return _replaced(name, _REPVIT_NECK)
        if match[1] == "0":
            return "stem." + _replaced(match[2], _REPVIT_STEM)
        stage, index = place[int(match[1]) - 1]
        step_down = stage > 0 and index == 0
        inside = _replaced(match[2], _REPVIT_STEP if step_down else _REPVIT_BLOCK)
        return f"stages.{stage}.{index}.{inside}"

    return rename


def _efficientvit(name: str) -> str:
    def stem(match: re.Match[str]) -> str:
        block = int(match[1])
        return f"stem.res{block - 1}.main." if block else "stem.in_conv."

    name = re.sub(r"^backbone\.stages\.0\.op_list\.(\d+)\.(?:main\.)?", stem, name)
    name = re.sub(
        r"^backbone\.stages\.(\d+)\.op_list\.", lambda match: f"stages.{int(match[1]) - 1}.blocks.", name
    )
    # The published neck lists the coarsest stage first, ours the finest.
    name = re.sub(
        r"^neck\.input_ops\.(\d)\.op_list\.0\.", lambda match: f"neck.lateral.{2 - int(match[1])}.", name
    )
    return _replaced(name, _EFFICIENTVIT_PARTS)


def _replaced(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in pairs:
        name = re.sub(pattern, replacement, name)
    return name


_REPVIT_NECK = ((r"^fuse_stage2\.", "fuse.fine."), (r"^fuse_stage3\.op_list\.0\.", "fuse.coarse."))
_REPVIT_STEM = ((r"^0\.", "conv1."), (r"^2\.", "conv2."))
_MIXER = (
    (r"^channel_mixer\.m\.0\.", "channel_mixer.conv1."),
    (r"^channel_mixer\.m\.2\.", "channel_mixer.conv2."),
)
_REPVIT_BLOCK = ((r"^token_mixer\.0\.", "token_mixer."), (r"^token_mixer\.1\.", "se."), *_MIXER)
_REPVIT_STEP = ((r"^token_mixer\.0\.", "spatial."), (r"^token_mixer\.2\.", "channel."), *_MIXER)
_EFFICIENTVIT_PARTS = (
    (r"\.aggreg\.0\.(?=[01]\.)", ".aggreg."),
    (r"^neck\.middle\.op_list\.", "neck.middle."),
    (r"^neck\.output_ops\.0\.op_list\.0\.conv\.", "neck.out."),
)

KEY_MAPS: dict[KeyMap, Callable[[str], str]] = {
    "same": str,
    "edge-sam": _repvit(_EDGE_SAM_BLOCKS),
    "repvit-sam": _repvit(_REPVIT_SAM_BLOCKS),
    "efficientvit-sam": _efficientvit,
}
