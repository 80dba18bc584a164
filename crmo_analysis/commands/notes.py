"""The notes below a paper's table: tests, units, words in full, and what cells print."""

import re
from collections.abc import Sequence

from crmo_analysis.commands.labels import NEGATION, NOTE, UNKNOWN, bare, key, statistic_of, statistics_in
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.study import rounding

_MARKED = re.compile(r"([†‡§¶*#]+|(?:^|(?<=[;.,] ))[a-e](?=[ :)=]))[\s:)=]*([^;†‡§¶#]+)")
_OF_ALL = re.compile(  # the test of every P value, as a note without a mark names it
    r"(?:(?:all )?p[- ]?values? (?:\w+ ){0,2}(?:by|from|with|using|of) (?:the |an? )?)?"
    r"((?:(?:two|one)[- ](?:sided|tailed) )?(?:(?:student|welch)(?:['’]?s)? t[- ]?test"
    r"|fisher(?:['’]?s)?(?: exact)?(?: test)?"
    r"|(?:pearson(?:['’]?s)? )?(?:chi|χ)[- ]?(?:[2²]|squared?)(?: test)?|mann[- ]whitney(?: u)?(?: test)?"
    r"|wilcoxon rank[- ]sum test|kruskal[- ]wallis(?: test)?|(?:one[- ]way )?anova|log[- ]?rank(?: test)?))",
    re.IGNORECASE,
)
_SHORT = re.compile(r"([A-Z][A-Za-z0-9-]*[A-Z0-9])(?:,| ?=|:) ([^,;:=()]+?)\s*(?:\(.*\))?")
_UNIT_OF = re.compile(r"\b([\w-]+) in ((?:[^\s,;()]*/[^\s,;()]*[^\s,;().])|years|months|weeks|days)")
_SIZE = re.compile(r"[nN] ?= ?(\d+)(?: (?:patients|children))?")


def footnotes(rows: list[list[str]], found: Draft) -> tuple[list[list[str]], list[str]]:
    """Part the rows of a table from the notes below it, "† χ² test; ‡ Kruskal-Wallis test".

    Those with a mark, and the one test that a note without names, are `notes` of the draft; the others are
    returned, and what all say of cells, units and the number of all.
    """
    of_numbers = [
        place
        for place, row in enumerate(rows)
        if any(cell[:1].isdigit() for cell in row[1:]) or (any(row[1:]) and not NOTE.match(row[0]))
    ]
    last = max(of_numbers, default=0)
    text = "; ".join(cell for row in rows[last + 1 :] for cell in row if cell)
    text = re.sub(r"\.\s+(?=[A-Z][a-z]+ )", "; ", text)  # a sentence is a note of its own
    marked = {match[1]: match[2].strip(" .,") for match in _MARKED.finditer(text)}
    others = [words for each in _MARKED.sub(";", text).split(";") if (words := each.strip(" .,"))]
    tests = [match for words in others if (match := _OF_ALL.fullmatch(words))]
    if len(tests) == 1:
        others.remove(tests[0][0])
        marked[""] = tests[0][1]
    found.notes.update(marked)
    for note in (*marked.values(), *others):
        found.told.extend(statistics_in(note))
        found.units.update(units_in(note))
    found.sizes.extend(each[1] for note in others if (each := _SIZE.fullmatch(note)))
    return rows[: last + 1], [note for note in others if not _SIZE.fullmatch(note)]


def spelled_out(rows: list[list[str]], notes: list[str], found: Draft) -> list[list[str]]:
    """Write in full what notes say is short, "RFS, relapse-free survival", and is not known so."""
    shortened = [match for note in notes if (match := _SHORT.fullmatch(note))]
    meant = {match[1]: match[2] for match in shortened if statistic_of(match[2]) == UNKNOWN}
    meant = {short: words for short, words in meant.items() if not NEGATION.match(words.casefold())}

    def in_full(cell: str) -> str:
        is_known = not meant or found.expression(bare(cell))[0]
        return cell if is_known else re.sub(r"[\w-]+", lambda match: meant.get(match[0], match[0]), cell)

    rows = [[*map(in_full, rows[0])], *([in_full(row[0]), *row[1:]] for row in rows[1:])]
    _ask_about([note for note in notes if not _SHORT.fullmatch(note)], found)
    return rows


def units_in(note: str) -> dict[str, str]:
    """Return the units that a note gives: "ESR in mm/h (normal < 20), CRP in mg/l"."""
    return {key(match[1]): match[2] for match in _UNIT_OF.finditer(note)}


def test_of(label: str) -> str:
    """Return the test that a heading of P values begins with: "log-rank P"."""
    match = re.fullmatch(r"(.+?) p(?:[- ]?values?)?", rounding.plain(label))
    return match[1] if match and _OF_ALL.fullmatch(match[1]) else ""


def _ask_about(unused: Sequence[str], found: Draft) -> None:
    for mark, said in found.notes.items():
        of_one = f"note {mark}: '{said}', taken as the test of P values"
        of_all = f"note '{said}': taken as the test of all P values that it can give"
        found.ask((of_one if mark else of_all) if is_test(said) else _use(f"note {mark}", said))
    for said in unused:
        found.ask(_use("note", said))


def _use(note: str, said: str) -> str:
    """Say what a note that names no test is used for."""
    if units := units_in(said):
        return f"{note} '{said}': the units of {', '.join(units)} are taken from it"
    used = f"{note} '{said}': taken for cells whose label does not say what they print"
    return used if statistics_in(said) else f"{note} not used: {said}"


def is_test(note: str) -> bool:
    """Say whether a note can be one test, and not several, a limit of P or units."""
    return not units_in(note) and not re.search(r"^p\s?[<=>]|^signific|,| or | and ", note, re.IGNORECASE)
