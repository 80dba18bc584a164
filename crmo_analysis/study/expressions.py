"""Small expressions over the codebook: `back_pain & vertebral_deformity`, `jansson_score >= 39`.

An expression is parsed to a tree of the node types below and nothing else: names of the codebook,
comparisons with a number or a category, `~`, `&`, `|`, `->` and parentheses, in this order of binding.
It has no calls, attributes, arithmetic or text, so it can only say which patients are meant.
"""

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial

from crmo_analysis.files import InputError, meant
from crmo_analysis.study.codebook import Codebook

MAXIMUM_LENGTH = 500
MAXIMUM_DEPTH = 20
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<name>[A-Za-z]\w*)|(?P<sign>->|<=|>=|==|!=|[<>~&|()]))",
    re.ASCII,
)
COMPARED = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SIGNS_OF = {"not": "~ for not", "all": "everyone", "sex": "male or ~male"}
_SIGNS_OF |= dict.fromkeys(("girls", "female", "females"), "~male") | dict.fromkeys(("boys", "males"), "male")
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True)
class Everyone:
    """All patients."""


@dataclass(frozen=True)
class Is:
    """Patients for whom a boolean variable holds."""

    variable: str


@dataclass(frozen=True)
class Compare:
    """Patients whose value of a variable compares so with a number or a category."""

    variable: str
    sign: str
    value: Fraction | str


@dataclass(frozen=True)
class Not:
    """Patients outside an expression."""

    inner: "Expression"


@dataclass(frozen=True)
class And:
    """Patients in both expressions."""

    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Or:
    """Patients in one of the expressions, or in both."""

    left: "Expression"
    right: "Expression"


Expression = Everyone | Is | Compare | Not | And | Or


def parse(text: str, codebook: Codebook) -> Expression:
    """Parse an expression over the names of the codebook; empty text means everyone.

    An InputError says that it is none of the grammar, too long or deep, or names an unknown variable.
    """
    if len(text) > MAXIMUM_LENGTH:
        raise InputError(f"longer than {MAXIMUM_LENGTH} characters")
    tokens = _tokens(text)
    if not tokens:
        return Everyone()
    tree, rest = _implication(tokens, codebook, 0)
    if rest:
        raise InputError(f"'{rest[0][1]}' was not expected there; join two parts with & or |")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            place = text[position:].strip()[:12]
            hint = "write == " if place.startswith("=") else "names, numbers, < <= > >= == != ~ & | -> ( )"
            raise InputError(f"'{place}' is not part of an expression ({hint.strip()})")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


# Each parser below takes the tokens that are left and gives back a tree and the tokens after it.


def _implication(tokens, codebook, depth):
    conjunction = partial(_chain, sign="&", node=And, part=_negation)
    left, rest = _chain(tokens, codebook, depth, "|", Or, conjunction)
    if rest and rest[0][1] == "->":
        right, rest = _implication(rest[1:], codebook, depth + 1)
        return Or(Not(left), right), rest
    return left, rest


def _chain(tokens, codebook, depth, sign, node, part):
    tree, rest = part(tokens, codebook, depth)
    while rest and rest[0][1] == sign:
        right, rest = part(rest[1:], codebook, depth)
        tree = node(tree, right)
    return tree, rest


def _negation(tokens, codebook, depth):
    if depth > MAXIMUM_DEPTH:
        raise InputError(f"nested deeper than {MAXIMUM_DEPTH} levels")
    if tokens and tokens[0][1] == "~":
        inner, rest = _negation(tokens[1:], codebook, depth + 1)
        return Not(inner), rest
    if tokens and tokens[0][1] == "(":
        inner, rest = _implication(tokens[1:], codebook, depth + 1)
        if not rest or rest[0][1] != ")":
            raise InputError("a closing parenthesis is missing")
        return inner, rest[1:]
    return _comparison(tokens, codebook)


def _comparison(tokens, codebook):
    kinds, texts = zip(*tokens, strict=True) if tokens else ((), ())
    if not texts:
        raise InputError("it ends where a name is expected")
    if kinds[0] == "number":
        if len(texts) < 3 or texts[1] not in _MIRRORED or kinds[2] != "name":
            raise InputError(f"the number {texts[0]} is not compared with a variable")
        first = _compare(texts[2], _MIRRORED[texts[1]], tokens[0], codebook)
        if len(texts) > 4 and texts[3] in _MIRRORED:
            return And(first, _compare(texts[2], texts[3], tokens[4], codebook)), tokens[5:]
        return first, tokens[3:]
    if kinds[0] != "name":
        raise InputError(f"'{texts[0]}' stands where a name is expected")
    if len(texts) > 1 and texts[1] in _MIRRORED:
        if len(texts) < 3:
            raise InputError(f"nothing stands after {texts[1]}")
        return _compare(texts[0], texts[1], tokens[2], codebook), tokens[3:]
    if texts[0] == "everyone":
        return Everyone(), tokens[1:]
    variable = _known(texts[0], codebook)
    if variable.type != "boolean":
        example = f"== {variable.categories[0]}" if variable.categories else ">= 1"
        raise InputError(f"{texts[0]} is not yes or no; compare it with a value, as in {texts[0]} {example}")
    return Is(texts[0]), tokens[1:]


def _compare(name, sign, token, codebook):
    variable, (kind, text) = _known(name, codebook), token
    if variable.type == "category":
        if sign not in ("==", "!=") or text not in variable.categories:
            raise InputError(f"{name} is compared by == or != with one of {', '.join(variable.categories)}")
        return Compare(name, sign, text)
    if not variable.is_numeric:
        raise InputError(f"{name} is of type {variable.type} and cannot be compared with {text}")
    if kind != "number":
        raise InputError(f"{name} is compared with '{text}', expected a number")
    return Compare(name, sign, Fraction(text))


def _known(name, codebook):
    if name in codebook:
        return codebook[name]
    said = f"; write {_SIGNS_OF[name]}" if name in _SIGNS_OF else meant(name, codebook)
    raise InputError(f"'{name}' is not in the codebook{said}")


@cache
def variables(tree: Expression) -> frozenset[str]:
    """Return the names of the variables that stand in an expression."""
    match tree:
        case Is(name) | Compare(name, _, _):
            return frozenset([name])
        case Not(inner):
            return variables(inner)
        case And(left, right) | Or(left, right):
            return variables(left) | variables(right)
    return frozenset()


def conditions(tree: Expression) -> list[Expression]:
    """Return the parts that an expression joins by `&`; none for everyone."""
    if isinstance(tree, And):
        return conditions(tree.left) + conditions(tree.right)
    return [] if isinstance(tree, Everyone) else [tree]


def comparisons(tree: Expression) -> list[tuple[str, str, Fraction]]:
    """Return what an expression compares with numbers: variable, sign and number."""
    match tree:
        case Compare(name, sign, Fraction() as value):
            return [(name, sign, value)]
        case Compare() | Is() | Everyone():
            return []
    return [found for side in vars(tree).values() for found in comparisons(side)]


def evaluate(tree: Expression, columns: Mapping, everyone):
    """Evaluate an expression on columns, arrays or Series, one a variable; `everyone` is true in every row.

    Missing values stay missing where the columns know them (pandas' nullable types).
    """
    match tree:
        case Is(name):
            return columns[name]
        case Compare(name, sign, value):
            return COMPARED[sign](columns[name], value if isinstance(value, str) else float(value))
        case Not(inner):
            return ~evaluate(inner, columns, everyone)
        case And(left, right):
            return evaluate(left, columns, everyone) & evaluate(right, columns, everyone)
        case Or(left, right):
            return evaluate(left, columns, everyone) | evaluate(right, columns, everyone)
    return everyone


def in_words(tree: Expression, codebook: Codebook) -> str:
    """Say an expression in the codebook's labels."""
    match tree:
        case Everyone():
            return "All patients"
        case Is(name):
            return codebook[name].label
        case Compare(name, "!=", "none"):
            return codebook[name].label
        case Compare(name, "!=", str() as value):
            return f"{codebook[name].label}: not {value.replace('_', ' ')}"
        case Compare(name, ">=", value):
            return f"{codebook[name].label}, at least {value}"
        case Compare(name, "==", value):
            label, unit = codebook[name].label, codebook[name].unit
            said = str(value).replace("_", " ")
            return f"{label}: {said}" + f" {unit}" * (unit.lower() not in label.lower())
        case Compare(name, sign, value):
            return f"{codebook[name].label} {sign} {value}"
        case Not(Is(name)) if codebook[name].negation:
            return codebook[name].negation
        case Not(inner):
            words = in_words(inner, codebook)
            return f"Not: {words if words[1:2].isupper() else words[:1].lower() + words[1:]}"
        case And(Compare(name, ">=", low), Compare(other, "<=", high)) if name == other:
            return f"{codebook[name].label} {low} to {high}"
        case And(left, right):
            return f"{in_words(left, codebook)} and {in_words(right, codebook)}"
        case Or(left, right):
            return f"{in_words(left, codebook)} or {in_words(right, codebook)}"
    raise TypeError(f"{tree!r} is no expression")
