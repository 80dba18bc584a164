"""Tables as a paper prints them, for a notebook and a page: numbers aligned, an interval in one column."""

import html
import math
import re
from collections.abc import Collection

import pandas as pd

from crmo_analysis.display import canvas, frames
from crmo_analysis.study import describe

ROWS = 20  # before all are asked for
MOST_ROWS = 500  # that a page holds
_WIDE = 8  # columns, beyond which what is the same in every row is said below
_DIGITS = 3  # significant, of the largest number of a column
_LONG = 30  # letters of a text that needs a wide column
_NUMBER = re.compile(r"[\s\d.,/%()<>=≤≥±–−-]*\d(to|[\s\d.,/%()<>=≤≥±–−-])*")
_IS_P = re.compile(r"p|p_(holm|benjamini_hochberg|maximum)")
_ENDS = (("low", "high"), ("lower", "upper"))
_INTERVALS = {"ci": "interval", "pi": "prediction interval", "exact": "95 % exact", "wilson": "95 % Wilson"}
STYLE = """<style>
.crmo-table {display: flex; flex-direction: column; align-items: flex-start; overflow-x: auto}
.crmo-table > details {order: 2}
.crmo-table > details:not([open]) ~ table tr.more {display: none}
@media print {
  .crmo-table {display: block; overflow: visible}
  .crmo-table > details {display: none}
  .crmo-table > details ~ table tr.more {display: table-row}
  .crmo-table table.crmo th.prose.prose {min-width: 0}
  .crmo-table table.crmo :is(td, th) {overflow-wrap: break-word}
}
.crmo-table table.crmo {border-collapse: collapse; border: 0; margin: 0.3em 0; table-layout: auto}
.crmo-table table.crmo tr {background: none}
.crmo-table table.crmo :is(td, th) {text-align: left; vertical-align: top; max-width: 44em; border: 0;
  padding: 0.25em 0.8em; white-space: normal}
.crmo-table table.crmo :is(td, th).number {text-align: right; font-variant-numeric: tabular-nums}
.crmo-table table.crmo td.number {white-space: nowrap}
.crmo-table table.crmo th.prose {min-width: 12em}
.crmo-table table.crmo thead {border-top: 2px solid; border-bottom: 1px solid}
.crmo-table table.crmo tbody {border-bottom: 2px solid}
</style>"""


def as_bundle(frame: pd.DataFrame, heading: str) -> dict:
    """Write a table with its heading for a notebook: as HTML, and as texts for whoever sets it anew."""
    shown, note = as_printed(frame)
    left = len(frame) - MOST_ROWS
    note = f"{note} … and {left:,} more rows: .frame has all.".strip() if left > 0 else note
    head = f"<p><strong>{html.escape(heading)}</strong></p>" if heading else ""
    foot = f"<p><small>{html.escape(note)}</small></p>" if note else ""
    page = f"{STYLE}{head}{_table(shown.iloc[:MOST_ROWS])}{foot}"
    rows = shown.iloc[:MOST_ROWS].to_numpy().tolist()
    texts = {"caption": heading, "columns": [*map(str, shown)], "rows": rows, "note": note}
    return {"text/html": page, frames.TABLE: texts}


def as_html(frame: pd.DataFrame, heading: str) -> str:
    """Write a table with its heading as HTML."""
    return as_bundle(frame, heading)["text/html"]


def _table(shown: pd.DataFrame) -> str:
    """Write texts as a table; a column of numbers is right-aligned, and rows after `ROWS` are on demand."""
    if shown.empty:
        return "<p>None.</p>"
    every = f"<details><summary>show all {len(shown):,} rows</summary></details>"
    classes = [_class_of(shown.iloc[:, at]) for at in range(shown.shape[1])]
    heads = "".join(f"<th{c}>{html.escape(str(h))}</th>" for c, h in zip(classes, shown, strict=True))
    rows = []
    for place, row in enumerate(shown.itertuples(index=False)):
        cells = "".join(f"<td{c}>{html.escape(text)}</td>" for c, text in zip(classes, row, strict=True))
        rows.append(f"<tr{' class=more' if place >= ROWS else ''}>{cells}</tr>")
    body = "\n".join(rows)
    table = f'<table class="crmo"><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>'
    return f'<div class="crmo-table">{every * (len(shown) > ROWS)}{table}</div>'


def _class_of(texts: pd.Series) -> str:
    said = [text for text in texts if text]
    if said and all(_NUMBER.fullmatch(text) for text in said):
        return ' class="number"'
    return ' class="prose"' if any(len(text) > _LONG for text in said) else ""


def as_printed(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Write every cell as a paper prints it.

    Numbers of a column have as many decimals as its largest needs for three digits, a P value never is 0,
    both ends of an interval are one cell, and what is true or false is yes or no. Empty columns are left
    out.

    Parameters
    ----------
    frame : DataFrame
        It is not changed.

    Returns
    -------
    tuple of DataFrame and str
        Texts; and what is the same in every row of a table of many columns, in words.
    """
    names, columns, place = [str(name) for name in frame.columns], [], 0
    while place < len(names):
        is_interval = _is_lower_end(*names[place : place + 2])
        columns.append((_interval if is_interval else _column)(frame, names, place))
        place += 2 if is_interval else 1
    columns = [(head, [*map(canvas.true_minus, texts)]) for head, texts in columns if any(texts)]
    is_wide = len(columns) > _WIDE and len(frame) > 1
    same = [column for column in columns if is_wide and len(set(column[1])) == 1]
    kept = [column for column in columns if column not in same]
    shown = pd.DataFrame(zip(*(texts for _, texts in kept), strict=True), columns=[head for head, _ in kept])
    said = "; ".join(f"{head} {texts[0]}" for head, texts in same)
    return shown, f"In every row: {said}." if said else ""


def _is_lower_end(name: str, following: str = "") -> bool:
    """Tell whether a column is the lower end of an interval, and the next one its upper end."""
    ends = [(low, high) for low, high in _ENDS if re.search(rf"(^|[_ ]){low}$", name)]
    return any(following == name.removesuffix(low) + high for low, high in ends)


def _interval(frame: pd.DataFrame, names: list[str], place: int) -> tuple[str, list[str]]:
    """Write both ends of an interval, with the decimals of the estimate before them."""
    ends = [frame.iloc[:, place], frame.iloc[:, place + 1]]
    is_after_end = place > 1 and _is_lower_end(*names[place - 2 : place])
    before = frame.iloc[:, place - 1] if place and not is_after_end else ends[0]
    decimals = _decimals(pd.concat([*ends, before if _is_float(before) else ends[0]]))
    texts = [_as_interval(*pair, decimals) for pair in zip(*ends, strict=True)]
    levels = set(frame["confidence"]) if "confidence" in names else ()
    return _heading_of_interval(names[place], levels), texts


def _column(frame: pd.DataFrame, names: list[str], place: int) -> tuple[str, list[str]]:
    return _heading(names[place]), _texts(names[place], frame.iloc[:, place], "statistic" in names)


def _heading(name: str) -> str:
    return "P" if name == "p" else re.sub(r"^p ", "P, ", name.removeprefix("is_").replace("_", " "))


def _heading_of_interval(name: str, levels: Collection[float]) -> str:
    """Say what an interval is of, and its level where all rows have one."""
    of = re.sub(r"[_ ]?(low|lower)$", "", name)
    if of in ("ci", "pi") and len(levels) == 1:
        return f"{100 * min(levels):g} % {_INTERVALS[of]}"
    return _INTERVALS.get(of) or (f"interval of {_heading(of)}" if of else "lowest to highest")


def _texts(name: str, values: pd.Series, of_many_kinds: bool) -> list[str]:
    if _is_float(values) and not of_many_kinds:
        if _IS_P.fullmatch(name):
            return ["" if pd.isna(p) else describe.p_text(float(p), alone=True) for p in values]
        decimals = _decimals(values)
        return [_number(value, decimals) for value in values]
    return [_cell(value) for value in values]


def _is_float(values: pd.Series) -> bool:
    return pd.api.types.is_float_dtype(values.dtype)


def _decimals(values: pd.Series) -> int:
    """Return how many decimals give the largest of some numbers its digits; none if all are whole."""
    finite = [abs(float(v)) for v in values if pd.notna(v) and math.isfinite(v)]
    if all(value == int(value) for value in finite):
        return 0
    largest = max(finite)
    return max(_DIGITS - 1 - math.floor(math.log10(largest)), 1) if largest >= 1 else _DIGITS


def _number(value: float, decimals: int) -> str:
    if pd.isna(value):
        return ""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞"
    text = describe.rounded_text(float(value), decimals)
    return f"{value:.2g}" if value and not float(text) else text


def _cell(value: object) -> str:
    """Write a value of a column that has not only numbers."""
    if isinstance(value, list | tuple | set | dict):
        return str(value)
    if pd.isna(value):
        return ""
    if isinstance(value, float):  # numpy's as well
        return _number(value, _decimals(pd.Series([value])))
    return ("no", "yes")[bool(value)] if str(value) in ("True", "False") else str(value)


def _as_interval(low: object, high: object, decimals: int) -> str:
    if pd.isna(low) and pd.isna(high):
        return ""
    texts = [_number(end, decimals) or "not determined" for end in (low, high)]
    return " to ".join(texts)
