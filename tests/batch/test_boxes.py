import pytest

from napari_medkd.batch.boxes import BoxRow, read_boxes
from napari_medkd.core.prompts import Box
from napari_medkd.errors import InvalidPrompt, UnreadableFile


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def test_rows_are_gathered_by_image(tmp_path):
    table = "image,x0,y0,x1,y1,slice,label,name\n" \
        "a.png,10,20,30,40,,,\n" \
        "ct,1,2,3,4,7,2,liver\n" \
        "./a.png,5,6,1.5,2,,3,\n" \
        "\n"  # fmt: skip
    found = read_boxes(write(tmp_path / "boxes.csv", table))
    assert found == {
        "a.png": [BoxRow(Box(20, 10, 40, 30)), BoxRow(Box(2, 1.5, 6, 5), None, 3)],
        "ct": [BoxRow(Box(2, 1, 4, 3), (7, 7), 2, "liver")],
    }


def test_a_range_of_slices_has_both_its_ends(tmp_path):
    (box,) = read_boxes(write(tmp_path / "b.csv", "image,x0,y0,x1,y1,slice\nct,1,2,3,4,5-9\n"))["ct"]
    assert box.slices == (5, 9)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(tmp_path, delimiter):
    text = "image,x0,y0,x1,y1\r\nsub\\a.png, 1,2,3,4\r\n".replace(",", delimiter)
    assert list(read_boxes(write(tmp_path / "b.csv", text, "utf-8-sig"))) == ["sub/a.png"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a.png,1,2,three,4,,", "Line 2 .* 'three' for x1"),
        ("a.png,1,2,nan,4,,", "'nan' for x1"),
        ("a.png,1,2,3,,,", "for y1"),
        ("a.png,1,2,3,4,9-5,", "'9-5' for slice"),
        ("a.png,1,2,3,4,some,", "'some' for slice"),
        ("a.png,1,2,3,4,,0", "label"),
        ("a.png,1,2,3,4,,1.5", "label"),
        (",1,2,3,4,,", "no image"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(tmp_path, row, sentence):
    with pytest.raises(InvalidPrompt, match=sentence):
        read_boxes(write(tmp_path / "b.csv", f"image,x0,y0,x1,y1,slice,label\n{row}\n"))


@pytest.mark.parametrize("text", ["", "image,x,y\na,1,2\n"])
def test_a_missing_column_is_named(tmp_path, text):
    with pytest.raises(InvalidPrompt, match="lack the column"):
        read_boxes(write(tmp_path / "b.csv", text))


def test_what_cannot_be_read_is_a_sentence(tmp_path):
    with pytest.raises(UnreadableFile, match="No such file"):
        read_boxes(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00image")
    with pytest.raises(UnreadableFile, match="UTF-8"):
        read_boxes(tmp_path / "b.csv")
