"""What a claim and a study are, once they are read: one printed number, and all that a publication prints."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from crmo_analysis.files import InputError, meant
from crmo_analysis.study import vocabulary
from crmo_analysis.study.codebook import Codebook, read_codebook
from crmo_analysis.study.expressions import Compare, Everyone, Expression, Not, parse
from crmo_analysis.study.figures import Figure, figures_of
from crmo_analysis.study.lists import LISTED
from crmo_analysis.study.rounding import Printed
from crmo_analysis.study.rows import COLUMNS, LATER, OF_THOSE_KNOWN
from crmo_analysis.study.times import TOLD


@dataclass(frozen=True)
class Claim:
    """One printed number under one reading.

    `of` and `among` are kept as written; `patients` and `group` are their trees (`patients` only where the
    statistic is about patients). `printed` is the text of the publication, `number` what it says. `method`
    is the test, or the definition of a quantile or an interval; `at` the time of a visit, which the variables
    in `of` already name. `codebook` is that of the study.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (*COLUMNS, *LATER)  # of `claims.csv`

    study: str
    claim_id: str
    where: str
    about: str
    statistic: str
    of: str
    among: str
    printed: str
    unit: str
    reading: str
    note: str
    group: Expression
    patients: Expression | None
    number: Printed | None
    at: str = ""
    method: str = ""
    codebook: Codebook = field(default_factory=read_codebook, repr=False, compare=False)

    def __hash__(self) -> int:
        return hash((self.claim_id, self.reading))  # quick: claims are looked up very often

    def rounded_by(self, rule: str) -> "Claim":
        """Return the claim with a number that is taken to be rounded by a rule, or by any."""
        has_it = self.number is None or self.number.rule == rule
        return self if has_it else replace(self, number=replace(self.number, rule=rule))

    @property
    def is_of_patients(self) -> bool:
        """Whether `of` says which patients are counted."""
        return self.statistic in vocabulary.OF_PATIENTS

    @property
    def is_of_values(self) -> bool:
        """Whether `of` is a variable whose values are summed up."""
        return vocabulary.kind(self.statistic, self.of) == "values" and self.of in self.codebook

    @property
    def is_of_those_known(self) -> bool:
        """Whether it says of how many something is known, or who is who, which is no finding in them."""
        return self.note.endswith(OF_THOSE_KNOWN) or self.is_who_is_who

    @property
    def is_who_is_who(self) -> bool:
        """Whether it tells listed patients apart, which nothing prints."""
        return self.note.endswith(LISTED)

    @property
    def parts(self) -> tuple[str, ...]:
        """What stands in `of`, between commas: an outcome, an exposure, and what else is in the model."""
        return tuple(part.strip() for part in self.of.split(","))

    @property
    def coefficient(self) -> str:
        """Of which kind a correlation is: Pearson's where the study says so, else Spearman's."""
        return "pearson" if self.test == "pearson" else "spearman"

    @property
    def test(self) -> str:
        """The name of the test or the definition that column method has, empty if it has none."""
        return vocabulary.method_of(self.method)

    @property
    def level(self) -> float:
        """The level of an interval, as a share."""
        return vocabulary.level_of(self.method)

    @property
    def rate_scales(self) -> tuple[float, ...]:
        """Per how much time a rate can be printed, in the unit of the time that it is of."""
        time = self.codebook.get(self.parts[-1])
        return vocabulary.rate_scales(self.unit, time.unit if time else "")

    @property
    def percentile(self) -> int | None:
        """Which percentile of the values it is, if it is one."""
        return vocabulary.percentile(self.statistic) if self.is_of_values else None

    @property
    def told_apart(self) -> bool:
        """Whether its time was taken from `where`, because nothing else tells it from another claim."""
        return bool(self.at) and TOLD.format(at=self.at) in self.note

    def levels(self, place: int) -> tuple[Expression, ...]:
        """Return whom a part of `of` tells apart: those it holds for and the others, or each category.

        None for a number, or a part that is not there.
        """
        if place >= len(self.parts) or vocabulary.kind(self.statistic, self.of) != "pair":
            return ()
        part = self.parts[place]
        variable = self.codebook.get(part)
        if variable and variable.type == "category":
            return tuple(Compare(part, "==", category) for category in variable.categories)
        if variable and variable.type != "boolean":
            return ()
        tree = parse(part, self.codebook)
        return tree, Not(tree)

    @property
    def cell(self) -> str:
        """What its id begins with, which all numbers of one printed cell share."""
        return self.claim_id.rpartition(".")[0]

    @property
    def section(self) -> str:
        """The table or section, which shares a way of rounding."""
        return self.where.partition(",")[0]


@dataclass(frozen=True)
class Study:
    """A study: what it is, the rules that hold by definition, the readings, and its claims.

    `codebook` has the project's variables and those that only this study has.
    """

    study: str
    facts: Mapping[str, object]
    rules: tuple[tuple[Expression, str], ...]
    readings: Mapping[str, Mapping[str, Mapping[str, object]]]
    claims: tuple[Claim, ...] = field(repr=False)
    codebook: Codebook = field(default_factory=read_codebook, repr=False, compare=False)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures that it lists, or else those that its claims allow; see `figures.Figure`."""
        return figures_of(self)

    @property
    def has_size(self) -> bool:
        """Whether it prints how many patients it has, without which there is no table of them."""
        return any(
            claim.statistic == "count" and claim.patients == Everyone() == claim.group
            for claim in self.claims
            if claim.about == "own"
        )

    def codebook_under(self, scenario: Mapping[str, str], codebook: Codebook) -> Codebook:
        """Return the codebook with the steps that a scenario's readings give some variables."""
        chosen = [self.readings[name][option].get("step") or {} for name, option in scenario.items()]
        steps = {name: Fraction(str(step)) for option in chosen for name, step in option.items()}
        return {**codebook, **{name: replace(codebook[name], step=step) for name, step in steps.items()}}

    @property
    def recorded(self) -> frozenset[str]:
        """The variables whose step a reading gives."""
        options = (option for found in self.readings.values() for option in found.values())
        return frozenset(name for option in options for name in option.get("step") or {})

    def claim(self, claim_id: str) -> Claim:
        """Return the claim of that id (its first reading); InputError if the study has none."""
        for claim in self.claims:
            if claim.claim_id == claim_id:
                return claim
        near = meant(claim_id, [claim.claim_id for claim in self.claims])
        raise InputError(f"{self.study} has no claim '{claim_id}'{near}")
