"""How results look: the page and its style (`canvas`), plots (`plot`), and tables to be read (`frames`).

A function takes plain tables and gives Axes or a table; nothing is computed here that a sentence would quote.
`plot` names every plot; they stand in modules by what they show: `intervals` (shares, forests), `series`
(pooled forests, dumbbells), `ranges` (what numbers can be), `curves` (lines, points, influence), `choices`
(specifications, UpSet), `cohorts` (patients, who took part), `courses` (drugs, visits), `skeleton` (where
lesions are, on the child of `data/skeleton.yaml`), `harvest`, `verdicts`; `furniture` is what they share:
labels, rows, grids, and `lettering` their texts.
"""

import lazy_loader

USES = ("files", "study", "models", "patients", "recompute")
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["canvas", "frames", "plot"])
