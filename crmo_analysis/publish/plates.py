"""Figures of a manuscript: drawn anew at a journal's width."""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

from crmo_analysis.execution import NotebookFailed, execute, warm
from crmo_analysis.files import InputError, UnfitError
from crmo_analysis.publish.outline import FILE, KINDS, Item, Journal, Outline

DRAWN = ("drawn", "source", "alt")  # what a figure's .json says that only its notebook knows


def draw(outline: Outline, folder: Path, tiff: bool) -> dict[str, bytes]:
    """Run the notebooks behind a manuscript's figures at their width.

    Parameters
    ----------
    outline : Outline
    folder : Path
        Where the notebooks may write.
    tiff : bool
        Whether to make TIFF as well.

    Returns
    -------
    dict of str to bytes
        By file name: each figure as .svg, .pdf, .png and .tiff, its data as .csv, and what it is as .json.

    Raises
    ------
    InputError
        If a notebook fails, a figure does not fit, or results are older than what the notebooks give now.
    """
    runs: dict[tuple[Path, float], list[Item]] = {}
    for item in outline.figures:
        runs.setdefault((item.notebook, item.width), []).append(item)
    places = {key: folder / str(number) for number, key in enumerate(runs)}
    workers = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        jobs = [
            workers.submit(_run, items, width, outline.journal, places[notebook, width])
            for (notebook, width), items in runs.items()
        ]
        for job in jobs:
            job.result()
    except BaseException:
        warm.stop()  # notebooks run in threads, which end when their kernels are gone
        raise
    finally:
        workers.shutdown(cancel_futures=True)
    for place in places.values():
        _check_current(place, outline.root)
    files: dict[str, bytes] = {}
    for item in outline.figures:
        stem = places[item.notebook, item.width] / "figures" / item.output
        made = {ending: stem.with_suffix(ending).read_bytes() for ending in (".svg", ".pdf", ".png", ".csv")}
        made |= {".tiff": _tiff(made[".png"], outline.journal.dpi)} if tiff else {}
        said = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        made[".json"] = described(item, {"drawn": said, "source": said["source"], "alt": said["alt"]})
        files |= {f"{item.stem}{ending}": content for ending, content in made.items()}
    return files


def described(item: Item, facts: Mapping) -> bytes:
    """Write what a figure is: its number, title and caption here, beside those it was drawn with."""
    drawn = facts["drawn"]
    # A caption of the outline is the whole legend: what a figure shows, and not what the text finds in it.
    title = "" if item.caption else " ".join(sentence(line) for line in drawn.get("title", "").split("\n"))
    caption = " ".join(filter(None, (item.caption or drawn["caption"], KINDS[drawn["source"]])))
    named = {"number": item.number, "output": item.output, "width": item.width, "title": title}
    facts = {**named, "caption": caption, **facts}
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def sentence(text: str) -> str:
    """Write a text as a sentence: a capital first and a full stop last; nothing for nothing."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}" if text else ""


def _run(items: Sequence[Item], width: float, journal: Journal, folder: Path) -> None:
    """Run a notebook for some figures of one width; name the wider ones where a figure does not fit."""
    page = {"width": width, "dpi": journal.dpi, "signs": journal.signs.of_texts}
    names = [item.output.rpartition("/")[2] for item in items]
    try:
        execute(items[0].notebook, {"page": page, "outputs": names}, out=folder)
    except NotebookFailed as error:
        if error.kind != UnfitError.__name__:
            raise InputError(str(error)) from None
        number = next(
            (i.number for i, name in zip(items, names, strict=True) if f"'{name}'" in error.cause), ""
        )
        wider = " or ".join(key for key, wide in journal.columns.items() if wide > width)
        advice = f"Try columns: {wider}." if wider else "No figure of this journal is wider."
        raise InputError(f"{FILE}, figures, {number}: {error.cause} ({width:g} mm). {advice}") from None


def _check_current(folder: Path, root: Path) -> None:
    """Refuse results that are older than what the notebooks give now.

    Text and tables would not go with figures.
    """
    made = {path: root / "results" / path.relative_to(folder) for path in folder.glob("tables/*/*.csv")}
    made |= {path: root / path.relative_to(folder) for path in folder.glob("figures/*/*.csv")}
    for new, kept in sorted(made.items()):
        if not kept.is_file() or kept.read_bytes() != new.read_bytes():
            name = kept.relative_to(root).as_posix()
            raise InputError(
                f"{name} is not what its notebook gives now; run crmo reproduce, then this again"
            )


def _tiff(png: bytes, dpi: int) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").save(buffer, "TIFF", compression="tiff_lzw", dpi=(dpi, dpi))
    return buffer.getvalue()
