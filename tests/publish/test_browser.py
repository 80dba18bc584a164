"""The site as people use it: in a browser, from a folder and from a server, on a screen and on a phone."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import made_results
import pytest

import crmo_analysis as crmo
from crmo_analysis import files
from crmo_analysis.face import report
from crmo_analysis.files import InputError
from crmo_analysis.publish.website import build

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SIZES = {"screen": (1280, 900, "light"), "phone": (390, 844, "dark")}
# What lies beyond the right edge, and is in no frame of its own that can be moved sideways.
BEYOND = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1 || box.left >= innerWidth) return false;
  for (let above = element.parentElement; above && above !== document.body; above = above.parentElement)
    if (["auto", "scroll", "hidden"].includes(getComputedStyle(above).overflowX)) return false;
  return true;
}).map((element) => `${element.tagName}.${element.className}`)"""


def without(what):
    """Skip, but never where a change is checked."""
    if os.environ.get("CI") and not os.environ.get("CRMO_NO_BROWSER"):
        pytest.fail(f"{what}. CI must open the site in a browser.")
    pytest.skip(f"{what}: the site is not opened. Name one with CRMO_BROWSER=/path/to/chromium.")


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("CRMO_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        without("there is no Chromium or Chrome here")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        without("playwright is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"], timeout=60_000)
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["made", "real"])
def site(request, browser, tmp_path_factory):
    """A site of made results with hostile text, and that of this project's results if they are there."""
    if request.param == "made":
        return request.getfixturevalue("made_site")
    if not (files.RESULTS / "ledger.csv").is_file():
        pytest.skip("there are no results yet: run crmo reproduce")
    try:
        return build(tmp_path_factory.mktemp("real") / "site").folder
    except InputError as error:
        if os.environ.get("CI") and not os.environ.get("CRMO_NO_BROWSER"):
            raise
        pytest.skip(f"the results are not those of a whole run: {error}")


@pytest.fixture(scope="module")
def made_site(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return build(folder / "site", *made_results.write(folder)).folder


def failed(page, request):
    # What is still on its way when the next page is opened is not amiss.
    if request.failure != "net::ERR_ABORTED":
        page.wrong.append(f"{request.failure}: {request.url}")


@pytest.fixture
def visit(browser):
    """Return a function that opens a page and collects what is wrong with it."""
    contexts = []

    def opened(size="screen"):
        width, height, scheme = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.wrong, page.asked = [], []
        page.on(
            "console",
            lambda message: page.wrong.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("requestfailed", lambda request: failed(page, request))
        page.on("request", lambda request: page.asked.append(request.url))
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES)
def test_every_page_opens_cleanly(size, site, visit):
    page = visit(size)
    found = sorted(site.glob("*.html"))
    assert len(found) >= 7
    for path in found:
        page.goto(path.as_uri())
        assert not page.wrong, f"{path.name}: {page.wrong}"
        assert page.evaluate("window.hurt") is None, f"{path.name}: text was run as a script"
        # Tables are moved within their own frame; the page never is.
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0], path.name
        assert not page.evaluate(BEYOND), path.name
        images = page.evaluate("[...document.images].map((image) => image.alt.trim())")
        assert all(images), path.name
    inside = (site.as_uri(), "data:")
    assert not [url for url in page.asked if not url.startswith(inside)]


def test_pictures_are_there(site, visit):
    page = visit()
    page.goto((site / "figures.html").as_uri())
    page.evaluate("Promise.all([...document.images].map((i) => { i.loading = 'eager'; return i.decode(); }))")
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def test_the_ledger_finds_a_claim(made_site, visit):
    page = visit("phone")
    page.goto((made_site / "ledger.html").as_uri())
    visible = page.locator("#ledger tbody tr:visible")
    everything = visible.count()
    page.get_by_label("Search claims").fill("cag another")
    assert visible.count() == 1
    assert visible.first.get_attribute("id") == "alpha.differs"
    assert f"1 of {everything} claims" in page.locator("output").inner_text()
    page.get_by_label("Search claims").fill("no such words")
    assert page.get_by_text("No claim fits").is_visible()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("radio", name="conflicts").check(force=True)
    assert [row.get_attribute("data-verdict") for row in visible.all()] == ["conflicts"]
    page.get_by_label("Study").select_option("beta")
    assert visible.count() == 0
    assert not page.wrong


def test_a_link_to_a_claim_shows_it_whatever_was_chosen(made_site, visit):
    page = visit()
    page.goto((made_site / "ledger.html").as_uri() + "?verdict=stated&study=beta#alpha.n")
    page.locator("[id='alpha.n']").wait_for(state="visible")
    page.goto((made_site / "ledger.html").as_uri() + "?verdict=matches")
    assert page.locator("#ledger tbody tr:visible").count() == 1
    page.locator("tr:visible details summary").click()
    page.locator("tr:visible details a", has_text="alpha.male").click()
    page.locator("[id='alpha.male']").wait_for(state="visible")
    assert not page.wrong


def test_numbers_of_the_scoreboard_lead_to_their_claims(made_site, visit):
    page = visit()
    page.goto((made_site / "index.html").as_uri())
    page.locator("table.scoreboard a[href*='study=alpha'][href*='verdict=differs']").click()
    page.wait_for_url("**/ledger.html*")
    assert page.locator("#ledger tbody tr:visible").count() == 1


def test_code_is_hidden_until_it_is_asked_for(made_site, visit):
    page = visit()
    page.goto((made_site / "10_alpha.html").as_uri())
    code = page.get_by_text("x = 1").first
    assert not code.is_visible()
    page.get_by_text("Show code").first.click()
    assert code.is_visible()


def test_words_are_found_by_the_search_of_all_pages(made_site, visit):
    page = visit()
    page.goto((made_site / "search.html").as_uri() + "?q=scoreboard+printed")
    page.goto((made_site / "search.html").as_uri() + "?q=Afterwards")
    page.locator("#search-results li a").first.wait_for()
    assert "10_alpha" in page.locator("#search-results li a").first.get_attribute("href")
    assert not page.wrong


@pytest.fixture
def address(made_site):
    """Serve the site on this machine for as long as a test needs it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(made_site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(timeout=10)


def test_a_server_shows_the_same(address, made_site, visit):
    page = visit()
    for path in sorted(Path(made_site).glob("*.html")):
        page.goto(f"{address}/{path.name}")
    assert not page.wrong
    assert not [url for url in page.asked if not url.startswith((address, "data:"))]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """Start JupyterLab on the loopback interface with copies of two notebooks; give its address."""
    folder = tmp_path_factory.mktemp("laboratory")
    for name in ("10_simm_2008.ipynb", "explore.ipynb"):
        shutil.copy(files.ROOT / "notebooks" / name, folder)
    changed = folder / "10_simm_2008.ipynb"
    text = changed.read_text(encoding="utf-8")
    swapped = text.replace('\\"response\\", \\"implied\\"', '\\"implied\\", \\"response\\"')
    assert swapped != text
    changed.write_text(swapped, encoding="utf-8")
    home = folder / "home"
    settings = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "RUNTIME", "DATA")}
    log = (folder / "log").open("w+")
    command = [
        sys.executable,
        "-m",
        "jupyter",
        "lab",
        "--no-browser",
        "--ip=127.0.0.1",
        "--port=0",
        "--allow-root",
    ]
    command += [
        "--ServerApp.token=",
        "--ServerApp.password=",
        f"--notebook-dir={folder}",
        "--LabApp.expose_app_in_browser=True",
    ]
    process = subprocess.Popen(
        command, stdout=log, stderr=log, env=os.environ | {"HOME": str(home)} | settings
    )
    try:
        for _ in range(600):
            found = re.search(r"http://127\.0\.0\.1:\d+/lab", (folder / "log").read_text())
            if found or process.poll() is not None:
                break
            time.sleep(0.1)
        assert found, (folder / "log").read_text()
        yield found.group()
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def opened_notebook(browser, laboratory, name):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{laboratory}/tree/{name}?reset", timeout=120_000)  # without what was open before
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_for_function(
        "() => document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')", timeout=60_000
    )
    page.wait_for_function(
        f"() => window.jupyterapp.shell.currentWidget?.context?.path === '{name}'"
        " && window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=60_000,
    )
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    return page


CELLS = "window.jupyterapp.shell.currentWidget.content"


@pytest.mark.slow
def test_a_notebook_runs_in_jupyterlab_and_shows_its_figures(browser, laboratory):
    before = {path: path.stat().st_mtime_ns for path in files.FIGURES.rglob("*")}
    page = opened_notebook(browser, laboratory, "10_simm_2008.ipynb")
    # What is out of sight is not in the page: the notebook's model says when the last cell has run.
    page.wait_for_function(
        f"() => JSON.stringify({CELLS}.model.toJSON()).includes('Left 2 figures')", timeout=120_000
    )
    outputs = page.evaluate(
        f"() => {CELLS}.model.toJSON().cells.map((cell) => JSON.stringify(cell.outputs ?? ''))"
    )
    figures = [place for place, output in enumerate(outputs) if "image/png" in output]
    assert len(figures) == 2
    assert not any('"output_type":"error"' in output for output in outputs)
    assert "it differs in: outputs." in "".join(outputs)
    assert {path: path.stat().st_mtime_ns for path in files.FIGURES.rglob("*")} == before
    page.evaluate(f"(place) => {{ {CELLS}.scrollToItem(place, 'center'); }}", figures[0])
    image = page.locator(".jp-RenderedImage img").first
    image.wait_for(timeout=30_000)
    assert image.bounding_box()["width"] > 300
    page.close()


@pytest.mark.slow
def test_bounds_are_found_by_a_form(browser, laboratory):
    page = opened_notebook(browser, laboratory, "explore.ipynb")
    button = page.get_by_role("button", name="Find the bounds")
    button.wait_for(timeout=120_000)
    button.click()
    answer = page.get_by_text("at least 7 patients (proved) and at most 14 patients (proved)")
    answer.wait_for(timeout=60_000)
    question = page.locator(".jp-OutputArea input[type=text]").first
    question.fill("count(ver")
    answer.wait_for(state="detached", timeout=10_000)
    page.wait_for_function(
        "() => document.querySelector('datalist option')?.value === 'count(vertebral_deformity'",
        timeout=10_000,
    )
    question.fill("count(spine)")
    question.press("Enter")
    page.get_by_text("exactly 27 patients (proved)").wait_for(timeout=60_000)
    page.get_by_text('crmo.read_study("hospach_2010").bounds("count(spine)")').wait_for()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accessibility_checker_has_no_serious_finding(scheme, site, browser):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    for path in sorted(site.glob("*.html")):
        page.goto(path.as_uri())
        found = axe.run(page).response["violations"]
        serious = [
            (each["id"], each["nodes"][0]["html"][:200])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{path.name}: {serious}"
    context.close()


def test_the_search_finds_a_printed_number_a_number_word_and_an_id(site, visit):
    page = visit()
    page.goto((site / "ledger.html").as_uri())
    rows = page.locator("#ledger tbody tr")
    ids = rows.evaluate_all("rows => rows.map((row) => row.id)")
    printed = page.locator("#ledger tbody td:nth-child(2)").all_inner_texts()
    number = next((place for place, text in enumerate(printed) if re.fullmatch(r"\d+\.\d", text)), 0)
    for asked in (printed[number], ids[0]):
        page.goto((site / "search.html").as_uri() + f"?q={asked}")
        page.locator("#search-results li").first.wait_for()
        links = page.locator("#search-results a").evaluate_all(
            "links => links.map((link) => link.hash.slice(1))"
        )
        expected = ids[number] if asked == printed[number] else ids[0]
        assert expected in [urllib.parse.unquote(link) for link in links], asked


@pytest.mark.parametrize("number", [r"\b\d+\.\d+\b", r"\b\d\d+\b"])
def test_the_search_finds_a_number_of_a_page_that_is_no_claim(site, visit, number):
    page = visit()
    page.goto((site / "figures.html").as_uri())
    asked = re.search(number, page.locator("article").inner_text())
    if asked is None:
        pytest.skip("the page has no such number")
    page.goto((site / "search.html").as_uri() + f"?q={asked[0]}")
    page.locator("#search-results li a[href*='figures.html']").first.wait_for()


def test_the_ledger_is_sorted_by_value_and_says_so_in_its_address(site, visit):
    page = visit()
    page.goto((site / "ledger.html").as_uri())
    in_order = page.locator("#ledger tbody tr").evaluate_all("rows => rows.map((row) => row.id)")
    page.click("#ledger th button[data-key=value]")
    values = page.locator("#ledger tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.value)")
    numbers = [float(value) for value in values if value]
    assert numbers == sorted(numbers)
    assert not any(values[len(numbers) :])  # what is no number stands last
    assert page.locator("#ledger th[aria-sort=ascending]").count() == 1
    page.click("#ledger th button[data-key=value]")
    address = page.url
    assert "sort=-value" in address
    first = page.locator("#ledger tbody tr").first.get_attribute("id")
    again = visit()
    again.goto(address)
    assert again.locator("#ledger tbody tr").first.get_attribute("id") == first
    again.click("#ledger-search button[type=reset]")
    again.wait_for_function("!document.querySelector('#ledger th[aria-sort]')")
    assert again.locator("#ledger tbody tr").evaluate_all("rows => rows.map((row) => row.id)") == in_order


def test_printed_pages_keep_tables_whole_and_nothing_floats(site, visit):
    page = visit()
    for name in ("index", "ledger", "conflicts"):
        page.goto((site / f"{name}.html").as_uri())
        page.emulate_media(media="print")
        shown = page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((each) => {
              const style = getComputedStyle(each);
              return ["fixed", "sticky"].includes(style.position) && style.display !== "none" && each.offsetHeight;
            }).map((each) => each.className)"""
        )
        assert not shown, f"{name}: {shown}"
        styles = page.locator("table.crmo").evaluate_all(
            "tables => tables.map((table) => [getComputedStyle(table).breakInside, getComputedStyle(table).display])"
        )
        assert all(style == ["auto", "table"] for style in styles), f"{name}: {styles}"
        page.emulate_media(media="screen")


@pytest.mark.slow
def test_a_printed_report_loses_no_column_and_asks_nobody_to_move_it(browser):
    example = files.DATA / "example"
    cohort = crmo.read_cohort(example / "registry.csv", map=example / "map.yaml")
    page = browser.new_page(viewport={"width": 700, "height": 1000})  # what margins leave of A4
    page.set_content(report.report(cohort, resamples=50).html)
    page.emulate_media(media="print")
    said = page.evaluate(
        """() => [...document.querySelectorAll(".crmo-table")].map((one) => [
          one.querySelector("table").getBoundingClientRect().right <= innerWidth,
          getComputedStyle(one).overflowX, getComputedStyle(one, "::before").content])"""
    )
    page.close()
    assert len(said) == 4  # description, comparison, what is not compared (folded), power
    assert {tuple(one) for one in said} == {(True, "visible", "none")}
