"""Tables as registries have them: each ends in a right number, in words why there is none, or in a CrmoError.

Never in a traceback, a warning on the terminal, or a number beside its interval.
"""

import math
import re
import warnings

import numpy as np
import pandas as pd
import pytest

from crmo_analysis.files import CrmoError
from crmo_analysis.models.diagnostics import diagnose
from crmo_analysis.models.question import Effort, Question
from crmo_analysis.models.severity import analyse, sentence
from crmo_analysis.models.specifications import specification_curve

EFFORT = Effort(49, 49)


def patients(n, seed=5):
    rng = np.random.default_rng(seed)
    x = 1.0 + rng.negative_binomial(2, 0.3, n)
    y = np.clip(np.round(0.4 * x + rng.normal(3, 2, n)), 0, 10)
    age, centre = rng.uniform(2, 17, n).round(1), rng.choice(list("abc"), n)
    return pd.DataFrame({"y": y, "x": x, "age": age, "centre": centre, "yes": rng.random(n) < 0.4})


TABLE = patients(40)
LACKING = TABLE["x"].where(TABLE.index % 4 > 0)
CASES = {
    **{f"{n} patients": (patients(n), {}) for n in (1, 2, 3, 5, 8)},
    "10,000 patients": (patients(10_000), {}),
    "constant exposure": (TABLE.assign(x=3.0), {}),
    "all outcomes equal": (TABLE.assign(y=3.0), {}),
    "all outcomes 0": (TABLE.assign(y=0), {}),
    "a score that nobody has": (TABLE.assign(y=TABLE["y"].where(TABLE["y"] != 5, 6)), {}),
    "no exposure known": (TABLE.assign(x=np.nan), {}),
    "missing whole numbers": (TABLE.assign(x=LACKING.astype("Int64")), {}),
    "yes or no": (TABLE.assign(x=pd.array([True, False, None, True] * 10, dtype="boolean")), {}),
    "ordered categories": (TABLE.assign(x=pd.Categorical(TABLE["centre"], list("abc"), ordered=True)), {}),
    "a category of one patient": (TABLE.assign(centre=["a"] * 39 + ["b"]), {}),
    "adjustments that determine each other": (TABLE.assign(months=12 * TABLE["age"]), {"adjustment": ["age", "months"]}),
    "an adjustment that is the exposure": (TABLE.assign(age=2 * TABLE["x"] + 1), {}),
    "one with the finding": (TABLE.assign(x=[0] * 39 + [1]), {}),
    "separated": (TABLE.assign(y=(TABLE["x"] > 4).astype(int)), {}),
    "outcome is the exposure": (TABLE.assign(y=TABLE["x"]), {}),
    "an outlier": (TABLE.assign(y=TABLE["y"].where(TABLE.index > 0, 9_999)), {}),
    "large outcomes": (TABLE.assign(y=1e12 * TABLE["y"]), {"cut": 5e12}),
    "far from 0": (TABLE.assign(x=TABLE["x"] + 1e9), {}),
    "the same index": (TABLE.set_axis([0] * 40), {}),
    "clusters of one": (TABLE.assign(centre=range(40)), {"cluster": "centre", "adjustment": ["age"]}),
    "one cluster": (TABLE.assign(centre="a"), {"cluster": "centre", "adjustment": ["age"]}),
    "clusters of an exposure": (TABLE.assign(centre=TABLE["x"]), {"cluster": "centre", "adjustment": ["age"]}),
    "clusters not known": (TABLE.assign(centre=["a", None, *"bcdefg"] * 5), {"cluster": "centre", "adjustment": ["age"]}),
    "imputed": (TABLE.assign(x=LACKING), {"imputations": 2}),
    "imputed beside a constant": (TABLE.assign(x=LACKING, age=3.0), {"imputations": 2}),
    "imputed and constant": (TABLE.assign(x=LACKING * 0 + 3), {"imputations": 2}),
    "imputed beside what determines it": (TABLE.assign(x=LACKING, age=2 * LACKING), {"imputations": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_any_table_ends_in_a_number_or_in_words(name, capfd):
    table, terms = CASES[name]
    question = Question("y", ["x"], **{"adjustment": ["age", "centre"], "cut": 5} | terms)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = analyse(table, question, effort=EFFORT)
        assert diagnose(table, question)[0]["says"].str.len().gt(0).all()
        try:
            specification_curve(table, [question], effort=EFFORT)
        except CrmoError as why:
            assert "specifications can be estimated; the first: not estimable: " in str(why)
    assert capfd.readouterr() == ("", "")
    for row in rows.to_dict("records"):
        assert "nan" not in sentence(row)
        if row["method"].startswith("not estimable"):
            assert math.isnan(row["estimate"])
            continue
        assert math.isfinite(row["estimate"])
        assert not row["ci_low"] > row["estimate"] + 1e-12
        assert not row["ci_high"] < row["estimate"] - 1e-12
        assert 0 <= row["p"] <= 1 or "P not estimable" in row["method"]


@pytest.mark.parametrize(("column", "value", "said"), [
    ("x", math.inf, "inf"), ("x", 1e300, "1e+300"), ("x", 1e-310, "1e-310"), ("x", 2 + 1j, "(2+1j)"), ("x", "3,5", "3,5"),
    ("y", -math.inf, "-inf"), ("age", math.inf, "inf"),
])  # fmt: skip
def test_a_cell_that_is_no_number_is_named(column, value, said):
    table = TABLE.astype({column: object})
    table.loc[3, column] = value
    expected = re.escape(f"{column} is '{said}' in row 4; expected finite numbers")
    with warnings.catch_warnings(), pytest.raises(CrmoError, match=expected):
        warnings.simplefilter("error")
        analyse(table, Question("y", ["x"], ["age"]), effort=EFFORT)


@pytest.mark.parametrize(("terms", "says"), [
    ({"cut": math.nan}, "cut is nan"),
    ({"imputations": 1}, "imputations is 1, expected 0, or 2 tables or more"),
    ({"imputations": -1}, "imputations is -1"),
])  # fmt: skip
def test_terms_that_cannot_be_are_refused(terms, says):
    with pytest.raises(CrmoError, match=says):
        Question("y", ["x"], **terms)
    with pytest.raises(CrmoError, match="expected a whole number from"):
        Effort(permutations=0)
