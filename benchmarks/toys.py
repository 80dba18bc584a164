"""Hold the joint model against every table of patients there is, in thousands of small made-up studies.

    python benchmarks/toys.py [--toys 10000] [--seed 1] [--spoiled 0.5] [--medians 0] [--coarse 0]

A table of one to six patients with two to four variables is drawn, numbers of it are printed as a study would,
and in half of the studies some are changed. All tables, up to the order of their rows, are gone through with
plain arrays; nothing of that uses the joint model. Counted are wrong answers of every kind:

- a fit that gives up more claims, or fewer, than have to be,
- a conflict whose claims can stand together, or could without one of them,
- claims that no conflict names and that cannot stand together,
- a claim that is accused although all can stand together, a contradiction of which nobody is accused,
- a bound that is said to be proved and is another, or a bound of nobody,
- a reconstructed table that does not give what it is said to keep, or no table where there is one,

and answers that were not finished. `docs/tried.md` has what came of it.

A group may be empty. Nobody has a percentage, a mean, a median, an extreme or an SD (which takes two), so a study
that prints one says that somebody is there; a count or a sum of nobody is 0. The joint model goes by the same
rule (`joint/model.py`), and so does the denial of a number: it is another one, not none.
"""

import argparse
import itertools
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property

import numpy as np

from crmo_analysis.files import InputError, NoTableError, UnfinishedError
from crmo_analysis.joint import find_bounds, find_conflicts, fit, reconstruct
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import Claim, Study, Variable, expressions, rounding

VALUES = {
    **dict.fromkeys("abc", (False, True)),
    "kind": ("red", "green", "blue"),
    "x": tuple(map(Fraction, range(4))),
    "w": tuple(map(Fraction, range(6))),
    "z": (Fraction(0), Fraction(1, 2), Fraction(1)),
    "v": tuple(map(Fraction, range(67))),  # more than are all told apart
    "e": tuple(map(Fraction, range(3))),  # an earlier age, a later one, and the years between
    "l": tuple(map(Fraction, range(4))),
    "t": tuple(map(Fraction, range(4))),
}
NUMBERS = "xwzvelt"
MISSED = 2  # years that a time may miss the difference of two ages, for each is in whole years
SCOPES = ("a b c", "a b x", "kind a b", "kind x", "a x", "a b z", "x z", "a b c z", "w a", "w kind", "w", "v")
SCOPES += ("e l t", "e l t", "e l t a")
MOST_TABLES = {"v": 60_000, "e": 90_000}  # others 20,000
ASKED = ("count", "count", "percent", "mean", "median", "min", "max", "sum")
PRINTED = (*ASKED, "sd", "sd")
COSTS = {"percent": 8, "mean": 5, "sd": 4}  # of what is derived, where a count or a value costs 12
NUMERIC = {"integer": Fraction(1), "decimal": Fraction(1, 2)}


def _variable(name: str) -> Variable:
    values = VALUES[name]
    if isinstance(values[0], bool):
        return Variable(name, name.upper(), "boolean")
    if isinstance(values[0], str):
        return Variable(name, name.upper(), "category", categories=values)
    kind = "decimal" if name == "z" else "integer"
    limits = {"step": NUMERIC[kind], "minimum": values[0], "maximum": values[-1]}
    around = {"start": "e", "end": "l"} if name == "t" else {}
    unit = "years" if name in "elt" else "points"
    return Variable(name, name.upper(), kind, unit=unit, **limits, **around)


CODEBOOK = {name: _variable(name) for name in VALUES}


# ---- every table -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Group:
    """An expression, and of which kinds of patients it holds."""

    text: str
    holds: np.ndarray


@cache
def kinds_of(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the values of every kind of patient there can be."""
    every = list(itertools.product(*(VALUES[name] for name in names)))
    if "t" in names:
        every = [kind for kind in every if abs(kind[1] - kind[0] - kind[2]) <= MISSED and kind[1] >= kind[0]]
    return {name: np.array([kind[place] for kind in every], dtype=object) for place, name in enumerate(names)}


@cache
def tables_of(kinds: int, n: int) -> np.ndarray:
    """Return every way to share n patients among kinds, one a row."""
    if kinds == 1:
        return np.full((1, 1), n, dtype=np.int16)
    parts = []
    for first in range(n + 1):
        rest = tables_of(kinds - 1, n - first)
        parts.append(np.hstack([np.full((len(rest), 1), first, dtype=np.int16), rest]))
    return np.vstack(parts)


def values_in(tables: np.ndarray, asked: tuple[str, str, Group, Group | None], kinds) -> np.ndarray:
    """Return what every table gives for a statistic, in 360ths; where nobody is meant, a number below all.

    Of an SD it is the square, in 240ths.
    """
    statistic, of, among, counted = asked
    size = tables[:, among.holds].sum(axis=1).astype(int)
    nobody = np.iinfo(int).min
    if counted is not None:
        number = tables[:, among.holds & counted.holds].sum(axis=1).astype(int)
        if statistic == "count":
            return 360 * number
        return np.where(size > 0, 36_000 * number // np.maximum(size, 1), nobody)
    steps = np.array([int(2 * value) for value in kinds[of]])
    if statistic == "sd":
        total, squares = (tables[:, among.holds] @ power[among.holds] for power in (steps, steps**2))
        pairs = np.maximum(size * (size - 1), 1)
        return np.where(size > 1, 60 * (size * squares - total**2) // pairs, nobody)
    if statistic == "sum":
        return 180 * (tables[:, among.holds] @ steps[among.holds])
    if statistic == "mean":
        return np.where(
            size > 0, 180 * (tables[:, among.holds] @ steps[among.holds]) // np.maximum(size, 1), nobody
        )
    levels = sorted(set(steps.tolist()))
    reached = np.cumsum(
        [tables[:, among.holds & (steps == level)].sum(axis=1) for level in levels], axis=0
    )  # so many are at a level or below

    def ordered(rank):
        place = (reached <= rank[None, :]).sum(axis=0)
        return np.array([*levels, nobody])[np.minimum(place, len(levels))]

    ranks = {"min": (0 * size, 0 * size), "max": (size - 1, size - 1), "median": ((size - 1) // 2, size // 2)}
    low, high = (ordered(np.maximum(rank, 0)) for rank in ranks[statistic])
    return np.where(size > 0, 90 * (low + high), nobody)


def is_printed(values: np.ndarray, statistic: str, printed: str, rule: str = "any") -> np.ndarray:
    """Say of which values a text is printed: rounded by any rule, rounded half up or to even, or cut off.

    Those that are `sure` are no number beside it, however halves are rounded.
    """
    limits = {"at least ": np.greater_equal, "<": np.less}
    for word, compare in limits.items():
        if printed.startswith(word):
            return compare(values, int(360 * Fraction(printed.removeprefix(word))))
    exact = 360 * Fraction(printed)
    unit = Fraction(1, 10 ** len(printed.partition(".")[2]) * (2 if rule in ("half", "sure") else 1))
    if statistic == "sd":
        low, high = Fraction(printed) - unit, Fraction(printed) + unit
        return (values > (math.floor(240 * low**2) if low >= 0 else -1)) & (values < math.ceil(240 * high**2))
    if statistic in ("count", "sum"):
        return values == exact
    low, high = exact - 360 * unit, exact + 360 * unit
    if rule == "half":
        return (values >= math.ceil(low)) & (values <= math.floor(high))
    return (values >= exact if rule == "cut" else values > math.floor(low)) & (values < math.ceil(high))


# ---- studies -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Toy:
    """A study of n patients: what it prints, and for each claim which tables give it."""

    names: tuple[str, ...]
    n: int
    said: tuple[tuple, ...]
    printed: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    rule: str = "half"  # by which all that have one rule are rounded

    @cached_property
    def gives(self) -> list[np.ndarray]:
        """For each claim, which tables give it."""
        return [
            self._printed_by(place, self.rule if self.is_ruled(place) else "any") for place in self._places
        ]

    @cached_property
    def surely(self) -> list[np.ndarray]:
        """For each claim, which tables give it and no other number."""
        cut = [self.rule == "cut" and self.is_ruled(place) for place in self._places]
        return [self._printed_by(place, "cut" if cut[place] else "sure") for place in self._places]

    @property
    def _places(self) -> range:
        return range(len(self.said))

    def _printed_by(self, place: int, rule: str) -> np.ndarray:
        return is_printed(self.values[place], self.said[place][0], self.printed[place], rule)

    def is_ruled(self, place: int) -> bool:
        """Say whether a claim is a mean, or a percentage of which no count is printed."""
        statistic, _, among, counted = self.said[place]
        if statistic != "percent":
            return statistic == "mean"
        whom = among.holds & counted.holds
        counts = (
            (a.holds & c.holds)
            for (kind, _, a, c), text in zip(self.said, self.printed, strict=True)
            if kind == "count" and text.isdigit()
        )
        return not whom.all() and not any((whom == count).all() for count in counts)

    def least(self, said: list[set[int]]) -> int:
        """Return the least that has to be given up of statements, each the places of its claims."""
        costs = [max(COSTS.get(self.said[place][0], 12) for place in places) for places in said]
        return min(
            sum(costs[i] for i in lost)
            for size in range(len(said) + 1)
            for lost in itertools.combinations(range(len(said)), size)
            if size == len(said)
            or self.stands(set().union(*(said[i] for i in range(len(said)) if i not in lost)))
        )

    @property
    def tables(self) -> np.ndarray:
        return tables_of(len(kinds_of(self.names)[self.names[0]]), self.n)

    def stands(self, places) -> bool:
        """Say whether some table gives all of these claims, and no value is printed as two with as many digits."""
        printed: dict[tuple, str] = {}
        for place in places:
            (statistic, of, among, _), text = self.said[place], self.printed[place]
            number = statistic, of, among.text, len(text.partition(".")[2])
            if statistic in ("min", "median", "max") and printed.setdefault(number, text) != text:
                return False
        return bool(np.logical_and.reduce([self.gives[place] for place in places], axis=0).any())

    def study(self) -> Study:
        claims = [_claim(0, "count", "everyone", "", str(self.n))]
        for place, ((statistic, of, among, _), printed) in enumerate(
            zip(self.said, self.printed, strict=True), start=1
        ):
            claims.append(_claim(place, statistic, of, among.text, printed))
        return Study("toy", {"short": "toy"}, (), {}, tuple(claims))


def _claim(place: int, statistic: str, of: str, among: str, printed: str) -> Claim:
    patients = expressions.parse(of, CODEBOOK) if statistic in ("count", "percent") else None
    unit = "patients" if patients is not None else CODEBOOK[of].unit
    texts = ("toy", f"c{place}", f"table 1, {place}", "own", statistic, of, among, printed, unit, "", "")
    return Claim(*texts, expressions.parse(among, CODEBOOK), patients, rounding.parse_printed(printed))


def a_group(names: tuple[str, ...], rng: random.Random, deep: bool = True) -> Group:
    """Draw an expression over some variables."""
    kinds = kinds_of(names)
    name = rng.choice(names)
    if deep and rng.random() < 0.3:
        one, other, both = a_group(names, rng, False), a_group(names, rng, False), rng.random() < 0.6
        holds = one.holds & other.holds if both else one.holds | other.holds
        return Group(f"{one.text} {'&' if both else '|'} {other.text}", holds)
    if name in "abc":
        yes = rng.random() < 0.6
        return Group(name if yes else f"~{name}", kinds[name].astype(bool) == yes)
    value = rng.choice(VALUES[name])
    sign = rng.choice(("==", "!=") if name == "kind" else (">=", "<", "=="))
    signs = {"==": np.equal, "!=": np.not_equal, ">=": np.greater_equal, "<": np.less}
    text = value if name == "kind" else f"{float(value):g}"
    return Group(f"{name} {sign} {text}", signs[sign](kinds[name], value).astype(bool))


def a_question(names: tuple[str, ...], rng: random.Random, of=ASKED) -> tuple[str, str, Group, Group | None]:
    """Draw a statistic, what it is of, among whom, and whom it counts."""
    numbers = [name for name in names if name in NUMBERS]
    statistic = rng.choice(of if numbers else of[:3])
    everyone = Group("", np.ones(len(kinds_of(names)[names[0]]), dtype=bool))
    among = a_group(names, rng) if rng.random() < 0.5 else everyone
    if statistic in ("count", "percent"):
        counted = a_group(names, rng)
        return statistic, counted.text, among, counted
    return statistic, rng.choice(numbers), among, None


def _medians(names: tuple[str, ...], rng: random.Random) -> list[tuple]:
    """Ask for a median of everybody, of a group and of all others."""
    numbers = [name for name in names if name in NUMBERS]
    others = [name for name in names if name in "abc"]
    if not numbers or not others:
        return []
    name, of, kinds = rng.choice(others), rng.choice(numbers), kinds_of(names)
    yes = kinds[name].astype(bool)
    groups = Group("", yes | ~yes), Group(name, yes), Group(f"~{name}", ~yes)
    return [("median", of, group, None) for group in groups]


def a_text(value: int, statistic: str, rng: random.Random) -> str:
    """Print a value (in 360ths) rounded half up, seldom as a limit."""
    decimals = {"count": 0, "sum": 1, "percent": rng.choice((0, 1)), "min": 1, "max": 1}.get(
        statistic, rng.choice((1, 2))
    )
    exact = Fraction(value, 360) if statistic != "sd" else Fraction(math.sqrt(value / 240))
    whole = math.floor(exact * 10**decimals + Fraction(1, 2))
    text = f"{whole / 10**decimals:.{decimals}f}"
    if statistic == "count" and rng.random() < 0.15:
        return rng.choice((f"at least {text}", f"<{int(text) + 1}"))
    return text


def a_coarse_text(value: int, rng: random.Random) -> str:
    """Print a mean (in 360ths) without decimals: rounded half up, or cut off."""
    return str(math.floor(Fraction(value, 360) + rng.choice((Fraction(1, 2), 0))))


def a_toy(rng: random.Random, spoiled: float, medians: float = 0, coarse: float = 0) -> Toy:
    """Draw a table and what is printed of it; in a share of the toys a number or two is another.

    In a share that is `coarse`, means have no decimals, by either rule, so that often only one rule, or none,
    lets all stand.
    """
    names = tuple(rng.choice(SCOPES).split())
    kinds = kinds_of(names)
    width = len(kinds[names[0]])
    most = MOST_TABLES.get(names[0], 20_000)
    n = rng.choice([n for n in range(1, 7) if math.comb(n + width - 1, n) <= most])
    tables = tables_of(width, n)
    row = rng.randrange(len(tables))
    said, printed, gives = [], [], []
    every = _medians(names, rng) if medians and rng.random() < medians else []
    for _ in range(max(len(every), rng.randint(1, 6))):
        asked = every.pop() if every else a_question(names, rng, PRINTED)
        values = values_in(tables, asked, kinds)
        if values[row] >= 0:
            said.append(asked)
            printed.append(a_text(int(values[row]), asked[0], rng))
            gives.append(values)
    if said and rng.random() < spoiled:
        for place in {rng.randrange(len(said)) for _ in range(2)}:
            other = rng.choice([value for value in np.unique(gives[place]).tolist() if value >= 0])
            printed[place] = a_text(other, said[place][0], rng)
    if coarse and rng.random() < coarse:
        for place, asked in enumerate(said):
            if asked[0] == "mean":
                printed[place] = a_coarse_text(int(gives[place][row]), rng)
    return Toy(names, n, tuple(said), tuple(printed), tuple(gives))


# ---- the joint model held against that ---------------------------------------------------------------------


def minimal_sets(toy: Toy) -> list[set[int]]:
    """Return the smallest sets of claims that no table gives."""
    found: list[set[int]] = []
    for size in range(1, len(toy.said) + 1):
        for places in itertools.combinations(range(len(toy.said)), size):
            if not any(known <= set(places) for known in found) and not toy.stands(places):
                found.append(set(places))
    return found


def places_of(claim_ids) -> set[int]:
    """Return the places of claims among those of the toy, without the number of patients."""
    return {int(claim_id[1:]) - 1 for claim_id in claim_ids} - {-1}


def statements_of(fitted) -> list[set[int]]:
    """Return the places of the claims of every statement."""
    said = [places_of(s.claim_ids) for s in (*fitted.kept, *fitted.given_up)]
    return [places for places in said if places]


def wrong_fit(toy: Toy, fitted) -> list[str]:
    every = set(range(len(toy.said)))
    kept = every - places_of(fitted.given_up_ids)
    said = statements_of(fitted)
    costs = [max(COSTS.get(toy.said[place][0], 12) for place in places) for places in said]
    lost = sum(c for c, places in zip(costs, said, strict=True) if not places & kept)
    wrong = [] if not kept or toy.stands(kept) else ["fit: keeps what cannot stand"]
    return wrong + (["fit: gives up more than has to be"] if lost != toy.least(said) else [])


def wrong_verdicts(toy: Toy, audited) -> list[str]:
    """Hold verdicts against what all tables say: nobody in no contradiction is accused, nothing open matches."""
    wrong = [f"audit: {a.verdict}" for a in audited if a.verdict == "unfinished"]
    places = {place: a for a in audited for place in places_of([a.claim.claim_id])}
    accused = {place for place, a in places.items() if a.verdict in ("differs", "conflicts")}
    every = set(range(len(toy.said)))
    if every and not toy.stands(every):
        sets = minimal_sets(toy)
        wrong += ["audit: an innocent is accused"] * bool(accused - set().union(*sets))
        spoken = {place for place, a in places.items() if a.verdict not in ("matches", "stated")}
        is_odd = any(a.verdict not in ("matches", "stated") for a in audited if a.claim.claim_id == "c0")
        is_left = any(not own & spoken for own in sets) and not is_odd
        return wrong + ["audit: nobody is accused of a contradiction"] * is_left
    wrong += ["audit: an innocent is accused"] * bool(accused)
    for place, a in places.items():
        others = [toy.gives[other] for other in every - {place}]
        there = (
            values_in(toy.tables, toy.said[place], kinds_of(toy.names)) >= 0
        )  # somebody of whom it is said
        is_forced = bool(toy.surely[place][np.logical_and.reduce([there, *others], axis=0)].all())
        if a.verdict == "matches" and not is_forced and a.by != "grain":
            wrong.append("audit: matches, though others leave more")
        elif a.verdict == "stated" and is_forced and not toy.surely[place][there].all():
            wrong.append("audit: missed that others leave one number")
    return wrong


def wrong_conflicts(toy: Toy, found) -> list[str]:
    wrong, named = [], set()
    for conflict in found.found:
        named |= places_of(conflict.claim_ids)
        members = [places_of(statement.claim_ids) for statement in conflict.statements]
        members = [own for own in members if own]
        if toy.stands(set().union(*members)):
            wrong.append("conflict: can stand")
        elif any(len(members) > 1 and not toy.stands(set().union(*members) - own) for own in members):
            wrong.append("conflict: not minimal")
    if any(not known & named for known in minimal_sets(toy)):
        wrong.append("conflict: missed")
    return wrong


def wrong_bounds(toy: Toy, fitted, asked) -> list[str]:
    kept = set(range(len(toy.said))) - places_of(fitted.given_up_ids)
    values = values_in(toy.tables, asked, kinds_of(toy.names))
    fits = np.logical_and.reduce([toy.gives[place] for place in kept], axis=0) if kept else values == values
    truth = values[fits & (values >= 0)]
    statistic, of, among, _ = asked
    try:
        found = find_bounds(fitted, f"{statistic}({of}{' among ' if among.text else ''}{among.text})")
    except InputError:
        return ["bound: said to be of nobody"] if len(truth) else []
    if not len(truth):
        return ["bound: of nobody"] if found.is_proved else ["bound: unfinished"]
    wrong = []
    for end, exact in ((found.lower, truth.min()), (found.upper, truth.max())):
        if end.is_proved and math.floor(360 * end.value) != exact:
            wrong.append("bound: wrong")
        elif not end.is_proved:
            wrong.append("bound: unfinished")
    return wrong


def wrong_table(toy: Toy, fitted, seed: int) -> list[str]:
    try:
        [table] = reconstruct(fitted, seed=seed)
    except NoTableError:
        return ["table: none was found"]
    kinds = kinds_of(toy.names)
    names = [name for name in toy.names if name in table]
    counts = np.zeros((1, len(kinds[toy.names[0]])), dtype=np.int16)
    for row in table[names].to_dict("records"):
        if any(value != value or value is None for value in row.values()) or "<NA>" in map(str, row.values()):
            return []  # what is told of some only is left out of a table
        same = [
            kinds[name] == (row[name] if name not in NUMBERS else Fraction(str(row[name]))) for name in names
        ]
        counts[0, np.flatnonzero(np.logical_and.reduce(same, axis=0))[0]] += 1
    kept = set(range(len(toy.said))) - places_of(fitted.given_up_ids)
    given = replace(toy, values=tuple(values_in(counts, asked, kinds) for asked in toy.said)).gives
    wrong = [place for place in kept if not given[place][0]]
    return ["table: does not give what it keeps"] if wrong else []


def judged(toy: Toy, rng: random.Random) -> list[str]:
    """Return what is wrong, and what is unfinished, in the answers about one toy."""
    study = toy.study()
    try:
        fitted = fit(study, CODEBOOK)
        found = find_conflicts(study, codebook=CODEBOOK)
    except UnfinishedError:
        return ["fit: unfinished"]
    toy = min(toy, replace(toy, rule="cut"), key=lambda each: each.least(statements_of(fitted)))
    wrong = wrong_verdicts(toy, audit_jointly(study, CODEBOOK))
    wrong += wrong_fit(toy, fitted) + wrong_conflicts(toy, found)
    wrong += [] if found.is_complete else ["conflict: unfinished"]
    for _ in range(2):
        wrong += wrong_bounds(toy, fitted, a_question(toy.names, rng))
    return wrong + wrong_table(toy, fitted, rng.randrange(1000))


def told(toy: Toy) -> str:
    """Say what a toy prints."""
    lines = [
        f"  c{place} {statistic}({of}{' among ' if among.text else ''}{among.text}) = {printed}"
        for place, ((statistic, of, among, _), printed) in enumerate(
            zip(toy.said, toy.printed, strict=True), start=1
        )
    ]
    return "\n".join([f"  {toy.n} patients with {', '.join(toy.names)}", *lines])


def main() -> None:
    """Print what was wrong, how often, and the toys of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--toys", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--spoiled", type=float, default=0.5, help="share of studies with changed numbers")
    parser.add_argument(
        "--medians", type=float, default=0, help="share with medians of a whole and its parts"
    )
    parser.add_argument("--coarse", type=float, default=0, help="share whose means have no decimals")
    given = parser.parse_args()
    counted = Counter()
    for place in range(given.toys):
        rng = random.Random(f"{given.seed} {place}")
        toy = a_toy(rng, given.spoiled, given.medians, given.coarse)
        wrong = judged(toy, rng)
        counted.update(set(wrong))
        if wrong:
            print(f"toy {place}: {'; '.join(dict.fromkeys(wrong))}\n{told(toy)}", flush=True)
    print(*(f"{count:>7,} {name}" for name, count in sorted(counted.items())), sep="\n")
    print(
        f"{given.toys:,} toys, {sum(c for n, c in counted.items() if 'unfinished' not in n):,} wrong answers"
    )
    sys.exit(any("unfinished" not in name for name in counted))


if __name__ == "__main__":
    main()
