"""What the site needs of Sphinx beyond its own: claims in the search, levels of headings in the sidebar."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from sphinx.application import Sphinx
from sphinx.domains import Domain, ObjType
from sphinx.search.en import SearchEnglish


class ClaimDomain(Domain):
    """The claims of the ledger as objects, so that the search finds a printed number, a number word, an id.

    Without it, the search cuts "53.4" in two and finds neither; `crmo_claims` of the configuration lists ids
    and names.
    """

    name, label = "crmo", "claims"
    object_types: ClassVar = {"claim": ObjType("claim")}

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield each claim under a name that begins with what is printed."""
        for claim_id, name in self.env.config.crmo_claims:
            yield name, name, "claim", "ledger", claim_id, 1


class EnglishWithNumbers(SearchEnglish):
    """English in which numbers are words: Sphinx cuts "94.1" in two, and leaves out what is digits alone."""

    js_splitter_code = r"""
function splitQuery(query) {
  const words = query.match(/\d+(?:[.,]\d+)+|[\p{L}\p{N}_]+/gu) || [];
  return words.map((word) => (/^\d+$/.test(word) ? "number" + word : word));
}
"""

    def split(self, input: str) -> list[str]:
        """Cut a text into words and numbers, as the search does with what is looked for."""
        words = re.findall(r"\d+(?:[.,]\d+)+|\w+", input)
        return [f"number{word}" if word.isdigit() else word for word in words]


def _with_levels(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Give the headings of the sidebar the level that screen readers need."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def _escaped_once(app: Sphinx, error: Exception | None) -> None:
    """Leave names in the search as they are: Sphinx escapes them in its index, and again as it shows them."""
    path = Path(app.outdir) / "searchindex.js"
    if error is None and path.is_file():
        text = path.read_text(encoding="utf-8")
        for entity, sign in (("&gt;", ">"), ("&lt;", "<"), ("&#x27;", "'"), ("&amp;", "&")):
            text = text.replace(entity, sign)
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Add all of it to Sphinx."""
    app.add_config_value("crmo_claims", [], "env")
    app.add_domain(ClaimDomain)
    app.add_search_language(EnglishWithNumbers)
    app.connect("html-page-context", _with_levels, priority=900)  # after the theme has made it
    app.connect("build-finished", _escaped_once)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
