"""README and docs say what is true: commands parse, links lead somewhere, generated pages are new."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from napari_medkd import __version__

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def blocks(page, *languages):
    return [text for language, text in BLOCK.findall(page.read_text("utf-8")) if language in languages]


def commands(page):
    """Yield the command lines of a page: in console blocks those after the prompt."""
    for text in blocks(page, "console"):
        yield from (line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ "))


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_inside_the_project_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text("utf-8"))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        if page.name == "changelog.md":  # a copy from the root
            continue
        assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_medkd_commands_in_the_docs_parse(page):
    from typer.main import get_command

    from napari_medkd.cli.app import app

    for line in commands(page):
        words = shlex.split(line)
        if words[0] != "medkd":
            continue
        command, name, rest = get_command(app), "medkd", words[1:]
        while hasattr(command, "commands"):
            assert rest and rest[0] in command.commands, line
            command, name, rest = command.commands[rest[0]], f"{name} {rest[0]}", rest[1:]
        command.make_context(name, list(rest))  # raises where an option or value is wrong


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_make_targets_and_modules_in_the_docs_exist(page):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for line in commands(page):
        words = shlex.split(line)
        if words[0] == "make":
            assert set(words[1:]) <= set(targets), line
        if words[:2] == ["python", "-m"]:
            path = ROOT / words[2].replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), line


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_python_in_the_docs_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDKD_HOME", str(tmp_path / "home"))
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), {"__name__": "docs"})


def test_generated_pages_are_new():
    command = [sys.executable, "scripts/reference.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, f"run python scripts/reference.py\n{done.stdout}{done.stderr}"


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "index.html").exists()


def test_the_version_is_the_same_everywhere():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_constraints_name_versions_and_no_place():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert all(re.match(r"[a-z0-9._-]+==[^/\s]+( ;|$)", line) for line in lines)


def test_every_dependency_is_in_the_constraints():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    pinned = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()}
    plain = {re.match(r"[A-Za-z0-9._-]+", name)[0].lower().replace("_", "-") for name in wanted}
    assert plain - {"napari-medkd"} <= pinned


def test_pictures_are_small():
    large = [path for path in (ROOT / "docs" / "images").iterdir() if path.stat().st_size > 400_000]
    assert not large
