"""The site: what it is built from, what it makes of hostile text, and that a good one is never lost."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import made_results
import pytest
import sphinx
from click.testing import CliRunner
from made_results import LONG, NASTY, TEXTS

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.display import canvas
from crmo_analysis.files import InputError
from crmo_analysis.joint import ledger
from crmo_analysis.publish import exhibits, sphinx_extension, website
from crmo_analysis.publish.exhibits import Table
from crmo_analysis.publish.webpages import SIGNS
from crmo_analysis.publish.website import MARK, build


@pytest.fixture
def made(tmp_path):
    """Results and figures in a folder of their own."""
    return made_results.write(tmp_path)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return build(folder / "site", *made_results.write(folder))


class Page(HTMLParser):
    """The tags of a page, and its text by the id of the nearest element that has one."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.texts, self.within = [], {}, ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.within = attributes.get("id") or self.within

    def handle_data(self, data):
        self.texts[self.within] = self.texts.get(self.within, "") + data

    def named(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def pages(site):
    return {path.stem: Page(path) for path in sorted(site.folder.glob("*.html"))}


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_every_page_is_there_and_sphinx_had_no_remarks(site):
    assert set(site.pages) == {
        "index",
        "ledger",
        "lesions",
        "conflicts",
        "figures",
        "verdicts",
        "00_overview",
        "10_alpha",
    }
    assert site.n_figures == 2
    assert site.remarks == ()
    assert all((site.folder / f"{name}.html").is_file() for name in site.pages)


def test_the_same_results_give_the_same_bytes_that_do_not_name_this_machine(site, tmp_path):
    again = build(tmp_path / "elsewhere", *made_results.write(tmp_path))
    first, second = contents(site.folder), contents(again.folder)
    assert first == second
    names = [str(files.ROOT).encode(), str(tmp_path).encode(), str(site.folder.parent).encode()]
    assert not [path for path, data in second.items() for name in names if name in data]


def test_hostile_text_is_text_everywhere(site):
    for name, page in pages(site).items():
        scripts = [attributes for attributes in page.named("script") if "src" not in attributes]
        assert len(scripts) <= 2, name  # both of the theme
        events = [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
        assert not events, name
        links = [str(attributes.get("href")) for attributes in page.named("a")]
        assert not [link for link in links if link.startswith(("javascript:", "data:"))], name
        assert not page.named("b") or name == "conflicts"
        assert not page.named("math")
        assert "49" not in "".join(page.texts.values())


def test_a_claim_shows_its_text_as_it_was_written(site):
    page = Page(site.folder / "ledger.html")
    for name, text in TEXTS.items():
        shown = page.texts[f"beta.{name}"]
        assert shown.count(text) == 6, name  # of, among, where, printed, recomputed, reason
    whole = (site.folder / "10_alpha.html").read_text(encoding="utf-8")
    assert whole.count(LONG) >= 3


def test_outputs_of_a_notebook_are_set_anew(site):
    page = Page(site.folder / "10_alpha.html")
    text = "".join(page.texts.values())
    assert f"Caption {NASTY}" in text
    assert text.count(f"Caption {NASTY}") == 1, "a caption stands below its figure, not twice"
    assert f"printed {NASTY}" in text
    assert "30 rows" in text
    assert [image["alt"] for image in page.named("img")] == [f"Alternative {NASTY}", "A figure"]
    assert {"href": "ledger.html#alpha.n", "class": "claim"} in page.named("a")


def test_code_stands_behind_one_toggle(site):
    text = (site.folder / "10_alpha.html").read_text(encoding="utf-8")
    assert text.count("Show code") == 1
    assert "added by the site" not in text


def test_every_picture_has_an_alternative_text_and_every_link_leads_somewhere(site):
    read = pages(site)
    for name, page in read.items():
        assert all(image.get("alt", "").strip() for image in page.named("img")), name
        for tag, attribute in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")):
            for link in filter(None, (attributes.get(attribute) for attributes in page.named(tag))):
                if link.startswith(("https://", "data:")):
                    assert tag in ("a", "img"), f"{name} loads {link}"
                    continue
                path, _, anchor = re.sub(r"\?[^#]*", "", link).partition("#")
                path = path or f"{name}.html"
                assert (site.folder / path).is_file(), f"{name}: {link}"
                if anchor and path.endswith(".html"):
                    ids = {attributes.get("id") for _, attributes in read[path.removesuffix(".html")].tags}
                    assert anchor in ids or anchor.startswith("svg-"), f"{name}: {link}"


def test_nothing_is_asked_of_another_server(site):
    for path, data in contents(site.folder).items():
        if path.suffix in (".html", ".css"):
            found = re.findall(
                rb"""(?:src=["']?|url\(["']?|@import\s+["']?|<link[^>]+href=["']?)(https?:)?//""", data
            )
            assert not found, path
        assert b"mathjax" not in data.lower() or path.suffix not in (".html", ".js"), path
        assert path.suffix != ".html" or b"Content-Security-Policy" in data, path


def test_conflicts_are_explained_with_their_claims_and_readings(site):
    text = " ".join("".join(Page(site.folder / "conflicts.html").texts.values()).split())
    assert "who: all" in text
    assert "who: some" in text
    assert "The 2 claims" in text
    assert "does not search" in text  # beta has no table of conflicts


def test_verdicts_have_the_colours_and_signs_of_the_figures(site):
    css = (site.folder / "_static" / "site.css").read_text(encoding="utf-8")
    for verdict, colour in canvas.VERDICT_COLOURS.items():
        assert f"--{verdict}: {colour};" in css
        assert SIGNS[verdict]
        assert canvas.VERDICT_SIGNS[verdict] in ("", SIGNS[verdict])


def test_downloads_are_those_that_were_made(site):
    files = {
        path.relative_to(site.folder / "files").as_posix() for path in (site.folder / "files").rglob("*.*")
    }
    assert {f"figures/alpha/patients.{ending}" for ending in ("svg", "pdf", "png", "csv")} < files
    assert {"ledger.csv", "tables/alpha/checks.csv", "notebooks/10_alpha.ipynb"} < files


# ---- what can go wrong -------------------------------------------------------------------------------------


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


BREAKS = {
    "no ledger": lambda results, figures: (results / "ledger.csv").unlink(),
    "no notebooks": lambda results, figures: shutil.rmtree(results / "notebooks"),
    "no results": lambda results, figures: shutil.rmtree(results),
    "a lost column": lambda results, figures: change(results / "ledger.csv", "verdict", "word"),
    "an unknown verdict": lambda results, figures: change(results / "ledger.csv", ",matches,", ",wrong,"),
    "an id twice": lambda results, figures: change(results / "ledger.csv", "alpha.male,", "alpha.n,"),
    "no claims": lambda results, figures: (results / "ledger.csv").write_text(",".join(ledger.LEDGER_COLUMNS)),
    "bytes": lambda results, figures: (results / "ledger.csv").write_bytes(b"\xff\xfe\x00"),
    "half a notebook": lambda results, figures: (results / "notebooks/10_alpha.ipynb").write_text('{"cells": ['),
    "a list": lambda results, figures: (results / "notebooks/10_alpha.ipynb").write_text("[]"),
    "no outputs": lambda results, figures: made_results.notebook(results / "notebooks/10_alpha.ipynb", "Why?"),
    "a failed notebook": lambda results, figures: made_results.notebook(
        results / "notebooks/10_alpha.ipynb", "Why?", {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
    ),
    "a lost picture": lambda results, figures: (figures / "alpha/patients.png").unlink(),
    "a lost PDF": lambda results, figures: (figures / "alpha/patients.pdf").unlink(),
    "no alternative text": lambda results, figures: (figures / "alpha/patients.json").write_text(
        json.dumps({"caption": "a", "alt": " ", "source": "published"})
    ),
    "half a description": lambda results, figures: (figures / "alpha/patients.json").write_text("{"),
    "a lost column of conflicts": lambda results, figures: change(results / "tables/alpha/conflicts.csv", "why", "y"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_broken_results_leave_the_old_site_and_name_the_command(name, made, site, tmp_path):
    out = tmp_path / "site"
    shutil.copytree(site.folder, out)
    BREAKS[name](*made)
    with pytest.raises(InputError, match="crmo reproduce"):
        build(out, *made)
    assert contents(out) == contents(site.folder)
    assert not list(tmp_path.glob(".site-*"))


@pytest.mark.parametrize(
    "broken",
    [
        lambda lines: [lines[0], lines[1].replace(",matches,", ",mtches,")],
        lambda lines: [*lines[:2], lines[1]],
        lambda lines: [*lines[:2], lines[2][:20]],
        lambda lines: [*lines[:2], f"{lines[2]},more"],
        lambda lines: lines[:1],
    ],
)
def test_a_ledger_that_is_not_whole_is_refused_with_what_makes_it(tmp_path, made, broken):
    path = tmp_path / "ledger.csv"
    lines = (made[0] / "ledger.csv").read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(broken(lines)), encoding="utf-8")
    with pytest.raises(InputError, match=r"(?s)ledger\.csv: .*crmo reproduce"):
        exhibits._read_ledger(path)


def test_a_lost_ledger_is_said_in_plain_words(tmp_path):
    with pytest.raises(
        InputError, match=r"(?s)ledger\.csv: cannot be read as a ledger .*No such file.*crmo reproduce"
    ):
        exhibits._read_ledger(tmp_path / "ledger.csv")


@pytest.mark.parametrize("failing", ["website._run_sphinx", "website._copy_files", "files.swap_folder"])
def test_a_site_that_fails_halfway_leaves_the_old_one(failing, made, site, tmp_path, monkeypatch):
    out = tmp_path / "site"
    shutil.copytree(site.folder, out)

    def fail(*arguments):
        raise OSError("no space left")

    module, _, name = failing.partition(".")
    monkeypatch.setattr({"website": website, "files": files}[module], name, fail)
    with pytest.raises(InputError, match="no space left"):
        build(out, *made)
    assert contents(out) == contents(site.folder)
    assert not list(tmp_path.glob(".site-*"))


def test_the_old_site_comes_back_when_the_new_one_cannot_take_its_place(made, tmp_path, monkeypatch):
    out = tmp_path / "site"
    before = contents(build(out, *made).folder)
    rename = Path.rename

    def rename_all_but_new(self, target):
        if self.name == "site" and self.parent.name.startswith(".site-"):
            raise OSError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_all_but_new)
    with pytest.raises(InputError, match="in use"):
        build(out, *made)
    assert contents(out) == before


def test_a_new_site_replaces_the_old_one_whole(made, tmp_path):
    out = build(tmp_path / "site", *made).folder
    (out / "left-over.html").touch()
    (made[0] / "notebooks/00_overview.ipynb").unlink()
    build(out, *made)
    assert not (out / "left-over.html").exists()
    assert not (out / "00_overview.html").exists()


def test_a_run_that_did_not_finish_is_no_page_and_is_told(made, tmp_path):
    notebooks = made[0] / "notebooks"
    (notebooks / "10_alpha.failed.ipynb").write_text("{")
    built = build(tmp_path / "site", *made)
    assert "10_alpha.failed" not in built.pages
    assert built.remarks == ("10_alpha did not finish its last run; its page shows the run before",)


def test_a_folder_with_other_things_is_never_replaced(made, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("words")
    with pytest.raises(InputError, match="not a site"):
        build(out, *made)
    assert [path.name for path in out.iterdir()] == ["chapter.txt"]


def test_the_command_says_what_to_do_without_results_and_what_it_made(made, tmp_path, monkeypatch):
    monkeypatch.setattr(website.build, "__defaults__", (tmp_path / "site", *made))
    done = CliRunner().invoke(main, ["site", "--out", str(tmp_path / "mine")])
    assert done.exit_code == 0, done.output
    assert "8 pages, 2 figures" in done.output
    assert (tmp_path / "mine" / MARK).is_file()
    shutil.rmtree(made[0])
    done = CliRunner().invoke(main, ["site"])
    assert done.exit_code == 2
    assert "Run: crmo reproduce" in done.output
    assert "Traceback" not in done.output


# ---- tables of notebooks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell", ["1", "-0.5", "4/5", "12.5 %", "26.6–78.7", "0.00 to 1.00", "<0.001", "7,800"]
)
def test_numbers_are_set_to_the_right(cell):
    assert Table("", ["a", "b"], [[cell, "a word"]]).numeric == (True, False)


def test_the_first_page_answers_its_question_with_the_words_of_the_notebook(made, tmp_path):
    results, figures = made
    made_results.figure(figures / "published_associations", "harvest", 30, "published", "of statements")
    said = made_results.shown(text_markdown=f"**Answer.** Nobody knows, {NASTY}")
    made_results.notebook(results / "notebooks/65_published_associations.ipynb", "What is known?", said)
    folder = build(tmp_path / "site", results, figures).folder
    for name in ("index", "lesions"):
        page = Page(folder / f"{name}.html")
        assert "Nobody knows, <script>" in "".join(page.texts.values())
        assert "Alternative of statements" in [image["alt"] for image in page.named("img")]
        assert "Answer" in (folder / f"{name}.html").read_text(encoding="utf-8").partition("<table")[0]


def test_names_in_the_search_are_escaped_once(tmp_path):
    """Sphinx escapes names of objects in its index, and the page that shows them escapes all that it shows."""
    index = tmp_path / "searchindex.js"
    index.write_text('Search.setIndex({"objects":[["&gt; 38: Score &lt;= 28 &amp; D&#x27;Amico"]]})')
    sphinx_extension._escaped_once(SimpleNamespace(outdir=tmp_path), None)
    assert "> 38: Score <= 28 & D'Amico" in index.read_text()
    shows = Path(sphinx.__file__).parent / "themes/basic/static/searchtools.js"
    assert "innerHTML = _escapeHTML(title)" in shows.read_text(encoding="utf-8")
