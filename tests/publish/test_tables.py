"""Tables for a manuscript: one rounding, the same cells four times, whatever the texts hold."""

import html.parser
import io
import re
import time
import zipfile
from fractions import Fraction

import docx
import pandas as pd
import pytest

from crmo_analysis.files import InputError
from crmo_analysis.publish import tables
from crmo_analysis.study import describe

HOSTILE = [
    *("$5 & 10 %", "x_1 # ^ ~ \\ { }", "<script>alert(1)</script>", "שלום עולם", "حالة 1", "word " * 200),
    *(
        "x" * 400,
        "[5mm] option",
        "a\nb",
        "=1+1",
        "ρ ≥ 0.5, τ² → P<0.001",
        "\"quoted\" | 'single'",
        "-",
        " edge ",
    ),
]


class Cells(html.parser.HTMLParser):
    """Texts of the cells of a page, as a browser reads them, and names of all elements."""

    def __init__(self):
        super().__init__()
        self.cells, self.names = [], set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data):
        if self.cells and self.inside:
            self.cells[-1] += data


def hostile():
    return pd.DataFrame(
        {"label & $_<b>": HOSTILE, "x/n": ["7/7 (100.0 %)"] * len(HOSTILE), "P": ["<0.001"] * len(HOSTILE)}
    )


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("{x}/{n} ({share:%1} %)", {"x": 1, "n": 8, "share": 0.125}, "1/8 (12.5 %)"),
        ("{a:2}", {"a": 0.125}, "0.13"),
        ("{a:2}", {"a": 2.675}, "2.68"),  # its nearest binary fraction lies below
        ("{a:2}", {"a": -0.125}, "-0.13"),
        ("{a:2}", {"a": -0.004}, "0.00"),
        ("{a:%0}", {"a": 0.005}, "1"),
        ("{a:2}", {"a": "20.0"}, "20.00"),
        ("{a}", {"a": "20.0"}, "20.0"),
        ("{p:p}", {"p": 0.0}, "P<0.001"),
        ("{p:p}", {"p": 0.0004999}, "P<0.001"),
        ("{p:p_alone}", {"p": 0.05}, "0.050"),
        ("{p:p_alone}", {"p": 1e-9}, "<0.001"),
        ("{p:p_alone}", {"p": 1.0}, ">0.999"),
        ("{a:2} ({b:2})", {"a": 1.0, "b": float("nan")}, "1.00 (–)"),
        ("{a:2} ({b:2})", {"a": None, "b": float("nan")}, "–"),
        ("{m:words}", {"m": "negative_binomial"}, "Negative binomial"),
        ("{m:words}", {"m": "marrow_edema"}, "Bone marrow edema"),
        ("{95 % exact}", {"95 % exact": "1–2"}, "1–2"),
    ],
)
def test_a_cell_is_written_in_one_way(template, row, text):
    assert tables.fill(template, row) == text


def test_numbers_are_rounded_half_up_in_one_place():
    for thousandths in range(-2000, 2001):
        value = Fraction(thousandths, 1000)
        exact = abs(thousandths) // 10 + (abs(thousandths) % 10 >= 5)
        sign = "-" if thousandths < 0 and exact else ""
        assert (
            describe.rounded_text(value, 2)
            == f"{sign}{exact / 100:.2f}"
            == describe.rounded_text(thousandths / 1000, 2)
        )
    assert describe.percent_text(Fraction(1, 8), 0) == "13"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{b:2}", "there is no column b; there are a"),
        ("{a:2}", "'many' is no number"),
        ("{a:lots}", "cannot write :lots"),
        ("{a:12}", "cannot write :12"),
    ],
)
def test_a_template_that_does_not_fit_is_named(template, message):
    with pytest.raises(InputError, match=re.escape(message)):
        tables.fill(template, {"a": "many"})


def test_rows_and_columns_are_chosen_by_name():
    frame = pd.DataFrame({"model": ["linear", "firth"], "p": [0.2, 0.0001], "n": [3, 4]})
    shown = tables.chosen(frame, {"Model": "{model:words}", "n": "n", "P": "{p:p_alone}"}, {"model": "firth"})
    assert shown.to_dict("records") == [{"Model": "Firth", "n": "4", "P": "<0.001"}]
    assert list(tables.chosen(frame.rename(columns={"n": "n_all"}))) == ["Model", "P", "N all"]
    for columns, only in (({"A": "nothing"}, {}), (None, {"nothing": 1}), (None, {"n": 9})):
        with pytest.raises(InputError, match=r"no column|no row is left"):
            tables.chosen(frame, columns, only)


def test_all_four_hold_the_same_cells():
    frame = hostile()
    files = tables.render(frame, "Table 1", "A & <caption> of $5_", ["Note with 10 % & <i>."])
    assert sorted(files) == sorted(tables.ENDINGS)
    cells = [*frame.columns, *frame.to_numpy().ravel()]
    read = pd.read_csv(io.BytesIO(files[".csv"]), dtype=str, keep_default_na=False)
    page = Cells()
    page.feed(files[".html"].decode())
    assert page.cells == cells
    assert not page.names & {"script", "b", "i"}
    table = docx.Document(io.BytesIO(files[".docx"])).tables[0]
    assert [cell.text for row in table.rows for cell in row.cells] == cells
    assert read.shape == frame.shape
    assert [re.sub(r"^'(?=[=-])", "", text) for text in read.to_numpy().ravel()] == cells[3:]  # no formulas


def test_word_document_reads_back_with_caption_and_footnotes():
    files = tables.render(hostile(), "Table 2", "What it shows.", ["First note."])
    document = docx.Document(io.BytesIO(files[".docx"]))
    assert [paragraph.text for paragraph in document.paragraphs] == ["Table 2. What it shows.", "First note."]
    xml = zipfile.ZipFile(io.BytesIO(files[".docx"])).read("word/document.xml").decode()
    assert xml.count("<w:tblHeader/>") == 1
    assert xml.count("<w:bidi/>") == 2  # a row in Hebrew, one in Arabic
    assert xml.count("<w:rtl/>") == 2
    assert "<script>" not in xml
    properties = document.core_properties
    assert (properties.title, properties.author, properties.created) == ("Table 2", "", None)


def test_latex_is_escaped_and_balanced():
    text = tables.render(hostile(), "Table 1", "100 % of $5 & more_", [])[".tex"].decode()
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert not re.search(r"(?<!\\)[#^~]|(?<!\\)_", re.sub(r"\$\^\{2\}\$", "", "\n".join(body)))
    assert not re.search(r"(?<!\\)%", "\n".join(body))
    for line in body:
        bare = re.sub(r"\\[{}\\]", "", line)
        assert bare.count("{") == bare.count("}"), line
        assert len(re.findall(r"(?<!\\)\$", line)) % 2 == 0
        if line.startswith("{}"):
            assert len(re.findall(r"(?<!\\)&", line)) == 2
            assert line.endswith(r" \\")
    assert {r"\toprule", r"\midrule", r"\bottomrule"} <= set(body)
    assert "use LuaLaTeX" in text
    assert max(map(len, re.findall(r"x+", text))) <= 24


def test_the_same_table_gives_the_same_bytes_later():
    first = tables.render(hostile(), "Table 1", "Caption", [])
    time.sleep(2.1)  # zip archives count in steps of two seconds
    assert tables.render(hostile(), "Table 1", "Caption", []) == first


def test_a_footnote_says_how_many_values_are_missing():
    frame = pd.DataFrame({"a": ["1", "–"], "b": ["–", "2"]})
    for content in tables.render(frame, "Table 1", "Caption", ["A note."]).values():
        if content[:2] != b"PK" and b"<" in content:
            assert b"(2 of 4)" in content
    text = (
        docx.Document(io.BytesIO(tables.render(frame, "Table 1", "Caption", [])[".docx"])).paragraphs[-1].text
    )
    assert text == "–: no value is printed, or none can be estimated (2 of 4)."


@pytest.mark.parametrize("text", ["a\x00b", "bell \x07"])
def test_a_character_that_no_document_can_hold_is_named(text):
    with pytest.raises(InputError, match="control character"):
        tables.render(pd.DataFrame({"a": [text]}), "Table 3", "Caption", [])


def test_input_is_not_changed():
    frame = hostile()
    tables.render(frame, "Table 1", "Caption", [])
    pd.testing.assert_frame_equal(frame, hostile())
