import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from napari_medkd import runs
from napari_medkd.cli import recipe_options
from napari_medkd.core.registry import Registry
from napari_medkd.errors import InvalidSetting, UnknownName
from src_training.recipes import load

ROOT = Path(__file__).parents[2]


class ToyConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["finish", "fail", "crash", "polite"] = Field("finish", description="How it goes.")
    rate: float = Field(0.1, gt=0, le=1, title="Rate", description="Step of the toy.")
    name: str = Field("toy", description="Any word.")
    sizes: tuple[int, ...] = Field((1, 2), description="Some sizes.")
    side: Literal[128, 256] = Field(128, description="Side in pixels.")


class Toy:
    title = "A toy"
    config = ToyConfig


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """A recipe whose run is a few lines."""
    recipes = Registry("recipe")
    recipes.register("toy")(Toy)
    monkeypatch.setattr("src_training.recipes.load", lambda: recipes)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("start", "resume"):
        monkeypatch.setattr(
            f"napari_medkd.runs.{name}", partial(getattr(runs, name), module="tests.runs.child")
        )


@pytest.fixture
def images(tmp_path):
    (tmp_path / "data" / "images").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture
def interrupted(monkeypatch):
    """Press Ctrl+C as soon as the command only waits."""
    presses, sleep = [], time.sleep

    def press(seconds):
        if not presses:
            presses.append(seconds)
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr("napari_medkd.cli.watching.time.sleep", press)
    return presses


def test_a_run_is_followed_to_its_end(medkd, images, tmp_path):
    outcome = medkd(
        "train", "toy", "--data", images, "--out", tmp_path / "run", "--set", "rate=0.5", "--seed", 3
    )
    assert outcome.code == 0, outcome.err
    assert "Stage 1 of 1: masks, 4 steps" in outcome.err and "masks 4/4  0:00 left  dice 0.9" in outcome.err
    assert "student" in outcome.out and "dice 0.9" in outcome.out
    spec = runs.RunSpec.load(tmp_path / "run")
    assert (spec.recipe, spec.data, spec.seed) == ("toy", (str(images),), 3)
    assert spec.options == {"mode": "finish", "rate": 0.5, "name": "toy", "sizes": [1, 2], "side": 128}


def test_json_says_how_it_ended(medkd, images):
    report = medkd("train", "toy", "--data", images, "--json").json
    assert (report["status"], report["model"], report["summary"]) == ("finished", "student", {"dice": 0.9})
    assert Path(report["folder"]).parent == runs.home()


def test_a_run_that_fails_is_its_own_sentence(medkd, images):
    outcome = medkd("train", "toy", "--data", images, "--set", "mode=fail")
    assert outcome.code == 2
    assert "medkd: There is no image in the folder." in outcome.err and "Give another one." in outcome.err


def test_a_crash_shows_the_end_of_the_log(medkd, images):
    outcome = medkd("train", "toy", "--data", images, "--set", "mode=crash")
    assert outcome.code == 2
    assert "RuntimeError: a fault with a traceback" in outcome.err and "--resume" in outcome.err


def test_ctrl_c_stops_the_run_and_says_how_to_resume(medkd, images, tmp_path, interrupted):
    run = tmp_path / "a run"
    outcome = medkd("train", "toy", "--data", images, "--set", "mode=polite", "--out", run)
    assert interrupted and outcome.code == 130
    assert f"medkd train --resume --out '{run}'" in outcome.err
    assert runs.attach(run).status == "stopped"
    assert (run / "checkpoints" / "last").exists()
    interrupted.clear()
    outcome = medkd("train", "--resume", "--out", run)
    assert outcome.code == 130 and runs.attach(run).status == "stopped"


def test_a_detached_run_is_listed_watched_and_stopped(medkd, images):
    started = medkd("train", "toy", "--data", images, "--set", "mode=polite", "--detach", "--json").json
    assert started["status"] == "running"
    (listed,) = medkd("runs", "list", "--json").json["runs"]
    assert (listed["id"], listed["status"]) == (started["id"], "running")
    assert medkd("train", "--resume", "--out", started["id"]).code == 2
    stopped = medkd("runs", "stop", started["id"], "--json").json
    assert (stopped["status"], stopped["stage"], stopped["step"]) == ("stopped", "masks", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Training needs a recipe. Known: toy."),
        (("nonesuch",), "There is no recipe named 'nonesuch'. Known: toy."),
        (("toy",), "Training needs images. Name their folder: --data DIR"),
        (("toy", "--data", "nonesuch"), "is not a folder. Give a folder"),
        (("toy", "--data", ".", "--val", "nonesuch"), "is not a folder. Give a folder"),
        (("toy", "--data", ".", "--model", "nonesuch"), "The model 'nonesuch' is not installed"),
        (("toy", "--set", "colour=1"), "no setting 'colour'. Known: mode, rate, name, sizes, side."),
        (("toy", "--set", "rate"), "--set rate is not key=value."),
        (("toy", "--set", "rate=2"), "less than or equal to 1. Rate: Step of the toy. (above 0, at most 1)"),
        (("toy", "--data", ".", "--target-ms", "15"), "no setting 'target_ms'. Known: mode"),
        (("--resume",), "--resume needs the run. Name it: --out RUN"),
        (("--resume", "--out", "nonesuch"), "There is no run 'nonesuch'. Known: none yet"),
        (("toy", "--data", ".", "--precision", "8"), "--precision"),
    ],
)
def test_a_mistake_is_a_sentence_and_starts_nothing(medkd, home, arguments, said):
    outcome = medkd("train", *arguments)
    assert outcome.code == 2
    assert said in " ".join(outcome.err.split())
    assert not runs.list_runs()


def test_a_folder_that_holds_a_run_is_not_used_again(medkd, images, tmp_path):
    run = ("train", "toy", "--data", images, "--out", tmp_path / "run")
    assert medkd(*run).code == 0
    assert "holds a run already" in medkd(*run).err
    assert "finished" in medkd("train", "--resume", "--out", tmp_path / "run").err
    assert "without another seed" in medkd("train", "--resume", "--out", tmp_path / "run", "--seed", 1).err


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("rate=1e-3", 0.001),
        ("name=12", "12"),
        ("name=a=b", "a=b"),
        ("sizes=[3, 4]", [3, 4]),
        ("side=256", 256),
        (" side = 256 ", 256),
    ],
)
def test_settings_are_read_as_what_they_are(setting, value):
    key = setting.partition("=")[0].strip()
    assert recipe_options.read("toy", ToyConfig, [setting])[key] == value


def test_one_wrong_setting_is_named_among_right_ones():
    with pytest.raises(InvalidSetting, match=r"--set side=7: .*\(128, 256\)"):
        recipe_options.read("toy", ToyConfig, ["name=12", "side=7"])
    with pytest.raises(UnknownName):
        recipe_options.read("toy", ToyConfig, ["name=12", "sid=128"])


@pytest.mark.parametrize("name", list(load()))
def test_every_recipe_can_be_asked_for_its_own_defaults(name):
    config = load()[name].config
    typed = [setting for setting, _ in recipe_options.describe(config)]
    assert recipe_options.read(name, config, typed) == recipe_options.read(name, config, [])
    assert all(meaning for _, meaning in recipe_options.describe(config))


def test_the_help_lists_recipes_and_settings_without_torch():
    code = (
        "import sys; from napari_medkd.cli.app import run; code = run(['train', '--help']); "
        "print('\\n', [name for name in ('torch', 'timm', 'onnxruntime') if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1].strip() == "[] 0", done.stderr
    for name in load():
        assert f"Settings of {name} (--set key=value):" in done.stdout
    assert "batch_size=8" in done.stdout


def test_without_torch_training_says_what_to_install(medkd, images, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = medkd("train", "toy", "--data", images)
    assert outcome.code == 2 and 'pip install "napari-medkd[train]"' in outcome.err
    assert not runs.list_runs()


def test_what_is_printed_of_a_run_is_json(medkd, images, tmp_path):
    medkd("train", "toy", "--data", images, "--out", tmp_path / "run")
    lines = medkd("runs", "watch", tmp_path / "run", "--json").out.splitlines()
    assert [json.loads(line)["kind"] for line in lines][-2:] == ["model_exported", "finished"]
