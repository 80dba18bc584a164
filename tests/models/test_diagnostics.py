"""What models rest on, against R 4.2.2 (car 3.1.1, lmtest 0.9.40, MASS 7.3.58.2); patients of test_severity.

`f <- lm(sev ~ age + male + les)`, `q <- glm(cri ~ age + male + les, poisson)`.
"""

import numpy as np
import pandas as pd
import pytest
from test_severity import COHORT

from crmo_analysis.models.diagnostics import diagnose
from crmo_analysis.models.question import Question


def checks(outcome, table=COHORT, adjustment=("age", "male"), cut=None):
    rows, points = diagnose(table, Question(outcome, ["lesions"], adjustment, cut=cut))
    return points, rows.set_index(["model", "check"])


def test_the_line_against_r():
    points, rows = checks("severity")
    line = rows.loc["linear"]
    # max(abs(rstudent(f))); p.adjust(2 * pt(-abs(rstudent(f)), f$df.residual - 1), "bonferroni")
    assert tuple(line.loc["largest studentised residual", ["value", "p"]]) == pytest.approx(
        (2.440653455241, 0.591019828053), rel=1e-9
    )
    # max(hatvalues(f)); max(cooks.distance(f))
    assert line.loc["largest leverage", "value"] == pytest.approx(0.378331022593, rel=1e-9)
    # sum(hatvalues(f) > 2 * 4 / 24); 4 / 24
    assert line.loc["largest leverage", "says"] == "of 24 patients; 2 above twice the mean of 0.17"
    assert line.loc["largest Cook's distance", "value"] == pytest.approx(0.726283685257, rel=1e-9)
    # bptest(f); resettest(f, power = 2, type = "fitted")
    assert tuple(line.loc["equal spread", ["value", "p"]]) == pytest.approx((1.200691817258, 0.752838390082))
    assert tuple(line.loc["straight line", ["value", "p"]]) == pytest.approx((0.348943349448, 0.561673500044))
    # rstudent(f)[1:3]; hatvalues(f)[1:3]; cooks.distance(f)[1:3]
    expected = {
        "residual": (0.299013767977, 0.802775581921, -0.596306524118),
        "leverage": (0.210572176319, 0.145377547105, 0.197409053099),
        "cook": (0.006246668279, 0.027902396569, 0.022593094155),
    }
    for name, values in expected.items():
        assert tuple(points[name][:3]) == pytest.approx(values, rel=1e-9)


def test_dispersion_and_inflation_against_r():
    _, rows = checks("crises")
    # x <- sum(resid(q, "pearson")^2); x / q$df.residual; pchisq(x, q$df.residual, lower = FALSE)
    assert tuple(rows.loc[("poisson", "dispersion"), ["value", "p"]]) == pytest.approx(
        (2.777775060913, 0.000033903585), rel=1e-6
    )
    # l <- 2 * (logLik(glm.nb(cri ~ age + male + les)) - logLik(q)); pchisq(l, 1, lower = FALSE) / 2
    beyond = rows.loc[("negative_binomial", "dispersion beyond Poisson's")]
    assert tuple(beyond[["value", "p"]]) == pytest.approx((0.634733469614, 0.000891523677), rel=1e-6)
    # vif(f)["les"]
    assert rows.loc[("all", "variance inflation"), "value"] == pytest.approx(1.006055156855, rel=1e-9)


def test_hardly_any_dispersion_is_no_evidence_against_r():
    # l <- 2 * (logLik(glm.nb(y ~ x)) - logLik(glm(y ~ x, poisson))); 1 / theta; pchisq(l, 1, lower = FALSE) / 2
    table = pd.DataFrame({"lesions": range(12), "y": [1, 1, 2, 1, 5, 1, 4, 0, 3, 1, 5, 3]})
    _, rows = checks("y", table, ())
    beyond = rows.loc[("negative_binomial", "dispersion beyond Poisson's")]
    assert tuple(beyond[["value", "p"]]) == pytest.approx((0.02067970, 0.45773596), rel=1e-5)
    less = table.assign(
        y=[2, 3, 2, 3, 2, 3, 3, 2, 4, 3, 4, 3]
    )  # less than Poisson's, and nobody far from the line
    _, rows = checks("y", less, (), cut=3)
    assert tuple(rows.loc[("negative_binomial", "dispersion beyond Poisson's"), ["value", "p"]]) == (0, 1)
    assert rows.loc[("linear", "largest studentised residual"), "p"] == 1
    assert set(rows.index.get_level_values("model")) == {"linear", "poisson", "negative_binomial", "ordinal"}


def test_what_cannot_be_fitted_or_checked_says_so():
    _, rows = checks("severity", COHORT[:3])
    assert (
        rows.loc[("linear", "fit"), "says"]
        == "not estimable: 3 patients for 4 coefficients, expected at least 7"
    )
    _, rows = checks("male", adjustment=())
    assert rows.empty  # of yes or no, nothing is assumed that could be checked
    _, rows = checks("male", adjustment=["age"])
    assert list(rows.index) == [("all", "variance inflation")]


def test_checks_find_what_is_not_so():
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    noise = rng.normal(size=300)
    for check, y in (("straight line", x**2 + x + noise), ("equal spread", x + noise * np.exp(0.5 * x))):
        line = checks("y", pd.DataFrame({"lesions": x, "y": y}), ())[1].loc["linear"]
        assert line.loc[check, "p"] < 0.001
    scores = pd.DataFrame(
        {
            "lesions": x,
            "y": np.digitize(0.5 * x + np.exp(0.5 * x) * rng.logistic(size=300), [-2, -1, 0, 1, 2]),
        }
    )
    assert checks("y", scores, ())[1].loc[("ordinal", "proportional odds"), "p"] < 0.001


@pytest.mark.filterwarnings("error")
def test_a_line_through_two_groups_has_no_bend_to_test():
    table = COHORT.assign(lesions=(COHORT["lesions"] > COHORT["lesions"].median()).astype(float))
    row = checks("severity", table, adjustment=())[1].loc[("linear", "straight line")]
    assert np.isnan(row["value"]) and np.isnan(row["p"])
    assert "cannot be bent" in row["says"]


def test_a_curve_through_every_patient_has_no_number_that_rounding_makes():
    table = pd.DataFrame({"lesions": range(12), "y": np.arange(12.0) ** 2})
    row = checks("y", table, ())[1].loc[("linear", "straight line")]
    assert np.isinf(row["value"])
    assert row["p"] < 1e-12
    assert row["says"].endswith("a curve fits every patient exactly")
