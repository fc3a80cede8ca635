import hashlib
import json

import pytest

from napari_medkd.models.card import Architecture, ModelCard, Preprocessing


@pytest.fixture
def package(tmp_path):
    """A model package whose files are only bytes: nothing here runs them."""
    folder = tmp_path / "package"
    folder.mkdir()
    digests = {}
    for name in ("encoder.onnx", "decoder.onnx"):
        (folder / name).write_bytes(name.encode())
        digests[name] = hashlib.sha256(name.encode()).hexdigest()
    card = ModelCard(
        id="tiny",
        title="Tiny",
        architecture=Architecture(encoder="none"),
        preprocessing=Preprocessing(),
        capabilities=frozenset({"point", "box"}),
        licence="CC-BY-NC-4.0",
        commercial_use=False,
        files=digests,
    )
    (folder / "card.json").write_text(card.model_dump_json())
    return folder


def test_the_list_holds_what_is_there_and_what_can_be_had(medkd, package):
    before = {model["id"]: model for model in medkd("models", "list", "--json").json["models"]}
    assert "tiny" not in before and not before["mobile-sam"]["installed"]
    assert medkd("models", "add", package).code == 0
    after = {model["id"]: model for model in medkd("models", "list", "--json").json["models"]}
    assert after["tiny"]["installed"] and after["tiny"]["onnx"] and set(after) - set(before) == {"tiny"}
    shown = medkd("models", "list").out
    assert "tiny" in shown and "box, point" in shown and "non-commercial" in shown


def test_a_model_is_shown(medkd):
    outcome = medkd("models", "show", "edge-sam")
    assert outcome.code == 0 and "EdgeSAM" in outcome.out and "non-commercial" in outcome.out
    assert medkd("models", "show", "edge-sam", "--json").json["commercial_use"] is False


def test_who_does_a_part_of_its_work_is_said(medkd):
    outcome = medkd("models", "show", "medkd-fast")
    assert "Follows through volumes" in outcome.out and "medkd-volume" in outcome.out
    helpers = medkd("models", "show", "medkd-auto", "--json").json["helpers"]
    assert helpers == {"Outlines what it finds": "medkd-fast"}


@pytest.mark.parametrize("command", ["show", "fetch", "remove", "default"])
def test_an_unknown_model_lists_the_known(medkd, command):
    outcome = medkd("models", command, "nonesuch")
    assert outcome.code == 2 and "nonesuch" in outcome.err


def test_the_default_is_said_and_chosen(medkd, package):
    assert medkd("models", "default").out == "medkd-fast\n"
    medkd("models", "add", package)
    assert medkd("models", "default", "tiny").out == "tiny\n"
    assert medkd("models", "show", "tiny", "--json").json["default"]


def test_a_model_is_replaced_only_when_asked_and_can_go(medkd, package):
    medkd("models", "add", package)
    assert medkd("models", "add", package).code == 2
    assert medkd("models", "add", package, "--replace").code == 0
    assert medkd("models", "remove", "tiny").code == 0
    assert medkd("models", "remove", "tiny").code == 2


def test_a_licence_that_forbids_commercial_use_must_be_agreed_to(medkd, tmp_path):
    outcome = medkd("models", "fetch", "edge-sam", "--from", tmp_path)
    assert outcome.code == 2 and "--accept-licence" in outcome.err
    assert "NTU S-Lab" in outcome.err


def test_a_file_that_is_not_the_published_one_is_refused(medkd, tmp_path, home):
    (tmp_path / "mobile_sam.pt").write_bytes(b"not these weights")
    outcome = medkd("models", "fetch", "mobile-sam", "--from", tmp_path)
    assert outcome.code == 2 and "is not the published one" in outcome.err
    assert not list(home.glob("models/*")) and not list(home.glob("downloads/*"))


def test_a_fetched_file_is_installed_once(medkd, package, monkeypatch, tmp_path):
    """The way through, with the download and the checkpoint's format taken for granted."""
    from napari_medkd.cli import library

    asked = []

    def fetch(model_id, **options):
        asked.append((model_id, options["accept_licence"]))
        path = tmp_path / "downloaded.pt"
        path.write_bytes(b"weights")
        return path

    def add(store, path, **options):
        card = ModelCard.model_validate_json((package / "card.json").read_text())
        card = card.model_copy(update={"id": "mobile-sam"})
        return store.install(card, {name: package / name for name in card.files})

    monkeypatch.setattr(library, "fetch", fetch)
    monkeypatch.setattr("napari_medkd.models.store.ModelStore.add", add)
    outcome = medkd("models", "fetch", "mobile-sam", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["installed"] and "Apache-2.0" in outcome.err
    assert not (tmp_path / "downloaded.pt").exists()
    assert medkd("models", "fetch", "mobile-sam").code == 0 and len(asked) == 1


@pytest.fixture
def exported(monkeypatch, package, medkd):
    """An export that takes no time: the files of the package."""
    medkd("models", "add", package)

    def export_onnx(model_id, store=None, progress=None):
        from napari_medkd.models.store import ModelStore

        return ModelStore().files(model_id)

    monkeypatch.setattr("napari_medkd.models.export.export_onnx", export_onnx)


def test_an_export_can_be_carried_to_another_computer(medkd, exported, tmp_path, monkeypatch):
    out = tmp_path / "out"
    outcome = medkd("export", "tiny", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    assert set(outcome.json["files"]) == {"encoder.onnx", "decoder.onnx", "card.json"}
    card = json.loads((out / "card.json").read_text())
    assert set(card["files"]) == {"encoder.onnx", "decoder.onnx"}
    assert medkd("export", "tiny", "--out", out).code == 2  # never over something
    monkeypatch.setenv("MEDKD_HOME", str(tmp_path / "other"))
    assert medkd("models", "add", out).code == 0
