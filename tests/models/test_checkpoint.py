from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.checkpoint import (
    check_digest,
    check_state,
    load_state,
    read_state,
    sha256,
    write_state,
)

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([1.0, 2.0])}


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def same(state):
    return state.keys() == STATE.keys() and all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"model": STATE, "epoch": 3},
        {"state_dict": STATE},
        {"model": {"state_dict": STATE}},
        {f"module.{name}": tensor for name, tensor in STATE.items()},
        STATE | {"note": "by hand"},
    ],
    ids=["bare", "model", "state_dict", "nested", "several GPUs", "with a note"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_is_found_in_what_checkpoints_hold_it_in(tmp_path, content, zipped):
    torch.save(content, tmp_path / "model.pth", _use_new_zipfile_serialization=zipped)
    assert same(read_state(tmp_path / "model.pth"))


def test_safetensors_come_back_as_they_were(tmp_path):
    write_state(STATE | {"view": torch.arange(6.0).reshape(2, 3).T}, tmp_path / "model.safetensors")
    state = read_state(tmp_path / "model.safetensors")
    assert torch.equal(state.pop("view"), torch.arange(6.0).reshape(2, 3).T)
    assert same(state)


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    torch.save({"model": STATE, "trap": Trap(tmp_path / "sprung")}, tmp_path / "model.pth")
    with pytest.raises(ModelUnavailable, match=r"model\.pth .*holds more than weights"):
        read_state(tmp_path / "model.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["model.pth", "model.pt", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>Sign in to the proxy</html>", pickle.dumps([1, 2], 2)])
def test_something_else_is_refused_with_a_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelUnavailable):
        read_state(tmp_path / name)


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_a_truncated_file_is_refused_with_a_sentence(tmp_path, kept):
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "model.pth")
    whole = (tmp_path / "model.pth").read_bytes()
    (tmp_path / "model.pth").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ModelUnavailable, match="not a readable checkpoint"):
        read_state(tmp_path / "model.pth")


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(ModelUnavailable):
        read_state(tmp_path / "model.pth")


def test_a_file_without_tensors_is_refused(tmp_path):
    torch.save({"model": {"epoch": 3}}, tmp_path / "model.pth")
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        read_state(tmp_path / "model.pth")


def test_a_digest_is_compared(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180-2
    assert sha256(tmp_path / "model.pth") == digest
    check_digest(tmp_path / "model.pth", digest, "model")
    with pytest.raises(ModelUnavailable, match="ba7816bf8f01…, expected 000000000000…"):
        check_digest(tmp_path / "model.pth", "0" * 64, "model")


def test_weights_are_loaded():
    layer = nn.Linear(3, 2)
    load_state(layer, STATE, "a layer")
    assert same(layer.state_dict())


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"weight": STATE["weight"]}, r"1 missing \(bias\)"),
        (STATE | {"scale": torch.ones(1)}, r"1 unexpected \(scale\)"),
        (STATE | {"bias": torch.ones(3)}, r"1 of another shape \(bias \(3,\) instead of \(2,\)\)"),
        ({f"a{index}": torch.ones(1) for index in range(9)}, r"9 unexpected \(a0, a1, a2, …\)"),
    ],
)
def test_weights_that_do_not_fit_are_reported_by_name(state, said):
    with torch.device("meta"):
        layer = nn.Linear(3, 2)
    with pytest.raises(ModelUnavailable, match=said):
        check_state(layer, state, "a layer")


def test_counters_of_batch_norms_may_be_missing():
    norm = nn.BatchNorm2d(4)
    state = {name: value for name, value in norm.state_dict().items() if name != "num_batches_tracked"}
    load_state(norm, state, "a norm")
