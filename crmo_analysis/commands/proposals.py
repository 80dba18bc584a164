"""What is proposed of a paper's table: rows of claims, variables and questions."""

import difflib
import re
from dataclasses import dataclass, field
from functools import cached_property, partial

from crmo_analysis.commands.labels import NEGATION, UNKNOWN, bare, in_unit, key, name_of, parted, stems
from crmo_analysis.study import Claim, Codebook, read_section


def _is_near(words: list[str], word: str) -> bool:
    return bool(difflib.get_close_matches(word, words, n=1, cutoff=0.75))


@dataclass(frozen=True)
class Draft:
    """Rows of `claims.csv`, what has to be looked at, and variables that the codebook lacks.

    Ids begin with `prefix`, the name of the study; the paper calls the table `where`. Below stand `notes`,
    tests by their marks, what these have `told` that cells print, `units`, and the `sizes` of all, "n = 22".
    """

    codebook: Codebook
    prefix: str
    where: str
    notes: dict[str, str] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    sizes: list[str] = field(default_factory=list)
    rows: list[dict] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    variables: dict[str, dict] = field(default_factory=dict)

    def ask(self, question: str) -> None:
        """Add a question, once."""
        if question not in self.questions:
            self.questions.append(question)

    def add(self, name: str, place: str, said: dict) -> str:
        """Add a row, whose id is its own; return what it is of, which another row can be of already."""
        row = dict.fromkeys(Claim.COLUMNS, "")
        taken = {other["claim_id"] for other in self.rows}
        claim_id, number = f"{self.prefix}.{name}", 2
        while claim_id in taken:
            claim_id, number = f"{self.prefix}.{name}.{number}", number + 1
        row |= {"claim_id": claim_id, "where": f"{self.where}, {place}", "about": "own"} | said
        what, alike = row["statistic"].partition(",")[0], ("about", "of", "among", "at")
        same = [each for each in self.rows if all(each[column] == row[column] for column in alike)]
        other = next((each for each in same if each["statistic"].partition(",")[0] == what), None)
        number = re.match(r"\d*[.,]?\d*", row["printed"])[0]
        is_told = UNKNOWN not in (row["statistic"], row["of"]) and "," not in row["of"]
        if other and is_told and not other["printed"].startswith(number):
            self.ask(f"'{place}' and '{other['where'].partition(', ')[2]}': which of them is '{row['of']}'?")
            row["of"] = UNKNOWN
        self.rows.append(row)
        return row["of"]

    def variable(self, label: str, heading: str = "") -> tuple[str, str]:
        """Return the variable, or the finding, that a label means, and what to note about it."""
        words, limit = parted(label)
        name, how = self.expression(words)
        if not name and heading:
            name, how = self.expression(f"{bare(heading)} {words}")
        if name in self.codebook and limit and self.codebook[name].is_numeric:
            unit, limit = self.codebook[name].unit, in_unit(limit, label, self.codebook[name])
            self.ask(f"'{label}': taken as those with '{name} {limit}', which is in {unit}")
            return f"{name} {limit}", f"of '{label}', by {how}"
        if name:
            return name, f"of '{label}', by {how}"
        name = self.made_up(bare(label))
        self.ask(f"'{label}': no variable of the codebook is near; called '{name}', to be described")
        return name, f"of '{label}', made up"

    def made_up(self, words: str) -> str:
        """Return the name of a variable that only this study has."""
        name = name_of(words)
        self.variables.setdefault(name, {"label": f"{words[:1].upper()}{words[1:]}", "type": "boolean"})
        return name

    def expression(self, words: str) -> tuple[str, str]:
        """Return the expression that words mean, and how that is known; empty if they mean none."""
        known = self._known | {key(name.replace("_", " ")): name for name in self.variables}
        if found := self._sexes.get(words) or known.get(key(words)):
            return found, "its label"
        if match := NEGATION.fullmatch(words):
            name, _ = self.expression(match[1])
            return (f"~{name}", f"'{words}'") if name else ("", "")
        if found := self._others.get(key(words)):
            return found, "another name of it; is it the same?"
        near = {name for label, name in known.items() if stems(label) == stems(words)}
        near = {name for name in near if not name.startswith("~")}
        findings = {name for name in near if name in self.codebook and not self.codebook[name].is_numeric}
        for names in (near, findings):
            if len(names) == 1:
                return names.pop(), "words that mean it; is it the same?"
        close = difflib.get_close_matches(key(words), known, n=1, cutoff=0.8)
        numbers = [re.findall(r"\d+", each) for each in (key(words), *close)]  # "score 30" is not "score 50"
        is_near = partial(_is_near, "".join(close).split())
        if numbers[:1] != numbers[1:] or not all(map(is_near, key(words).split())):
            return "", ""
        return (known[close[0]], f"'{close[0]}', which is near") if close else ("", "")

    @cached_property
    def _sexes(self) -> dict[str, str]:
        """Words for boys and girls in several languages, of one or of many."""
        listed = {"male": read_section("words")["boy"], "~male": read_section("words")["girl"]}
        of = {word: name for name, words in listed.items() for word in words if len(word) > 2}
        return of | {f"{word}{end}": name for word, name in of.items() for end in ("s", "n", " sex")}

    @cached_property
    def _known(self) -> dict[str, str]:
        """Names, labels and negations of the codebook's variables of a patient, in the words of `key`."""
        of_patients = {name: each for name, each in self.codebook.items() if each.level == "patient"}
        known = {key(name.replace("_", " ")): name for name in of_patients}
        known |= {key(each.label): name for name, each in of_patients.items()}
        return known | {key(each.negation): f"~{name}" for name, each in of_patients.items() if each.negation}

    @cached_property
    def _others(self) -> dict[str, str]:
        """Other names of them, as clinics use them."""
        listed = {key(other): name for name, names in read_section("also").items() for other in names}
        return {other: name for other, name in listed.items() if name in self._known.values()}
