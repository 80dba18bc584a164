"""Draw the house in docs/architecture.md from what each room says of itself: `python tools/house.py`."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- drawn by tools/house.py -->", "<!-- end of what is drawn -->"


def rooms():
    """Return the rooms, those that use the fewest others first."""
    names = [path.parent.name for path in sorted((ROOT / "crmo_analysis").glob("*/__init__.py"))]
    return {name: importlib.import_module(f"crmo_analysis.{name}") for name in names}


def floors(house):
    """Return rooms by how high they stand: on no other, on those, and so on."""
    below = {name: set(room.USES) - {"files"} for name, room in house.items()}
    height = {}
    while len(height) < len(below):
        height |= {
            name: 1 + max((height[other] for other in others), default=0)
            for name, others in below.items()
            if name not in height and others <= height.keys()
        }
    return height


def needed(house, name):
    """Return what a room uses, without what another of those uses anyway."""
    own = set(house[name].USES) - {"files"}
    return sorted(own - {far for near in own for far in _all_below(house, near)})


def _all_below(house, name):
    own = set(house[name].USES) - {"files"}
    return own | {far for near in own for far in _all_below(house, near)}


def drawn():
    """Return the diagram and the table of rooms as Markdown."""
    house = rooms()
    height = floors(house)
    order = sorted(house, key=lambda name: (-height[name], name))
    arrows = [f"    {name} --> {other}" for name in order for other in needed(house, name)]
    lines = ["```mermaid", "flowchart TB", *arrows, "```", ""]
    lines += ["| room | what may be in it | doors |", "|---|---|---|"]
    for name in order:
        said = " ".join(house[name].__doc__.split("\n\n")[0].split())
        doors = ", ".join(f"`{door}`" for door in sorted(house[name].__all__))
        lines.append(f"| `{name}/` | {said} | {doors} |")
    return "\n".join(lines)


def page(text):
    """Return the page with what is drawn in its place."""
    return re.sub(f"{START}.*?{END}", lambda _: f"{START}\n{drawn()}\n{END}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
