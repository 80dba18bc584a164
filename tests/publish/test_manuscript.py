"""The manuscript's package.

Figures at final size, what is wrong with an outline, and that a good package stays.
"""

import contextlib
import hashlib
import json
import re
import shutil
import zlib

import docx
import nbformat
import pytest
from click.testing import CliRunner
from PIL import Image

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.display import canvas
from crmo_analysis.execution import execute
from crmo_analysis.files import InputError
from crmo_analysis.publish import documents, manuscript, outline, plates, text

NOTEBOOK = (
    """
folder = "made"  # of figures and tables
outputs = ["shares", "wide"]  # figures that this notebook leaves
out = ""  # folder for figures and tables
page = {}  # of figures for a journal
""",
    """
import pandas as pd

import crmo_analysis as crmo
""",
    """
run = crmo.start("", outputs, out, page, folder, "Made numbers.")
labels = ["$5 & x_1 #", "<script>alert(1)</script>", "A label that takes a few words more than others"]
rows = [("", label, x, 9) for label, x in zip(labels, (1, 5, 9), strict=True)]
shares = crmo.read_study(crmo.studies()[0]).shares(rows)
shares = crmo.Result(shares.frame.drop(columns="section"), "Shares", source="simulated", data=shares.frame)
run.table("shares", shares)
""",
    """
shown = shares.drawn(crmo.plot.proportion_intervals)
texts = {"subtitle": "and a subtitle", "caption": "What is <seen>.", "alt": "An alternative text."}
run.show("shares", shown, "A <title> of $5", **texts)
names = ["step", "n", "left", "why"]
steps = pd.DataFrame([("Pseudopseudohypoparathyroidism", 15, 3, "Two"), ("One", 12, None, "")], columns=names)
flow = crmo.Result(steps).drawn(crmo.plot.participants)
run.show("wide", flow, "A flow", subtitle="of boxes", caption="A flow.", alt="Two boxes.")
""",
    "run.finish()",
)
OUTLINE = """
journal: nature
figures:
  Figure 1: {output: made/wide, columns: 2}
  Figure 2: {output: made/shares, columns: 1}
tables:
  Table 1:
    output: made/shares
    caption: Shares, x/n (%)
    columns: {Finding: label, "Share, x/n (%)": "{x}/{n} ({share:%1} %)"}
    footnotes: [Everyone was asked.]
"""
TEXT = """# Methods

Shares have intervals.

# Results

## Shares

The share was {share.a_label_that_takes_a_few_words_more_than_others} ({figure made/shares}; {table made/shares}; {figure made/wide}).
"""


def write(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A small project whose notebook was run, and its package for Nature."""
    root = tmp_path_factory.mktemp("project")
    parameters, *cells = NOTEBOOK
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    book.cells = [nbformat.v4.new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]})]
    book.cells += [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    write(root, "notebooks/10_made.ipynb", nbformat.writes(book))
    execute(root / "notebooks/10_made.ipynb", out=root / "first")
    shutil.copytree(root / "first/figures", root / "figures")
    shutil.copytree(root / "first/tables", root / "results/tables")
    (root / "data/published").mkdir(parents=True)
    for name in ("data/journals.yaml", "CITATION.cff"):
        shutil.copy(files.ROOT / name, root / name)
    shutil.copytree(files.ROOT / "data/styles", root / "data/styles")
    write(root, "results/ledger.csv", "study,claim_id,printed,verdict\n")
    entry = '{from: tables/made/shares, id: "share.{label}", values: [share], text: "{x}/{n} ({share:%1} %)"}'
    write(root, "data/numbers.yaml", f"- {entry}\n")
    item = '{item: 1, section: Title, asks: for a title, answered_by: [figure made/wide, "text Shares"], note: ""}'
    none = "{item: 22, section: Funding, asks: who paid, answered_by: [], note: Nobody says.}"
    write(root, "data/strobe.yaml", f"- {item}\n- {none}\n")
    write(root, "data/manuscript_text.md", TEXT)
    write(root, "manuscript.yml", OUTLINE)
    said = []
    manuscript.assemble(outline.read_outline(root), root / "package", tiff=True, say=said.append)
    assert said == ["Figure 1: made/wide, 183 mm", "Figure 2: made/shares, 89 mm", "Table 1: made/shares"]
    return root


@pytest.fixture
def project(whole, tmp_path):
    """A copy of the project, to change."""
    return shutil.copytree(whole, tmp_path / "project")


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_the_package_is_whole(whole):
    files = contents(whole / "package")
    endings = ("svg", "pdf", "png", "csv", "json", "tiff")
    expected = {f"figures/Figure_{number}.{ending}" for number in (1, 2) for ending in endings}
    expected |= {
        f"{name}.{ending}" for name in ("manuscript", "supplement") for ending in ("docx", "tex", "html")
    }
    expected |= {"manuscript.md", "references.json", "tables/Table_1.csv", "numbers.json", "strobe.csv"}
    assert set(files) == expected | {"CITATION.cff", "README.txt", "manifest.json"}
    facts = json.loads(files["manifest.json"])
    assert facts["files"] == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name != "manifest.json"
    }
    assert {"manuscript.yml", "notebooks/10_made.ipynb", "results/tables/made/shares.csv"} <= set(
        facts["inputs"]
    )
    assert not re.search(rb"20\d\d-\d\d-\d\d", files["manifest.json"])
    assert not [path for path in whole.iterdir() if path.name.startswith(".")]


def pdf_text(content):
    """Return a PDF's width in millimetres, whether every font is inside, and the size of the smallest text."""
    left, _, right, _ = map(float, re.search(rb"/MediaBox \[ ?([\d. ]+?) ?\]", content)[1].split())
    sizes = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        with contextlib.suppress(zlib.error):  # a font
            sizes += [float(size) for size in re.findall(rb"/\S+ ([\d.]+) Tf", zlib.decompress(stream))]
    described, inside = content.count(b"/Type /FontDescriptor"), len(re.findall(rb"/FontFile[23]? ", content))
    is_embedded = described == inside > 0 and b"/Subtype /Type3" not in content
    return (right - left) * 25.4 / 72, is_embedded, min(sizes)


@pytest.mark.parametrize(("number", "width"), [(1, 183), (2, 89)])
def test_figures_have_their_final_size_and_their_fonts_inside(whole, number, width):
    stem = whole / f"package/figures/Figure_{number}"
    width_of_pdf, is_embedded, smallest = pdf_text(stem.with_suffix(".pdf").read_bytes())
    assert width_of_pdf == pytest.approx(width, abs=0.01)
    assert is_embedded
    assert smallest >= 6
    points = float(re.search(r'<svg[^>]* width="([\d.]+)pt"', stem.with_suffix(".svg").read_text())[1])
    assert points / 72 * 25.4 == pytest.approx(width, abs=0.01)
    for ending in (".png", ".tiff"):
        image = Image.open(stem.with_suffix(ending))
        assert image.size[0] / image.info["dpi"][0] * 25.4 == pytest.approx(width, abs=0.1)
        assert round(float(image.info["dpi"][0])) == 600


def test_captions_hold_the_titles_and_say_what_is_simulated(whole):
    notes = json.loads((whole / "package/figures/Figure_2.json").read_text())
    assert notes["title"] == "A <title> of $5. And a subtitle."
    assert notes["caption"] == "What is <seen>. Simulated: nobody shown here is a patient."
    assert (notes["alt"], notes["source"], notes["width"]) == ("An alternative text.", "simulated", 89)
    document = docx.Document(whole / "package/manuscript.docx")
    captions = [paragraph.text for paragraph in document.paragraphs if "Caption" in paragraph.style.name]
    assert any(
        each.startswith("Figure 2. A <title> of $5. And a subtitle. What is <seen>.") for each in captions
    )
    assert any(each.startswith("Table 1. Shares, x/n (%). Simulated: nobody") for each in captions)
    assert 'descr="An alternative text."' in document.element.xml
    assert "<script" not in (whole / "package/figures/Figure_2.svg").read_text()


def test_the_word_table_reads_back(whole):
    document = docx.Document(whole / "package/manuscript.docx")
    rows = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert rows[:3] == [
        ["Finding", "Share, x/n (%)"],
        ["$5 & x_1 #", "1/9 (11.1%)"],
        ["<script>alert(1)</script>", "5/9 (55.6%)"],
    ]
    assert "Everyone was asked." in [paragraph.text for paragraph in document.paragraphs]


def test_the_text_quotes_numbers_and_the_numbers_of_outputs(whole):
    text = (whole / "package/manuscript.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "The share was 9/9 (100.0 %) (Figure 2; Table 1; Figure 1)." in text
    strobe = (whole / "package/strobe.csv").read_text(encoding="utf-8")
    assert "Figure 1; section “Shares”" in strobe
    assert "not reported in the source" in strobe


def test_the_same_again_changes_no_byte_and_a_number_is_one_line(project):
    before = contents(project / "package")
    manuscript.assemble(outline.read_outline(project), project / "package", tiff=True, say=lambda line: None)
    assert contents(project / "package") == before
    write(project, "manuscript.yml", OUTLINE.replace("Figure 2:", "Figure 7:"))
    read = outline.read_outline(project)
    assert read.gaps == [f"Figure {number}" for number in range(2, 7)]
    manuscript.assemble(read, project / "package", say=lambda line: None)
    after = contents(project / "package")
    assert after["figures/Figure_7.pdf"] == before["figures/Figure_2.pdf"]
    assert "figures/Figure_2.pdf" not in after


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("results/tables/made/shares.csv", "label,x\na,1\n"),
            "is not what its notebook gives now; run crmo reproduce",
        ),
        (
            ("data/manuscript_text.md", "The share was {share.gone}."),
            "manuscript_text.md, line 1: there is no number",
        ),
        (
            ("data/strobe.yaml", "- {item: 3, section: A, asks: b, answered_by: [c/d], note: e}"),
            "strobe.yaml, item 3",
        ),
        (("data/numbers.yaml", "- {from: tables/gone}"), "numbers.yaml, entry 1"),
        (
            ("manuscript.yml", OUTLINE.replace("{share:%1}", "{gone:%1}")),
            "Table 1: '{x}/{n} ({gone:%1} %)': there is no",
        ),
        (("manuscript.yml", OUTLINE.replace("columns: 2", "columns: 1")), "Figure 1: figure 'wide'"),
    ],
)
def test_when_something_fails_the_good_package_stays(project, change, message):
    before = contents(project / "package")
    write(project, *change)
    numbers = project / "data/numbers.yaml"
    if "is not what" in message:  # the table has other columns now; only the figures find out
        numbers.write_text("[]")
        write(project, "data/manuscript_text.md", TEXT.replace("{share", "{table share"))
        write(project, "manuscript.yml", OUTLINE.partition("tables:")[0])
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        manuscript.assemble(outline.read_outline(project), project / "package", say=lambda line: None)
    if "'wide'" in message:
        assert "runs over its box" in str(caught.value)
        assert "Try columns: 1.5 or 2." in str(caught.value)
    assert contents(project / "package") == before
    assert not [path for path in project.iterdir() if path.name.startswith(".")]


def test_what_somebody_wrote_is_not_replaced(project):
    for name, words in (
        ("package/notes.txt", "is not of this command"),
        ("package/manuscript.md", "was changed by hand"),
    ):
        before = (project / name).read_bytes() if (project / name).exists() else None
        write(project, name, "mine")
        with pytest.raises(InputError, match=words):
            manuscript.assemble(outline.read_outline(project), project / "package")
        assert (project / name).read_text() == "mine"
        (project / name).unlink() if before is None else (project / name).write_bytes(before)
    for folder in (project, project / "data"):
        with pytest.raises(InputError, match="is no package of this command"):
            manuscript.assemble(outline.read_outline(project), folder)
    assert (project / "manuscript.yml").is_file()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("journal: nature", "journal: natur", "there is no journal 'natur'; is 'nature' meant?"),
        (
            "columns: 2",
            "columns: 1.7",
            "nature has no figure of 1.7 columns; it has 1 (89 mm), 1.5 (120 mm), 2 (183 mm)",
        ),
        ("columns: 2", "columns: [2]", "columns: [2] is not of type"),
        ("Figure 2:", "Figure 1:", "the key 'Figure 1' stands in line 4 already"),
        ("made/wide", "made/shares", "Figure 2: made/shares is Figure 1 already; keep one of the two"),
        ("made/wide", "made/wid", "no notebook makes a figure 'made/wid'; is 'made/wide' meant?"),
        (
            "    output: made/shares",
            "    output: made/share",
            "there is no table 'made/share' in results/tables; is",
        ),
        ("Figure 1", "Fig. 1", "figures: expected 'Figure ' and a number"),
        ("Figure 1", "Figure 01", "figures: expected"),
        ("Table 1:", "Table one:", "tables: expected 'Table ' and a number"),
        ("output: made/wide, ", "", "figures, Figure 1: expected output: folder/name"),
        ("Figure 1", "1", "figures: expected 'Figure ' and a number"),
        ("columns: 2", "width: 2", "knows caption, columns, output, not width"),
        ("footnotes: [Everyone was asked.]", "footnotes: Everyone", "footnotes: expected a list of texts"),
        (
            "columns: {Finding: label,",
            "columns: {Finding: 3,",
            "columns, Finding: expected a text behind every heading",
        ),
        ("journal: nature", "journal: nature\ntext: gone.md", "text: there is no file gone.md"),
        (
            "journal: nature",
            "journal: nature\nother: 1",
            "knows journal, text, title, authors, keywords, studies, figures, tables, not other",
        ),
        ("journal: nature", "journal: nature\nstudies: [beck]", "studies: there is no study 'beck'"),
        ("journal: nature", "journal: nature\nstudies: some", "studies: expected all, or a list"),
        ("figures:", "figures: [", "manuscript.yml: cannot be read as YAML"),
    ],
)
def test_what_is_wrong_with_an_outline_is_said_before_anything_runs(project, old, new, message):
    assert old in OUTLINE
    write(project, "manuscript.yml", OUTLINE.replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(message)):
        outline.read_outline(project)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{output: made/wide, columns: 2}", "made/wide"),
        ("journal: nature", "journal: nature\ntitle:\nauthors:\nkeywords: [pain, 2020]"),
    ],
)
def test_what_is_left_out_or_written_short_is_understood(project, old, new):
    write(project, "manuscript.yml", OUTLINE.replace(old, new, 1))
    assert [item.output for item in outline.read_outline(project).figures] == ["made/wide", "made/shares"]


def test_a_manuscript_of_nothing_is_refused(project):
    write(project, "manuscript.yml", "journal: nature\nfigures: {}\ntables:\n")
    with pytest.raises(InputError, match="has neither figures nor tables"):
        outline.read_outline(project)


def test_all_problems_of_an_outline_are_listed(project):
    write(
        project,
        "manuscript.yml",
        OUTLINE.replace("made/wide", "made/gone").replace("columns: 1}", "columns: 9}"),
    )
    with pytest.raises(InputError) as caught:
        outline.read_outline(project)
    assert len(str(caught.value).splitlines()) == 2


def test_an_entry_adds_a_journal(project):
    more = "\nannals: {columns: {1: 75, 2: 154}, dpi: 300}\nbad: {columns: {1: 7000}}\n"
    write(project, "data/journals.yaml", (project / "data/journals.yaml").read_text() + more)
    with pytest.raises(InputError, match="bad, columns, 1: 7000 is greater than the maximum of 500"):
        outline.read_journals(project)
    write(project, "data/journals.yaml", (project / "data/journals.yaml").read_text().partition("bad:")[0])
    assert outline.read_outline(project, "annals").figures[0].width == 154


def test_the_command_names_an_unknown_journal():
    result = CliRunner().invoke(main, ["manuscript", "--journal", "lancette"])
    assert result.exit_code == 2
    assert "there is no journal 'lancette'" in result.output
    assert "nature, elsevier, springer, pediatric_rheumatology" in result.output


# What the project ships.


def test_shipped_journals_have_the_widths_of_their_guidelines():
    found = {name: dict(journal.columns) for name, journal in outline.read_journals().items()}
    assert found["nature"] == {"1": 89, "1.5": 120, "2": 183}
    assert found["elsevier"] == {"1": 90, "1.5": 140, "2": 190}
    assert found["springer"] == {"1": 84, "1.5": 129, "2": 174}
    assert {"pediatric_rheumatology", "pediatric_radiology", "pediatrics", "jama", "lancet"} <= set(found)


def test_shipped_checklist_has_22_items():
    entries = files.read_yaml(files.ROOT / text.STROBE)
    assert [entry["item"] for entry in entries] == list(range(1, 23))
    assert sum(not entry["answered_by"] for entry in entries) >= 3  # nobody prints everything


@pytest.mark.skipif(not (files.RESULTS / "numbers.json").is_file(), reason="nothing has been run yet")
@pytest.mark.parametrize("journal", ["pediatric_rheumatology", "pediatrics", "lancet"])
def test_shipped_outline_text_and_tables_are_sound(journal):
    # The text cites simm_2008, hospach_2010, bicetre, menashe_2022, sag_2019 and capponi_2021.
    read = outline.read_outline(journal=journal)
    assert [item.number for item in read.figures] == [f"Figure {number}" for number in range(1, 7)]
    assert not read.gaps
    made, remarks = manuscript._documents(read)
    said = made["manuscript.md"].decode()
    assert not re.search(r"\{|\}|\bnan\b|not numbered", said)
    assert not re.search(
        r"\b(because of|due to|caus|leads? to|effects? of|improves?|prevent|risk factor)", said
    )
    unwritten = ("Funding", "Competing interests", "Author contributions", "Acknowledgements")
    assert remarks == [f"section '{name}' is still to be written" for name in unwritten]
    assert len(made["strobe.csv"].splitlines()) == 23
    results = said.partition("# Results")[2].partition("## Planning")[0]
    assert "simulated" not in results.lower(), "what was made up is no result on patients"
    shares = made["tables/Table_2.csv"].decode().splitlines()[0].split(",")
    assert shares.index("x/n") < min(place for place, name in enumerate(shares) if "%" in name)


def test_text_alone_takes_the_figures_that_are_there(project, monkeypatch):
    before = contents(project / "package")
    write(project, "data/manuscript_text.md", TEXT + "\nOne sentence more, of 17 words [@crmo_analysis].\n")
    write(project, "manuscript.yml", OUTLINE.replace("columns: 1}", "columns: 1, caption: Another caption.}"))
    monkeypatch.setattr(plates, "draw", None)
    read = outline.read_outline(project)
    done = manuscript.assemble(read, project / "package", text_only=True, say=lambda line: None)
    after = contents(project / "package")
    assert after["figures/Figure_2.pdf"] == before["figures/Figure_2.pdf"]
    legend = json.loads(after["figures/Figure_2.json"])
    assert legend["caption"].startswith("Another caption.")
    assert legend["title"] == "", "a legend of the outline is the whole one"
    assert "One sentence more" in after["manuscript.html"].decode()
    assert [each for each in done.remarks if each.startswith("typed by hand")] == [
        "typed by hand: 17 (manuscript_text.md, line 11); quote a number by its key, or write {typed …}"
    ]
    assert "nature asks for a statement 'Data availability', which is no heading of the text" in done.remarks
    write(project, "manuscript.yml", OUTLINE.replace("columns: 2", "columns: 1.5"))
    with pytest.raises(InputError, match="without --text"):
        manuscript.assemble(outline.read_outline(project), project / "package", text_only=True)


def test_an_unknown_citation_and_too_many_words_are_named(project):
    write(project, "data/manuscript_text.md", TEXT + "\nAs said [@crmo_analyses].\n[@nobody_at_all]\n")
    with pytest.raises(
        InputError, match=r"cites @crmo_analyses, no study and.*is 'crmo_analysis' meant\?"
    ) as all_:
        manuscript.assemble(outline.read_outline(project), project / "package")
    assert len(all_.value.problems) == 2
    write(project, "data/manuscript_text.md", TEXT + "\n{gone.one} and {gone.two}\n{gone.three}\n")
    with pytest.raises(InputError, match=r"there is no number 'gone\.one'") as all_:
        manuscript.assemble(outline.read_outline(project), project / "package")
    assert len(all_.value.problems) == 3
    journals = (project / "data/journals.yaml").read_text()
    write(project, "data/journals.yaml", journals + "brief: {columns: {1: 89, 2: 183}, words: {text: 5}}\n")
    write(project, "data/manuscript_text.md", TEXT)
    _, remarks = manuscript._documents(outline.read_outline(project, "brief"))
    assert any(re.fullmatch(r"text has \d+ words; brief takes 5", each) for each in remarks)


def test_a_study_that_is_added_becomes_a_series_by_name_and_not_unasked(project):
    facts = "study: beck_2010\ntitle: T\nshort: Beck\ncitation: C\ndesign: D\nquestion: Q\n"
    write(project, "data/published/beck_2010/study.yaml", facts)
    write(
        project,
        "data/published/beck_2010/claims.csv",
        "claim_id,where,statistic,of,printed\nn,a,count,everyone,9\n",
    )
    read, said = outline.read_outline(project), []
    written = manuscript.assemble(read, project / "package", say=said.append)
    assert said[0] == "1 series, all of data/published: beck_2010"
    assert "beck_2010 is one of the series, and the text does not cite it" in written.remarks
    write(project, "manuscript.yml", f"studies: []\n{OUTLINE}")
    assert outline.read_outline(project).studies == ("beck_2010",)
    write(project, "manuscript.yml", f"studies: [simm_2008]\n{OUTLINE}")
    with pytest.raises(
        InputError, match="beck_2010 is in data/published and not named; name it, write 'all'"
    ):
        outline.read_outline(project)


def test_a_study_that_cannot_be_read_leaves_gaps_that_are_marked(project):
    facts = "study: made\ntitle: T\nshort: Beck\ncitation: C\ndesign: D\nquestion: Q\n"
    write(project, "data/published/made/study.yaml", facts)
    header = "claim_id,where,statistic,of,printed\n"
    write(project, "data/published/made/claims.csv", f"{header}made.n,a,count,spline,9\n")
    more = "\nOf {made.n} children [@made], as {figure made/wide} shows.\n"
    write(project, "data/manuscript_text.md", TEXT + more)
    read = outline.read_outline(project)
    assert "is 'spine' meant?" in read.unread["made"]
    written = manuscript.assemble(read, project / "package")
    said = (project / "package/manuscript.md").read_text()
    assert "Of **no number here: made.n** children [@made], as not numbered here: figure made/wide" in said
    assert {"gap: no number here: made.n", "gap: Figure 1, made/wide"} <= {*written.remarks}
    assert (project / "package/manuscript.docx").is_file()
    numbers = (project / "data/numbers.yaml").read_text()
    write(project, "data/numbers.yaml", numbers + numbers.replace("tables/made", "tables/elsewhere"))
    _, remarks = manuscript._documents(read)
    assert "data/numbers.yaml names outputs of 'elsewhere', and there are none; passed over" in remarks
    write(project, "data/published/made/claims.csv", f"{header}made.n,a,count,everyone,9\n")
    with pytest.raises(InputError, match=r"line 11: there is no number 'made\.n'"):
        manuscript.assemble(outline.read_outline(project), project / "package")


def test_authors_and_places_stand_on_the_title_page(project):
    people = "authors:\n- {name: A. One, affiliation: Here, email: a@x.org}\n- {name: B. Two, affiliation: There}\n"
    write(project, "manuscript.yml", OUTLINE + people + "title: What it is\nkeywords: [one, two]\n")
    read = outline.read_outline(project)
    meta, front = text.front(read, documents.parsed(TEXT)["blocks"])
    said = " ".join(
        documents._strings([*(part["c"] for part in (meta["title"], *meta["author"]["c"])), front])
    )
    for expected in ("What it is", "A. One (1)", "B. Two (2)", "1. Here", "2. There", "a@x.org", "one, two"):
        assert expected.replace(" ", "") in said.replace(" ", "")
    write(project, "manuscript.yml", OUTLINE + "authors: [{affiliation: Here}]\n")
    with pytest.raises(InputError, match="authors, 0: expected affiliation, email, name; name is needed"):
        outline.read_outline(project)


def test_figures_of_a_page_do_not_stay_on_it():
    canvas.use_page(canvas.Page(width=89, titles=False))
    assert canvas.page().width == 89
    canvas.use_page()
    assert canvas.page() == canvas.Page()
