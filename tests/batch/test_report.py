import csv
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from napari_medkd.batch import report
from napari_medkd.batch.ledger import Ledger
from napari_medkd.batch.plan import Item, Plan
from napari_medkd.batch.row import Class, Measure, Row
from tests.batch.made import pixels


class Page(HTMLParser):
    """The text of a page in its order, its links and pictures; fails where tags do not match."""

    VOID = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.links, self.pictures, self.scripts = [], [], [], [], 0
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "a":
            self.links.append(given["href"])
        elif tag == "img":
            assert given["alt"] and given["loading"] == "lazy"
            self.pictures.append(given["src"])
        self.scripts += tag == "script"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.text.append(data.strip())


def row(name, status="done", confidence=None, **more):
    return Row(
        name=name, key="k", run="r", status=status, output=f"{name}.png", confidence=confidence, **more
    )


def found(label=1, name="lesion", voxels=100, size=250.0):
    return Class(label=label, name=name, voxels=voxels, size=size)


DONE = {"shape": (1, 20, 30), "unit": "mm", "thumbnail": "report_files/x.jpg"}
MEASURE = Measure(
    label=1, name="lesion", number=1, unit="mm", voxels=100, size=250, dimensions=2, longest_diameter=20,
    equivalent_diameter=17.84, centre=(0, 5, 6), first_slice=0, last_slice=0,
)  # fmt: skip


@pytest.fixture
def write(tmp_path):
    """Write the report of rows in the order of their plan."""

    def call(*rows):
        items = [Item(i, one.name, (), one.output, ".png", (), "k") for i, one in enumerate(rows)]
        with Ledger(tmp_path) as ledger:
            ledger.append(reversed(rows))  # as they happened to be done
            counts = report.write(tmp_path, ledger, Plan(items, [], []))
        return counts, Page((tmp_path / "report.html").read_text("utf-8"))

    return call


def table(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_a_row_for_each_image_in_the_order_of_the_plan(write, tmp_path):
    counts, _ = write(
        row("a", confidence=0.9, classes=(found(),), **DONE),
        row("b", "failed", reason="It is empty.", hint="Copy it again."),
        row("c", "skipped", reason="No box."),
        row("d", confidence=0.4, classes=(found(), found(2, "vessel", 10, 25.0)), **DONE),
    )
    assert counts == {"done": 2, "failed": 1, "skipped": 1}
    a, b, c, d = table(tmp_path / "report.csv")
    assert [one["image"] for one in (a, b, c, d)] == ["a", "b", "c", "d"]
    assert (a["mask"], a["confidence"], a["size"], a["size_unit"]) == ("a.png", "0.9000", "250", "mm²")
    assert (b["mask"], b["reason"], b["hint"]) == ("", "It is empty.", "Copy it again.")
    assert d["found"] == "lesion 100; vessel 10" and d["size"] == "275"
    assert c["status"] == "skipped"


def test_the_page_has_failures_first_then_what_is_doubtful(write):
    _, page = write(
        row("sure", confidence=0.95, classes=(found(),), **DONE),
        row("broken", "failed", reason="It is empty.", hint="Copy it again."),
        row("unsure", confidence=0.3, classes=(found(),), **DONE),
        row("left", "skipped", reason="No box."),
    )
    order = [
        page.text.index(name)
        for name in ("Failed", "broken", "Segmented", "unsure", "sure", "Skipped", "left")
    ]
    assert order == sorted(order)
    assert "It is empty." in page.text and "Copy it again." in page.text
    assert {"unsure.png", "report_files/x.jpg", "report.csv"} <= set(page.links)
    assert page.pictures == ["report_files/x.jpg"] * 2 and page.scripts == 0


def test_sizes_are_in_units_that_people_use(write):
    volume = {"shape": (9, 20, 30), "unit": "mm", "thumbnail": "t.jpg"}
    pixels = {"shape": (1, 20, 30), "unit": "px", "thumbnail": "t.jpg"}
    _, page = write(
        row("v", confidence=0.9, classes=(found(size=51234.0),), **volume),
        row("p", confidence=0.9, classes=(found(size=1234.0), found(2, "", 0, 0)), **pixels),
        row("m", confidence=0.9, classes=(found(),), measures=(MEASURE,), **DONE),
    )
    assert {"51.23 ml", "1,234 pixels", "2.50 cm²", "20.0 mm", "not found", "Object 2"} <= set(page.text)


def test_what_was_chosen_for_an_image_is_said_beside_it(write):
    _, page = write(row("a", confidence=0.9, notes=("The kind of image is the model's guess.",), **DONE))
    assert "The kind of image is the model's guess." in page.text


def test_names_of_files_are_text_whatever_is_in_them(write, tmp_path):
    _, page = write(
        row("<script>alert(1)</script> & 100%.png", confidence=0.9, classes=(found(name="<b>"),), **DONE),
        row("=cmd()", "failed", reason="<i>bad</i>"),
    )
    assert page.scripts == 0 and "<script>alert(1)</script> & 100%.png" in page.text
    assert "%3Cscript%3Ealert%281%29%3C/script%3E%20%26%20100%25.png.png" in page.links
    assert [one["image"] for one in table(tmp_path / "report.csv")][1] == "'=cmd()"


def test_measurements_are_a_table_of_their_own_and_go_with_the_measures(write, tmp_path):
    _, page = write(row("a", confidence=0.9, measures=(MEASURE,), **DONE))
    (one,) = table(tmp_path / "measures.csv")
    assert (one["image"], one["size"], one["size_unit"], one["longest_diameter"]) == ("a", "250", "mm²", "20")
    assert "measures.csv" in page.links
    _, page = write(row("a", confidence=0.9, **DONE))
    assert not (tmp_path / "measures.csv").exists() and "measures.csv" not in page.links


def test_images_that_were_not_reached_are_not_reported(write, tmp_path):
    counts, _ = write(row("a", "begun"), row("b", confidence=0.5, **DONE))
    assert counts["done"] == 1 and [one["image"] for one in table(tmp_path / "report.csv")] == ["b"]


def test_a_page_of_thousands_shows_the_least_sure(write, monkeypatch):
    monkeypatch.setattr("napari_medkd.batch.page._MOST", 2)
    _, page = write(*(row(f"i{n}", confidence=n / 10, **DONE) for n in range(5)))
    assert len(page.pictures) == 2 and "i0" in page.text and "i4" not in page.text
    assert any("3 more images" in text for text in page.text)


@pytest.mark.slow
def test_a_browser_shows_the_page_with_its_pictures(write, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    (tmp_path / "report_files").mkdir()
    Image.new("RGB", (40, 40), (250, 120, 10)).save(tmp_path / "report_files" / "x.jpg")
    write(row("b", "failed", reason="It is empty."), row("a", confidence=0.9, classes=(found(),), **DONE))
    shot = tmp_path / "shot.png"
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    command = [browser, *options, "--window-size=900,900", f"--screenshot={shot}"]
    subprocess.run(
        [*command, (tmp_path / "report.html").as_uri()], capture_output=True, timeout=240, check=True
    )
    orange = (np.abs(pixels(shot)[..., :3].astype(int) - (250, 120, 10)) < 30).all(axis=-1)
    assert orange.sum() > 1000


def test_a_page_says_which_model_what_is_left_and_what_colours_mean():
    from napari_medkd.batch import page

    several = row("a", classes=(found(), found(2, "liver")), **DONE)
    text = "".join(
        page.pieces({"done": 1, "failed": 0, "skipped": 0, "left": 3}, [several], "", "t", "A & B")
    )
    seen = Page(text)
    assert "3 images are not done yet." in seen.text and "A &amp; B" in text
    assert text.count('class="key"') == 2 and "#e69f00" in text
    alone = row("a", classes=(found(),), **DONE)
    assert 'class="key"' not in "".join(page.pieces({"done": 1, "failed": 0, "skipped": 0}, [alone], "", "t"))
