"""A study as a person asks it: what it prints, whether that holds, what it implies, and patients that fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property, partial
from statistics import mode

import pandas as pd

from crmo_analysis import files
from crmo_analysis.display import frames, plot
from crmo_analysis.face import pictures
from crmo_analysis.face.audits import Audit, audit_of
from crmo_analysis.face.cohorts import Cohort
from crmo_analysis.face.correlations import LeastCorrelation, printed_correlations
from crmo_analysis.face.reading import read_shipped
from crmo_analysis.face.results import DERIVED, Result, filled, listed
from crmo_analysis.files import InputError, study_names
from crmo_analysis.joint import Assumptions, datapackage, find_conflicts, fit, ledger, simulate, words
from crmo_analysis.recompute import Audited
from crmo_analysis.study import Claim, describe, expressions
from crmo_analysis.study import read_study as read_record


def studies() -> list[str]:
    """List the names of the studies that are here."""
    return study_names()


def read_study(name: str) -> "Study":
    """Open a study by the name of its folder in `data/published`, or by the path of a folder anywhere.

    Raises
    ------
    InputError
        If there is none of that name, or its files have problems; all are listed.
    """
    return Study(name)


class Study:
    """A study's printed numbers, and what can be asked of them.

    Attributes
    ----------
    name, short : str
        Its folder, and how it is cited in a sentence.
    facts : mapping
        Its `study.yaml`.
    """

    def __init__(self, name: str):
        self.record = read_record(name)
        self.name, self.facts = self.record.study, self.record.facts
        self.short = self.facts["short"]

    def __repr__(self):
        own = sum(each.claim.about == "own" for each in self._audited)
        counts = f"{len(self._audited)} printed numbers, {own} of its own patients"
        return f"{self.facts['title']}\n{self.facts['design']}\n{counts}"

    @property
    def claims(self) -> pd.DataFrame:
        """Every printed number as it stands, one row a reading."""
        rows = [[getattr(claim, name) for name in Claim.COLUMNS] for claim in self.record.claims]
        return pd.DataFrame(rows, columns=list(Claim.COLUMNS))

    @cached_property
    def _audited(self) -> tuple[Audited, ...]:
        return ledger.audit_jointly(self.record)

    @cached_property
    def _fitted(self):
        return fit(self.record)

    @cached_property
    def numbers(self) -> dict[str, int | float]:
        """What claims print as a number, by their ids; "all" is worked out from its group.

        Where all ids begin with the same word ("hospach."), they are named with and without it, and so they
        are in the templates of a notebook: "{spine.n} of {n} children".
        """
        found = {}
        for each in self._audited:
            claim = each.claim
            value = each.x if claim.statistic == "count" else claim.number and claim.number.value
            if value is not None:
                found.setdefault(claim.claim_id, int(value) if value == int(value) else float(value))
        first = {claim_id.partition(".")[0] for claim_id in found}
        return found if len(first) > 1 else found | {i.partition(".")[2]: x for i, x in found.items()}

    def number(self, claim_id: str) -> int | float:
        """Return what a claim prints as a number; whole numbers as int.

        Raises
        ------
        InputError
            If the study has no such claim, or it prints no number.
        """
        if claim_id not in self.numbers:
            raise InputError(f"{claim_id} prints no number ('{self.record.claim(claim_id).printed}')")
        return self.numbers[claim_id]

    def audit(self) -> "Audit":
        """Give every printed number a verdict, alone and beside the others."""
        return audit_of(self._audited, {self.name: self.short})

    def counts(self, *claim_ids: str, section: str = "", sections: Mapping[str, str] | None = None) -> Result:
        """Describe printed counts as x/n with recomputed percentages and intervals.

        Parameters
        ----------
        *claim_ids : str
            Counts to draw, in this order; all that have a group of printed size, as a table, if none is
            named.
        section : str
            A table of the study whose counts are drawn, the most frequent first.
        sections : mapping of str to str
            Headings for groups of patients, under which counts are drawn.
        """
        heading = "Counts as printed, with 95 % intervals"
        counts = [claim for claim in self.record.claims if claim.statistic == "count"]
        tables = dict.fromkeys(claim.section for claim in counts)
        if section and section not in tables:
            raise InputError(f"no count is printed in {section!r}; there are {', '.join(tables)}")
        of_table = [claim.claim_id for claim in counts if section and claim.section == section]
        chosen = [*claim_ids, *dict.fromkeys(of_table)]
        if not chosen:
            return Result(frames.description(self._audited), heading)
        for claim_id in chosen:
            self.record.claim(claim_id)
        shares = frames.proportions(self._audited, chosen)
        if section:
            shares = shares.sort_values("x", ascending=False, kind="stable").reset_index(drop=True)
        if sections is None and shares["label"].duplicated().any():  # told apart by their group
            first = shares["group"].drop_duplicates().tolist()
            shares = shares.sort_values("group", key=lambda of: of.map(first.index), kind="stable")
            sections = {}
        if sections is not None:
            shares.insert(0, "section", shares["group"].replace(dict(sections)))
        return self._shares(shares, heading)

    def skeleton(self, section: str = "") -> Result:
        """Show on a drawn skeleton how many patients had each bone affected.

        Parameters
        ----------
        section : str
            The table of the study that counts bones, the one that counts most unless named; rows about no
            bone are left out.
        """
        of = {claim.claim_id: claim.of for claim in self.record.claims if claim.statistic == "count"}
        printed = [self.record.claim(name).section for name, of in of.items() if of in plot.on_skeleton()]
        if not printed or section not in ("", *printed):
            there = ", ".join(dict.fromkeys(printed)) or "no count of bones"
            raise InputError(f"no bone is counted in {section or self.short!r}; there is {there}")
        section = section or mode(printed)
        counts = self.counts(section=section)
        frame = counts.frame.assign(name=counts.frame["claim_id"].map(of))
        frame = frame[[name in plot.on_skeleton() for name in frame["name"]]].reset_index(drop=True)
        result = replace(
            counts,
            frame=frame,
            caption=pictures.OF_BONES,
            subtitle="{study}, {section}, published counts",
            alt="A drawn skeleton, coloured by the share of patients with each bone affected: from {first_x} "
            "of {first_n} ({first}) to {last_x} of {last_n} ({last}).",
            terms={"study": self.short, "section": section, "count": len(frame), **pictures.ends_of(frame)},
        )
        return result.drawn(plot.skeleton)

    def shares(self, rows: Sequence[tuple[str, str, int | str, int | str]]) -> Result:
        """Describe shares of one's own choice: rows of section, label, x and n.

        The label is a template; x and n are numbers, or ids of claims that print them.
        """
        rows = [(section, filled(label, self.numbers), *map(self._count, xn)) for section, label, *xn in rows]
        return self._shares(frames.shares(rows), "Shares, with 95 % intervals")

    def _count(self, number: int | str) -> int:
        return self.number(number) if isinstance(number, str) else number

    def _shares(self, shares: pd.DataFrame, heading: str) -> Result:
        return Result(
            shares,
            heading,
            caption="Printed counts with recomputed exact intervals (Clopper-Pearson).",
            subtitle="{study}, published counts; intervals recomputed",
            alt="Intervals for {count} shares, from {first_x} of {first_n} ({first}) to {last_x} of {last_n} "
            "({last}).",
            draw=partial(plot.proportion_intervals, shares),
            terms={"study": self.short, "count": len(shares), **pictures.ends_of(shares)},
        )

    def _in_words(self, tree) -> str:
        return describe.in_sentence(expressions.in_words(tree, self.record.codebook))

    def _with(self, tree) -> str:
        """Say what patients have or lack, to follow "those"."""
        is_lacking = "Not: " in expressions.in_words(tree, self.record.codebook)
        match tree:
            case expressions.And(left, right) if is_lacking:
                return f"{self._with(left)} and {self._with(right)}"
            case expressions.Not(inner) if is_lacking:
                return f"without {self._in_words(inner)}"
        return f"with {self._in_words(tree)}"

    def participants(self, *steps: tuple[str, str, str]) -> Result:
        """Show how many patients there were at each step, and how many of them are not in the next.

        Parameters
        ----------
        *steps : tuple of str
            What to call a step (a template), the id of the count of patients in it, and what to call those
            who are not in the next; an empty text where they are not told of.
        """
        n = [self.number(claim_id) for _, claim_id, _ in steps]
        steps = [(filled(name, self.numbers), why) for name, _, why in steps]
        rows = [
            (name, now, now - later if why else None, why)
            for (name, why), now, later in zip(steps, n, [*n[1:], 0], strict=True)
        ]
        return Result(
            pd.DataFrame(rows, columns=["step", "n", "left", "why"]).astype({"left": "Int64"}),
            "Participants",
            caption="Flow of patients: printed counts, and beside them differences of these.",
            subtitle="{study}, published counts",
            alt="Flow of patients: {said}.",
            terms={"study": self.short, "said": listed([name for name, _ in steps], n)},
        ).drawn(plot.participants)

    def treatment_flow(self, drugs: Sequence[str], outcome: str) -> Result:
        """Show who can have moved from which drug to which, and what it led to, over all tables that fit.

        Parameters
        ----------
        drugs : sequence of str
            Findings, such as ``nsaid``, in the order in which drugs are given.
        outcome : str
            A finding, such as ``remission``.
        """
        return self._bounded(pictures.treatment_flow, drugs, outcome)

    def overlaps(self, *findings: str) -> Result:
        """Show how many patients can have both of every two findings, over all tables that fit."""
        if len(set(findings)) < 2:
            raise InputError(f"{', '.join(findings) or 'nothing'} is asked; expected two findings or more")
        return self._bounded(pictures.overlaps, findings)

    def _bounded(self, draw: Callable, *asked) -> Result:
        """Draw from the fewest and the most patients of whom expressions can hold, as far as it is proved."""
        open_ends = []

        def count(text: str) -> tuple[int, int]:
            found = self.bounds(f"count({text})").frame.iloc[0]
            if found["is_proved"]:
                return int(found["lower"]), int(found["upper"])
            open_ends.append(text)
            return 0, self._fitted.n

        result = draw(count, *asked, self.record.codebook)
        terms = {"study": self.short, "whose": f"{self.short}, derived from the printed numbers"}
        said = " Not decided within the effort allowed, and left open: {unproved} of the numbers."
        terms |= {"unproved": len(open_ends)}
        caption = result.caption + (said if open_ends else "")
        return replace(result, source=DERIVED, caption=caption, terms={**result.terms, **terms})

    @property
    def figures(self) -> tuple:
        """The figures that the study lists in its `study.yaml`, or else those that its claims allow."""
        return self.record.figures

    def picture(self, figure) -> tuple[Result, str]:
        """Return what a figure of the study shows, and a template for its title."""
        match figure.kind:
            case "counts":
                shown, title = self.counts(*figure.claims), "{study}: {count} printed counts, with intervals"
            case "rounding":
                shown = self.audit().rounding()
                title = "{off} of {count} percentages are not rounded to the nearest"
            case "correlations":
                shown = printed_correlations(self.record.claims, self.short)
                title = "{count} printed correlations, from {least:g} to {most:g}"
            case "implied":
                shown = self.bounds(*figure.pairs, among=figure.among)
                title = "Overlaps of two findings that are left open: {open} of {count}"
            case _:
                shown, title = self.audit(), "{matches} of {count} printed numbers follow from others; {odd}"
        return shown, figure.title or title

    def groups(self) -> Result:
        """List the groups of patients whose size is printed."""
        own = [c for c in self.record.claims if c.about == "own" and c.statistic == "count"]
        asked = {c.group for c in self.record.claims if c.about == "own"}
        sized = (c for c in own if c.patients in asked)
        rows = [[self._patients(c), c.printed, c.where] for c in sized]
        frame = pd.DataFrame(rows, columns=["patients", "printed", "where"]).drop_duplicates()
        return Result(frame, "Groups of patients whose size is printed")

    def _patients(self, claim) -> str:
        """Say whom a claim counts, and among whom, where that is not everyone."""
        counted, group = (expressions.in_words(of, claim.codebook) for of in (claim.patients, claim.group))
        return counted if claim.group == expressions.Everyone() else f"{counted}, among: {group}"

    def values(self) -> Result:
        """Return medians and means with their spread, and sums, as they are printed."""
        return Result(frames.values(self._audited), "Medians and means with their spread, as printed")

    def conflicts(self) -> Result:
        """List the claims that cannot stand together, in sets of which none can be left out, and why."""
        heading = "Claims that cannot stand together, and why"
        if not self.record.has_size:
            columns = ["reading", "claims", "why", "resolved by"]
            heading = "How many patients there are is not printed, so nothing is held together"
            return Result(pd.DataFrame(columns=columns), heading)
        return Result(words.conflict_table(find_conflicts(self.record)), heading)

    def bounds(self, *questions: str, among: str = "") -> Result:
        """Bound numbers that were not printed, over all tables of patients that keep what was.

        Parameters
        ----------
        *questions : str
            Two findings, as ``back_pain & vertebral_deformity``, for the number of patients with both; or a
            statistic, as ``mean(diagnostic_delay among vertebral_collapse)``.
        among : str
            Of which patients pairs are asked. A finding that a study reports of some patients only can be
            anything in the others.

        Returns
        -------
        Result
            `expression, first, second, lower, upper, n, is_proved`, one row a question.
        """
        if not questions:
            raise InputError('nothing is asked; expected such as "back_pain & vertebral_deformity"')
        asked = [f"{text} among {among}" if among else text for text in questions]
        implied = words.implied(self._fitted, asked)
        pairs = implied[implied["first"] != ""]
        is_open, who = pairs["lower"] < pairs["upper"], ""
        if among:
            codebook = self.record.codebook
            who = f" among those {self._with(expressions.parse(among, codebook))}"
        return Result(
            implied,
            f"How many patients can have both{who}" if len(pairs) else "Between which values the numbers lie",
            caption="Patients with both findings: from the fewest to the most, over every table of patients "
            "that keeps the printed numbers.",
            subtitle=f"{{study}}; patients with both{who}, over all tables that fit the printed numbers",
            alt="Bars for {count} pairs of findings, {open} of them left open; patients with both: {said}.",
            source=DERIVED,
            draw=partial(plot.bounds, pairs) if len(pairs) else None,
            columns=tuple(implied)[1:] if len(pairs) == len(implied) else (),
            terms={
                "study": self.short,
                "count": len(implied),
                "open": int(is_open.sum()),
                "said": pictures.said_of_pairs(pairs),
            },
        )

    def correlation(self, p: str) -> "LeastCorrelation":
        """Say how large a correlation is at least, whose P value is printed in place of it.

        Parameters
        ----------
        p : str
            The id of a claim that prints a P value, of all patients.
        """
        if self.record.claim(p).statistic != "p_value":
            printed = [c.claim_id for c in self.record.claims if c.statistic == "p_value"]
            raise InputError(f"{p} prints no P value; P values are {', '.join(printed) or 'not printed'}")
        return LeastCorrelation(self.number(p), self._fitted.n, self.short)

    def patients(self, count: int = 1, seed: int = 0, **assumptions) -> "Cohort | list[Cohort]":
        """Return patients that fit the printed numbers: the cohort that ships, or others.

        Parameters
        ----------
        count : int
            How many cohorts; more than one come as a list.
        seed : int
            Other seeds give other cohorts.
        **assumptions
            Of a simulation, for a study that prints a P value and hardly a count; as for `joint.Assumptions`.
        """
        if not isinstance(count, int) or count < 1:
            raise InputError(f"count is {count!r}, expected a whole number from 1")
        known = [each.name for each in fields(Assumptions)]
        if wrong := sorted(assumptions.keys() - set(known)):
            raise InputError(f"there is no assumption {', '.join(wrong)}; there is {', '.join(known)}")
        if count == 1 and seed == 0 and not assumptions and (files.COHORTS / f"{self.name}.csv").is_file():
            return read_shipped(self.name)
        if assumptions:
            assumed = Assumptions(**assumptions)
            made = [simulate(self._fitted, seed + place, assumed) for place in range(count)]
        else:
            made = datapackage.make_cohorts(self._fitted, count, seed)
        cohorts = [Cohort.of(table) for table in made]
        return cohorts if count > 1 else cohorts[0]

    def reproduced(self) -> Result:
        """Set every printed number beside what one reconstructed cohort gives for it."""
        if not self.record.has_size:
            return Result(pd.DataFrame(), "How many patients there are is not printed, so none are made")
        table = self.patients().patients
        heading = f"Printed beside one reconstructed table of {self._fitted.n} patients"
        frame = words.reproduced(self._fitted, table)
        for name in ("of", "among"):
            frame[name] = [frames.words_of(text, self.record.codebook) for text in frame[name]]
        return Result(frame, heading, source="reconstructed")
