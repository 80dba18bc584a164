"""Results of a run that was never made: small, and full of text that a page could trip over."""

import base64
import csv
import json
import struct
import zlib
from pathlib import Path

from crmo_analysis.face import Result
from crmo_analysis.joint import ledger

NASTY = (
    "<script>window.hurt = 1</script> <img src=x onerror='window.hurt = 2'> $x_1$ & \"q\" 'a' | ```{raw} "
    "html "
    "`{raw-html}` {{ 7 * 7 }} {% raw %} **b** [l](javascript:alert(1)) \\ \\<b> *_` |s| :math:`x` "
    "\u05e2\u05d1\u05e8\u05d9\u05ea \u202e abc"
)
LONG = "long" * 150
TEXTS = {"nasty": NASTY, "long": LONG, "spaced": "a $ b_c & d"}


def png(shade: int) -> bytes:
    """Write a picture of one pixel."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def figure(folder: Path, name: str, shade: int, source: str, text: str) -> str:
    """Write the files of a figure; return its picture as a notebook keeps it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(png(shade))
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><rect width="20" height="10"/></svg>'
    for ending, content in (("svg", svg), ("pdf", "%PDF-1.4"), ("csv", "a,b\n1,2\n")):
        (folder / f"{name}.{ending}").write_text(content, encoding="utf-8")
    told = {"caption": f"Caption {text}", "alt": f"Alternative {text}", "source": source}
    (folder / f"{name}.json").write_text(json.dumps(told), encoding="utf-8")
    return base64.b64encode(png(shade)).decode()


def claim(claim_id: str, **values: str) -> dict[str, str]:
    """Return a row of a ledger."""
    row = {
        "study": "alpha", "claim_id": claim_id, "where": "abstract, sentence 1", "about": "own", "statistic": "count",
        "of": "male", "among": "", "printed": "8", "recomputed": "", "verdict": "stated", "rule": "", "related": "",
        "reason": "Nothing printed allows a check.",
    }  # fmt: skip
    return row | values


def write_csv(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    """Write a table, as pandas would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def shown(**data: str) -> dict:
    """Return an output of a cell, of kinds named with _ for /."""
    kinds = {kind.replace("_", "/"): text for kind, text in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": kinds}


def notebook(path: Path, title: str, *outputs: dict) -> None:
    """Write an executed notebook with all outputs in one cell."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "id": "a", "source": f"# {title}\n\nWhat is asked."},
        {"cell_type": "code", "metadata": {}, "id": "b", "execution_count": 1, "source": ["x = 1"], "outputs": []},
        {"cell_type": "code", "metadata": {}, "id": "c", "execution_count": 2, "source": 'show(run, "checks")',
         "outputs": list(outputs)},
        {"cell_type": "markdown", "metadata": {}, "id": "d", "source": f"## Afterwards\n\n{NASTY.splitlines()[0]}"},
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    path.write_text(text, encoding="utf-8")


def table(caption: str, columns: list[str], *rows: list[str]) -> dict:
    """Return an output that is a table, as a notebook shows it."""
    import pandas as pd

    data = Result(pd.DataFrame(list(rows), columns=columns), caption)._repr_mimebundle_()
    return {"output_type": "display_data", "metadata": {}, "data": data}


def write(folder: Path) -> tuple[Path, Path]:
    """Write results and figures into a folder; return both folders."""
    results, figures = folder / "results", folder / "figures"
    rows = [
        claim("alpha.n", printed="20", verdict="matches", recomputed="8 + 12 = 20", related="alpha.male alpha.gone"),
        claim("alpha.male", verdict="conflicts", related="alpha.n", reason="8 and 12 leave 20, but 21 is "
                                                                           "printed."),
        claim("alpha.share", statistic="percent", printed="53.4", verdict="ambiguous", rule="half_up"),
        claim("alpha.differs", verdict="differs", about="other_cohort", reason="Çağ prints another number."),
        *(claim(f"beta.{name}", study="beta", of=text, among=text, where=text, printed=text, recomputed=text, reason=text)
          for name, text in TEXTS.items()),
    ]  # fmt: skip
    write_csv(results / "ledger.csv", ledger.LEDGER_COLUMNS, rows)
    sets = [
        {
            "reading": "who:all",
            "claims": "alpha.n alpha.male",
            "why": f"why {NASTY}",
            "resolved by": "who:some",
        }
    ]
    write_csv(results / "tables/alpha/conflicts.csv", ["reading", "claims", "why", "resolved by"], sets)
    write_csv(results / "tables/alpha/checks.csv", ["a"], [{"a": "1"}])
    first = figure(figures / "overview", "claims", 0, "published", "of claims")
    second = figure(figures / "alpha", "patients", 90, "reconstructed", NASTY)
    notebook(results / "notebooks/00_overview.ipynb", "What is printed?", shown(image_png=first))
    many = [[str(n), "alpha.n alpha.male", "matches", "male & spine"] for n in range(30)]
    outputs = [
        shown(image_png=second, text_plain="<Image>"), shown(text_markdown=f"*Caption {NASTY}*"),
        shown(text_markdown=f"- {NASTY}\n- {LONG}"),
        table(NASTY, ["where", "n & <b>", "verdict"], *([t, "5", "differs"] for t in TEXTS.values())),
        table("Many rows", ["n", "claims", "verdict", "of"], *many),
        table("Nothing", ["n"]),
        shown(text_html=f"<div onclick='hurt()'>some {NASTY} <script>window.hurt = "
                        f"3</script></div>", text_plain="x"),
        shown(image_png=base64.b64encode(png(200)).decode()),
        {"output_type": "stream", "name": "stdout", "text": [f"printed {NASTY}\n", LONG]},
    ]  # fmt: skip
    notebook(results / "notebooks/10_alpha.ipynb", f"How many? {TEXTS['spaced']} <i>five</i>", *outputs)
    return results, figures
