"""The site.

Static pages of all executed notebooks, the ledger, conflicts and figures, built from ``results/``.

Pages are built beside the old site and take its place at the very end, so that a half-built site never does.
The same results give the same bytes: no dates, no random ids, no paths of this machine.
"""

import io
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crmo_analysis import files
from crmo_analysis.files import InputError
from crmo_analysis.publish.exhibits import ENDINGS, Results, read_results
from crmo_analysis.publish.webpages import TITLE, write_sources

SITE = files.RESULTS / "site"
MARK = ".crmo-site"  # a folder with this file was made here, and may be replaced
_SPHINX = {
    "project": TITLE,
    "html_title": TITLE,
    "extensions": ["myst_nb", "crmo_analysis.publish.sphinx_extension"],
    "html_theme": "furo",
    "html_theme_options": {
        "light_css_variables": {"color-brand-primary": "#00598c", "color-brand-content": "#00598c"},
        "dark_css_variables": {"color-brand-primary": "#6cc0f0", "color-brand-content": "#6cc0f0"},
    },
    "templates_path": ["theme"],
    "html_static_path": ["static"],
    "html_css_files": ["site.css"],
    "html_favicon": "static/icon.svg",
    "html_js_files": [("ledger.js", {"defer": "defer"})],
    "exclude_patterns": ["parts", "static", "theme"],
    "html_show_copyright": False,
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_use_index": False,
    # It fetches pages to show where words were found, which a browser refuses for files.
    "html_show_search_summary": False,
    "smartquotes": False,
    "nb_execution_mode": "off",
    "nb_ipywidgets_js": {},
    "nb_code_prompt_show": "Show code",
    "nb_code_prompt_hide": "Hide code",
    "myst_disable_syntax": ["html_block", "html_inline", "myst_role", "myst_target"],
}


@dataclass(frozen=True)
class Site:
    """A site that was built: where, its pages and figures, and what Sphinx remarked."""

    folder: Path
    pages: tuple[str, ...]
    n_figures: int
    remarks: tuple[str, ...]


def build(out: Path = SITE, results: Path = files.RESULTS, figures: Path = files.FIGURES) -> Site:
    """Build the site, and put it in the place of the old one once it is whole.

    Parameters
    ----------
    out : Path
        Folder of the site; new, empty, or a site that was built before.
    results, figures : Path
        What ``crmo reproduce`` left.

    Raises
    ------
    InputError
        If results are missing or cannot be read, or the folder holds something else; an old site stays as it
        was.
    """
    out = Path(out).resolve()
    if out.exists() and not (out.is_dir() and ((out / MARK).is_file() or not any(out.iterdir()))):
        raise InputError(
            f"{out} is not a site that was built before. Choose a new or empty folder with --out."
        )
    read = read_results(Path(results), Path(figures))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # Beside the old site, on the same disk: there it takes one step to change places.
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
            folder = Path(temporary)
            pages = write_sources(read, folder / "source")
            remarks = _run_sphinx(folder, pages, read)
            _copy_files(read, folder / "site")
            files.swap_folder(folder / "site", out, folder / "old")
    except OSError as error:
        said = f"the site could not be written: {error}. What was there before is unchanged."
        raise InputError(said) from None
    failed = (read.folder / "notebooks").glob("*.failed.ipynb")
    halfway = sorted(path.name.partition(".")[0] for path in failed)
    older = tuple(f"{name} did not finish its last run; its page shows the run before" for name in halfway)
    return Site(out, tuple(pages), len(read.figures), older + remarks)


def _run_sphinx(folder: Path, pages: list[str], read: Results) -> tuple[str, ...]:
    """Build the pages; return what Sphinx remarked."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    source, warnings = folder / "source", io.StringIO()
    names = [(claim_id, _found_by(row, read)) for claim_id, row in read.claims.items()]
    try:
        with patch_docutils(str(source)), docutils_namespace():
            app = Sphinx(
                srcdir=source, confdir=None, outdir=folder / "site", doctreedir=folder / "doctrees",
                buildername="html", confoverrides={**_SPHINX, "crmo_claims": names},
                status=None, warning=warnings, freshenv=True,
            )  # fmt: skip
            app.build()
    except Exception as error:
        # Sphinx and its extensions have no one kind of error.
        raise InputError(
            f"Sphinx could not build the pages: {error}. The site that was there is unchanged."
        ) from error
    remarks = re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{source}/", "").splitlines()
    lacking = [name for name in pages if not (folder / "site" / f"{name}.html").is_file()]
    if lacking:
        raise InputError(f"Sphinx left no page of {', '.join(lacking)}. {' '.join(remarks)}")
    return tuple(remarks)


def _found_by(row: Mapping, read: Results) -> str:
    """Name a claim for the search: what is printed, what it says, the study and the id."""
    says = row["says"]
    among = f" among {says['among']}" if says["among"] else ""
    where = f"{read.titles[row['study']]} ({row['claim_id']})"
    return f"{row['printed']}: {says['what']} of {says['of']}{among}, {where}"


def _copy_files(read: Results, site: Path) -> None:
    """Put what can be downloaded beside the pages, and leave out what names this machine."""
    files = site / "files"
    for exhibit in read.figures.values():
        (files / "figures" / exhibit.folder).mkdir(parents=True, exist_ok=True)
        for ending in ENDINGS:
            name = f"{exhibit.folder}/{exhibit.name}.{ending}"
            shutil.copyfile(read.figure_folder / name, files / "figures" / name)
    copied = ["ledger.csv", *(f"notebooks/{name}.ipynb" for name in read.notebooks)]
    copied += [f"tables/{folder}/{name}.csv" for folder, names in read.tables.items() for name in names]
    for name in copied:
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(read.folder / name, files / name)
    (site / ".buildinfo").unlink(missing_ok=True)
    shutil.rmtree(site / "_sources", ignore_errors=True)
    (site / ".nojekyll").touch()  # GitHub Pages would leave out folders whose names begin with _
    (site / MARK).write_text("Made by `crmo site`, which replaces this folder.\n", encoding="utf-8")
