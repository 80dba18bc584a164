"""Put every committed figure on one page at its final size: `python tools/contact_sheet.py`.

Below each stands what can be read off it without its caption, from `docs/contact_sheet.yaml`, held against
what a reader saw to whom the figures were new. A sentence is of the figure that was looked at: when what is
plotted has changed, look again, then run this with `--looked`.
"""

import hashlib
import html
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
READ, PAGE = ROOT / "docs" / "contact_sheet.yaml", ROOT / "docs" / "contact_sheet.html"
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>All figures at final size</title><style>
body {font: 10pt/1.4 sans-serif; margin: 8mm} figure {margin: 0 0 8mm; break-inside: avoid; max-width: 190mm}
figcaption {margin-top: 1mm} code {color: #5f5f5f}
</style></head><body>
<h1>All figures at final size</h1>
<p>Below each: what can be read off it without its caption. A reader to whom the figures were new held these
sentences against what they saw; where the two differed, and of the curve of specifications, which they could
not read, those who drew it wrote the sentence again.</p>
"""


def figures():
    """Return all committed figures by folder and name, with a short hash of what each one plots."""
    found = sorted((ROOT / "figures").glob("*/*.csv"))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest()[:8] for path in found]
    return {f"{p.parent.name}/{p.stem}": code for p, code in zip(found, hashes, strict=True)}


def faults(read):
    """Say which figures nobody has looked at, as they are now."""
    there = figures()
    said = [f"{name}: no sentence; look at it and write one" for name in there.keys() - read.keys()]
    said += [f"{name}: is no figure any more; take its sentence out" for name in read.keys() - there.keys()]
    old = [name for name in there.keys() & read.keys() if read[name]["plots"] != there[name]]
    return sorted([*said, *(f"{name}: what it plots has changed; look again" for name in old)])


def page(read):
    """Return the page."""
    parts = [HEAD]
    for name in sorted(read):
        svg = (ROOT / "figures" / f"{name}.svg").read_text(encoding="utf-8")
        wide = float(re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)[1]) * 25.4 / 72
        sentence = html.escape(read[name]["reads"])
        picture = f'<img src="../figures/{name}.svg" style="width: {wide:.0f}mm" alt="">'
        parts.append(f"<figure>{picture}<figcaption>{sentence} <code>{name}</code></figcaption></figure>\n")
    return "".join([*parts, "</body></html>\n"])


def main(is_looked):
    """Write the page; with `--looked`, take all sentences for those of the figures as they are now."""
    read = yaml.safe_load(READ.read_text(encoding="utf-8"))
    if is_looked:
        for name, code in figures().items():
            read.setdefault(name, {"reads": ""})["plots"] = code
        READ.write_text(yaml.safe_dump(read, allow_unicode=True, width=110), encoding="utf-8")
    if said := faults(read):
        sys.exit(f"{READ.name}:\n" + "\n".join(said))
    PAGE.write_text(page(read), encoding="utf-8")


if __name__ == "__main__":
    main("--looked" in sys.argv[1:])
