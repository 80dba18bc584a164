"""Documents: the same cells in Word, LaTeX and a page whatever they hold, a journal's signs, the same bytes."""

import html.parser
import io
import json
import re
import time
import zipfile

import docx
import pandas as pd
import pytest

from crmo_analysis import files
from crmo_analysis.files import InputError
from crmo_analysis.publish import documents
from crmo_analysis.publish.documents import Signs

STYLE = files.ROOT / "data/styles/springer-vancouver-brackets.csl"
PLAIN = Signs()
HOSTILE = [
    *("$5 & 10 %", "x_1 # ^ ~ \\ { }", "<script>alert(1)</script>", "שלום עולם", "حالة 1", "word " * 200),
    *(
        "x" * 400,
        "[5mm] option",
        "a\nb",
        "=1+1",
        "ρ ≥ 0.5, τ² → P < 0.001",
        "\"quoted\" | 'single'",
        "-",
        " edge ",
    ),
]


class Cells(html.parser.HTMLParser):
    """Texts of the cells of a page, as a browser reads them, and names of all elements."""

    def __init__(self):
        super().__init__()
        self.cells, self.names, self.inside = [], set(), False

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


def made(*blocks, text="", references=()):
    tree = documents.parsed(text)
    tree["meta"] = {"title": {"t": "MetaInlines", "c": documents.inlines("A title")}}
    tree["blocks"] += [each for part in blocks for each in part]
    return documents.render(tree, "made", references, STYLE, files.ROOT)


@pytest.fixture(scope="module")
def table():
    """A table of hostile texts in every format."""
    return made(
        documents.table_blocks(hostile(), "Table 1", "A & <caption> of $5_", ["Note of 10 % & <i>."], PLAIN)
    )


def read_cells(word):
    tables = docx.Document(io.BytesIO(word)).tables
    return [[cell.text for cell in row.cells] for table in tables for row in table.rows]


def test_word_and_the_page_hold_the_same_cells(table):
    frame = hostile()
    texts = [text.replace(" %", "%") for text in [*frame.columns, *frame.to_numpy().ravel()]]
    texts = [re.sub('"(.*)"', r"“\1”", text).replace("'", "’") for text in texts]
    cells = [" ".join(text.split(" ")).strip(" ") for text in texts]
    word = [cell.strip(" ") for row in read_cells(table["made.docx"]) for cell in row]
    assert [re.sub(" +", " ", cell) for cell in word] == [re.sub(" +", " ", cell) for cell in cells]
    page = Cells()
    page.feed(table["made.html"].decode().partition("<table")[2].join(["<table", ""]))
    shown = [re.sub(r"\s+", " ", cell).strip() for cell in page.cells]
    assert shown == [re.sub(r"\s+", " ", cell).strip() for cell in cells]
    assert not page.names & {"script", "b", "i"}


def test_word_repeats_the_heading_numbers_lines_and_pages_and_has_no_times(table):
    archive = zipfile.ZipFile(io.BytesIO(table["made.docx"]))
    xml = archive.read("word/document.xml").decode()
    assert "<w:tblHeader" in xml
    assert "<w:lnNumType" in xml
    footers = [archive.read(name).decode() for name in archive.namelist() if "word/footer" in name]
    assert any("PAGE" in text for text in footers)
    assert all("<w:suppressLineNumbers" in text for text in footers)  # a page's number is no line
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert "<script>" not in xml
    assert not any(b"/tmp/" in archive.read(name) for name in archive.namelist())
    styles = docx.Document(io.BytesIO(table["made.docx"])).styles
    assert styles["Body Text"].paragraph_format.line_spacing == 2.0


def test_the_same_tree_gives_the_same_bytes_later(table):
    time.sleep(2.1)  # zip archives count in steps of two seconds
    again = made(
        documents.table_blocks(hostile(), "Table 1", "A & <caption> of $5_", ["Note of 10 % & <i>."], PLAIN)
    )
    assert again == table


def test_no_word_is_wider_than_its_column():
    frame = pd.DataFrame({"Finding": ["Vertebral involvement"], "n": ["54"], "Reason": ["word " * 90]})
    widths = documents._widths(frame, 100)
    assert sum(widths) == pytest.approx(1, abs=0.01)
    for width, word in zip(widths, ("involvement", "54", "Reason"), strict=True):
        assert width * 100 >= len(word) + 3


def test_a_long_word_is_whole_where_the_line_has_room_for_it():
    frame = pd.DataFrame({"Claim": ["abstract.periosteal_reaction.percent"], "Reason": ["word " * 90]})
    assert documents._widths(frame, 160)[0] * 160 >= len(frame["Claim"][0]) + 3
    assert documents._widths(frame, 40)[0] * 40 < len(frame["Claim"][0])


def test_numbers_of_references_that_are_raised_stand_after_a_full_stop():
    style = STYLE.with_name("american-medical-association.csl")
    tree = documents.parsed("Said before [@one]. And again.")
    reference = {"id": "one", "type": "book", "title": "A book"}
    made = documents.render(tree, "made", [reference], style, files.ROOT)["made.html"].decode()
    assert "before.<sup" in " ".join(re.sub(r"</?span[^>]*>|</?a[^>]*>", "", made).split())


def test_the_column_with_the_most_text_is_the_widest_though_another_has_one_long_cell():
    frame = pd.DataFrame(
        {"Where": ["short"] * 9 + ["long " * 30], "Reason": ["nine words of a reason " * 4] * 10}
    )
    where, reason = documents._widths(frame, 100)
    assert reason > 2 * where


def test_no_column_has_no_width():
    assert documents._widths(pd.DataFrame(index=range(2)), 100) == []


def test_an_empty_cell_is_as_high_as_others():
    blocks = documents.table_blocks(pd.DataFrame({"A": ["", "x"]}), "Table 1", "A.", [], PLAIN)
    assert '"c": []' not in json.dumps(blocks[0]["c"][4])


@pytest.mark.parametrize(
    ("signs", "text", "expected"),
    [
        (PLAIN, "P=0.034 and (p<.001)", "P = 0.034 and (P < .001)"),
        (Signs(p="p"), "P=0.034", "p = 0.034"),
        (
            Signs(decimal="·"),
            "12.5 % (95 % interval 1.0 to 99.9), version 0.1.0",
            "12·5% (95% interval 1·0 to 99·9), version 0.1.0",
        ),
        (Signs(decimal="·"), "It runs to 0.56. Then 1.5.", "It runs to 0·56. Then 1·5."),
        (Signs(zero=False), "P=0.034, r 0.40", "P = .034, r 0.40"),
        (PLAIN, "-0.5 (-1 to 2), 10-14, x-ray", "−0.5 (−1 to 2), 10-14, x-ray"),
        (PLAIN, "27 - 8 = 19, 1.06/(n - 3)", "27 − 8 = 19, 1.06/(n − 3)"),
        (PLAIN, 'Fisher\'s "z"', "Fisher’s “z”"),
        (
            Signs(p="p"),
            "P value, one P. Or P; PA, HLA-P2, P. acnes",
            "p value, one p. Or p; PA, HLA-P2, P. acnes",
        ),
    ],
)
def test_a_journal_writes_numbers_in_its_way(signs, text, expected):
    assert "".join(documents._strings(signs.inlines(text))) == expected.replace(" ", "")
    assert [part["t"] for part in signs.inlines(text)].count("Space") == expected.count(" ")


def test_p_is_in_italics_and_stays_with_its_value():
    found = Signs(italic=True).inlines("seen, P=0.034, in all")
    place = next(number for number, part in enumerate(found) if part["t"] == "Emph")
    assert found[place]["c"] == [{"t": "Str", "c": "P"}]
    assert found[place + 1]["c"].startswith("\u00a0=\u00a00.034")
    alone = Signs(italic=True, p="p").inlines("two-sided P value")
    assert {"t": "Emph", "c": [{"t": "Str", "c": "p"}]} in alone
    assert not [part for part in Signs(italic=True).inlines("P. acnes") if part["t"] == "Emph"]


def test_a_cell_of_p_values_loses_its_zero_where_the_journal_writes_none():
    frame = pd.DataFrame({"P": ["0.034"], "Estimate": ["0.40"]})
    blocks = documents.table_blocks(frame, "Table 1", "Caption", [], Signs(zero=False))
    assert read_cells(made(blocks)["made.docx"])[1] == [".034", "0.40"]


def test_what_a_study_printed_is_quoted_as_it_is():
    frame = pd.DataFrame({"P (printed)": ["p = 0.0055"], "P": ["p = 0.0055"]})
    blocks = documents.table_blocks(frame, "Table 1", "Caption", [], Signs(p="P", zero=False))
    assert read_cells(made(blocks)["made.docx"])[1] == ["p = 0.0055", "P = .0055"]


def test_signs_leave_citations_and_links_alone():
    signs = Signs(decimal="·", p="p")
    tree = documents.parsed("Seen [@a, page 1.5] at 1.5 ([1.5](https://x.org/1.5)).")
    said = json.dumps(documents.signed(tree["blocks"], signs), ensure_ascii=False)
    assert said.count("1·5") == 1
    assert "x.org/1.5" in said


def test_references_are_numbered_as_they_are_cited():
    known = [
        {"id": name, "type": "book", "title": name, "author": [{"family": name.title(), "given": "A."}]}
        for name in ("first", "second")
    ]
    text = "One [@second], two [@first; @second].\n\n::: {#refs}\n:::\n"
    page = made(text=text, references=known)["made.html"].decode()
    assert page.index("Second A") < page.index("First A")


def test_an_unknown_citation_stops_the_document():
    with pytest.raises(InputError, match="nobody"):
        made(text="One [@nobody].")


@pytest.mark.parametrize("text", ["a\x00b", "bell \x07"])
def test_a_character_that_no_document_can_hold_is_named(text):
    with pytest.raises(InputError, match="control character"):
        documents.table_blocks(pd.DataFrame({"a": [text]}), "Table 3", "Caption", [], PLAIN)


def test_a_note_says_what_the_sign_of_a_missing_value_means():
    frame = pd.DataFrame({"a": ["1", "–"], "b": ["–", "2"]})
    word = made(documents.table_blocks(frame, "Table 1", "Caption", ["A note."], PLAIN))["made.docx"]
    last = docx.Document(io.BytesIO(word)).paragraphs[-1].text
    assert last == "–: no value is printed, or none can be estimated."


def test_without_pandoc_a_message_says_what_to_install(monkeypatch):
    documents._program.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "pypandoc", None)
    with pytest.raises(InputError, match=r"pip install 'crmo_analysis\[manuscript\]'"):
        documents.parsed("text")
    documents._program.cache_clear()


def test_latex_declares_the_signs_that_it_does_not_know():
    tex = made(text="From −1 to ≥ 2, ρ and τ².")["made.tex"].decode()
    assert r"\DeclareUnicodeCharacter{2212}" in tex
