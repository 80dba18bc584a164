"""What a table gives for a claim, where values are missing: as pandas' own three-valued logic has it."""

from itertools import product

import pandas as pd
import pytest

from crmo_analysis.study import Claim, Variable, expressions, reproduction

CODEBOOK = {
    "a": Variable("a", "A", "boolean"),
    "x": Variable("x", "X", "integer"),
    "kind": Variable("kind", "Kind", "category", categories=("red", "blue")),
}
ROWS = pd.DataFrame(
    list(product([True, False, None], [1, 2, None], ["red", "blue", None])), columns=["a", "x", "kind"]
).astype({"a": "boolean", "x": "Int64", "kind": pd.StringDtype("python")})
SIMPLE = ["a", "~a", "x >= 2", "x < 2", "x == 1", "x != 1", "kind == red", "kind != red"]


@pytest.mark.parametrize(
    "text", [*SIMPLE, *(f"{p} {s} ~({q})" for p, q in product(SIMPLE, SIMPLE) for s in "&|")]
)
@pytest.mark.parametrize("table", [ROWS, ROWS.astype(object), ROWS.dropna().astype({"a": bool, "x": int})])
def test_who_is_counted_is_known_to_be_meant(text, table):
    tree = expressions.parse(text, CODEBOOK)
    texts = ("small", "c", "table 1", "own", "count", text, "", "1", "patients", "", "")
    claim = Claim(*texts, expressions.Everyone(), tree, None)
    nullable = table.astype(ROWS.dtypes)
    assert reproduction.value_of(claim, table) == reproduction.members(tree, nullable).fillna(False).sum()


@pytest.mark.parametrize("dtype", [object, float, "Float64", "boolean", "Int64", pd.StringDtype("python")])
@pytest.mark.parametrize("text", [*SIMPLE, "a & x == 1", "~a | x == 2"])
def test_of_a_column_that_is_wholly_missing_nothing_is_known(text, dtype):
    tree = expressions.parse(text, CODEBOOK)
    name = next(iter(expressions.variables(tree) - {"x"}), "x")
    table = pd.DataFrame({"x": [1, 2], name: pd.Series([None, None], dtype=dtype)})
    known = {"a & x == 1": [pd.NA, False], "~a | x == 2": [pd.NA, True]}.get(text, [pd.NA, pd.NA])
    assert list(map(str, reproduction.members(tree, table))) == list(map(str, known))
