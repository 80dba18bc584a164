"""What leaves the project: numbers for a text, tables for a journal, the manuscript and the site.

`webpages` makes the pages (their templates are in `site_files`), `website` builds and places the site. What a
folder of results may show of patients, as against one table (`patients`), is decided here.
"""

import lazy_loader

USES = ("display", "execution", "files", "joint", "models", "patients", "recompute", "store", "study")
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["numbers", "releases", "website"],
    submod_attrs={"manuscript": ["assemble"], "outline": ["read_outline"]},
)
