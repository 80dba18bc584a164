"""Rows that belong together, and patients of whom values are missing.

Values from R come from R 4.2.2 with sandwich 3.0.2 and MASS 7.3.58.2; the patients are `COHORT` of
test_severity, and `g <- rep(1:12, each = 2)`.
"""

import math
import re
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from test_severity import COHORT

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import imputation, permutation, specifications
from crmo_analysis.models.association import correlate, leave_one_out
from crmo_analysis.models.permutation import maximum_statistic
from crmo_analysis.models.question import Effort, Question, numeric, once
from crmo_analysis.models.regression import MODELS, regress
from crmo_analysis.models.severity import analyse, sentence
from crmo_analysis.models.specifications import specification_curve

GROUPS = np.repeat(range(12), 2)
OUTCOMES = {"linear": "severity", "poisson": "crises", "negative_binomial": "crises", "ordinal": "severity",
            "firth": "severity"}  # fmt: skip
FEW = Effort(resamples=199, permutations=199)


def fit(model, groups=GROUPS, table=COHORT, **terms):
    others = [table["age"], table["male"]]
    return regress(
        model, table[OUTCOMES[model]], table["lesions"], others, groups, per="unit", cut=3, **terms
    )


# ---- errors of groups


@pytest.mark.parametrize(("model", "slope", "error"), [
    # f <- lm(sev ~ age + male + les); sqrt(diag(vcovCL(f, g, type = "HC1")))["les"]
    ("linear", 0.258499200575, 0.064016675506),
    # f <- glm(cri ~ age + male + les, poisson, control = list(epsilon = 1e-15)); the same
    ("poisson", 0.034222581334, 0.029186548603),
    # f <- polr(factor(sev) ~ age + male + les, Hess = TRUE, control = list(reltol = 1e-15, maxit = 1000))
    # sqrt(diag(vcovCL(f, g, type = "HC0", cadjust = TRUE) * 23 / (24 - 9)))["les"]
    ("ordinal", 0.391035670638, 0.262334378887),
])  # fmt: skip
def test_errors_of_groups_against_r(model, slope, error):
    results = fit(model).results
    assert results.params["lesions"] == pytest.approx(slope, abs=3e-8)
    assert results.bse["lesions"] == pytest.approx(error, rel=2e-5 if model == "ordinal" else 1e-8)


def test_interval_and_p_of_groups_against_r():
    # v <- vcovCL(f, g, type = "HC1"); coeftest(f, v, df = 11)["les", 4]; coefci(f, vcov. = v, df = 11)["les", ]
    found = fit("linear")
    assert found.p == pytest.approx(0.001955143087, rel=1e-8)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.117599447787, 0.399398953363), rel=1e-8)
    assert found.method == "least squares, standard error by 12 groups, too small with so few, t with 11 df"
    assert fit("poisson").p == pytest.approx(0.265745365465, rel=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_visits_that_repeat_a_patient_add_nothing(model):
    """Each row three times, grouped, has the errors of each row once, each a group of its own."""
    once_each = fit(model, range(24)).results
    thrice = fit(model, np.tile(range(24), 3), pd.concat([COHORT] * 3)).results
    columns = len(np.asarray(once_each.params))
    factor = (24 - 1) / (24 - columns) * (72 - columns) / (72 - 1)  # of degrees of freedom
    if model == "firth":
        return  # the penalty is one for all rows, so that three times as many rows shrink less
    assert np.asarray(thrice.params) == pytest.approx(np.asarray(once_each.params), rel=1e-5)
    assert np.asarray(thrice.bse) * math.sqrt(factor) == pytest.approx(np.asarray(once_each.bse), rel=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_intervals_of_visits_hold_the_truth(model):
    """Of 150 registries of 60 patients with 4 visits, 95 % intervals by patient hold the truth; others do not."""
    held, rng = {"by patient": 0, "as if independent": 0}, np.random.default_rng(5)
    patient = np.repeat(range(60), 4)
    for _ in range(150):
        x, shared = rng.normal(size=(2, 60))[:, patient]
        # One chance a visit, alike within a patient; each visit alone follows the model exactly.
        chance = stats.norm.cdf(math.sqrt(0.7) * shared + math.sqrt(0.3) * rng.normal(size=240))
        noise = stats.logistic.ppf(chance)
        y = {
            "linear": 0.5 * x + noise,
            "poisson": stats.poisson.ppf(chance, np.exp(0.5 * x)),
            "negative_binomial": stats.nbinom.ppf(chance, 1, 1 / (1 + np.exp(0.5 * x))),
            "ordinal": np.digitize(0.5 * x + noise, [-2, 0, 2]),
            "firth": (0.5 * x + noise > 0).astype(float),
        }[model]
        truth = 0.5 if model == "linear" else math.exp(0.5)
        for name, groups in (("by patient", patient), ("as if independent", None)):
            found = regress(model, y, x, (), groups, per="unit")
            held[name] += found.ci_low < truth < found.ci_high
    assert 0.87 * 150 <= held["by patient"] <= 149
    assert held["as if independent"] < 0.87 * 150


def test_groups_that_are_too_few_or_unknown():
    with pytest.raises(NotEstimableError, match="3 groups for 4 coefficients, expected at least 7"):
        fit("linear", np.repeat(range(3), 8))
    labels = pd.Series(GROUPS, dtype=float).where(GROUPS != 4)
    found = fit("linear", labels)
    assert (found.n, found.excluded, found.groups) == (22, 2, 11)


# ---- visits and centres in a table


@pytest.fixture(scope="module")
def visits():
    return COHORT.assign(patient=GROUPS, centre=np.repeat(list("abcd"), 6))


def test_correlations_take_each_patient_once_and_models_every_visit(visits):
    question = Question("severity", ["lesions"], ["centre"], patient="patient")
    rows = analyse(visits, question, ["spearman", "linear"], FEW).set_index(["model", "adjusted_for"])
    spearman, linear = rows.loc["spearman", "none"], rows.loc["linear", "centre"]
    means = visits.groupby("patient")[["severity", "lesions"]].mean()
    assert spearman["estimate"] == pytest.approx(means.corr("spearman").iloc[0, 1])
    assert (spearman["n"], linear["n"], linear["groups"]) == (12, 24, 12)
    assert spearman["method"].endswith("means of the visits of each patient")
    centres = [visits["centre"] == name for name in "bcd"]
    direct = regress("linear", visits["severity"], visits["lesions"], centres, GROUPS)
    assert (linear["estimate"], linear["ci_low"], linear["p"]) == (direct.estimate, direct.ci_low, direct.p)
    assert sentence(linear.to_dict() | {"model": "linear", "adjusted_for": "centre"}).startswith(
        "In 24 visits of 12 groups, for each SD (5.42) more of lesions"
    )
    turned = analyse(visits.iloc[::-1], question, ["spearman", "linear"], FEW)
    np.testing.assert_allclose(turned["p"], rows["p"], rtol=1e-9)


def test_a_visit_without_a_value_is_left_out_of_its_patients_mean(visits):
    table = visits.assign(lesions=visits["lesions"].astype(float).where(visits.index != 3))
    assert list(once(table, Question("severity", ["lesions"], patient="patient"))["severity"][:2]) == [
        2.0,
        0.0,
    ]
    table.loc[2, "lesions"] = np.nan
    row = analyse(table, Question("severity", ["lesions"], patient="patient"), ["kendall"], FEW).iloc[0]
    assert (row["n"], row["excluded"]) == (11, 1)


def test_a_category_that_changes_between_visits_has_no_mean(visits):
    changing = visits.assign(centre=["a", "b"] * 12)
    with pytest.raises(ValueError, match="centre of patient 0 differs between visits, and has no mean"):
        once(changing, Question("severity", ["lesions"], ["centre"], patient="patient"))
    question = Question("severity", ["lesions"], patient="patient", cluster="centre")
    with pytest.raises(ValueError, match="patient 0 is in several of centre"):
        analyse(changing, question, ["linear"], FEW)


def test_groups_are_those_of_centres_where_these_are_named(visits):
    table = visits.assign(centre=np.repeat(range(8), 3))
    rows = analyse(table, Question("severity", ["lesions"], cluster="centre"), ["pearson", "linear"], FEW)
    assert list(rows["groups"]) == [8, 8]
    assert rows["method"].iloc[0].startswith("Fisher's z, jackknife's standard error by 8 groups, too small")


def test_categories_are_named_by_their_values(visits):
    assert [column.name for column in numeric(visits, ["age", "centre"])] == [
        "age", "centre: b", "centre: c", "centre: d",
    ]  # fmt: skip


# ---- missing values


def test_rubin1987_rules():
    # m <- c(1, 2, 3); u <- c(0.5, 0.7, 0.6); b <- var(m); t <- mean(u) + (1 + 1/3) * b; l <- (4/3) * b / t
    # o <- 51/53 * 50 * (1 - l); c(mean(m), sqrt(t), 1 / (l^2 / 2 + 1 / o))
    found = imputation.combine([1, 2, 3], [0.5, 0.7, 0.6], 50)
    assert found == pytest.approx((2, 1.390443574308, 3.281014215272), rel=1e-9)
    nothing_missing = imputation.combine([2, 2, 2], [0.5, 0.5, 0.5], 50)
    assert nothing_missing == pytest.approx((2, math.sqrt(0.5), 51 / 53 * 50))


def test_imputed_tables_keep_what_is_known_and_what_kind_it_is():
    table = COHORT.assign(lesions=COHORT["lesions"].astype(float).where(COHORT.index % 5 > 0))
    before = table.copy()
    made = imputation.tables(table, 3)
    again = imputation.tables(table, 3)
    pd.testing.assert_frame_equal(table, before)
    for one, other in zip(made, again, strict=True):
        pd.testing.assert_frame_equal(one, other)
        known = table["lesions"].notna()
        assert (one["lesions"][known] == table["lesions"][known]).all()
        assert set(one["lesions"]) <= set(table["lesions"].dropna())
    assert (made[0]["lesions"] != made[1]["lesions"]).any()


def test_combined_estimate_is_that_of_statsmodels_on_the_same_tables():
    table = COHORT.assign(lesions=COHORT["lesions"].astype(float).where(COHORT.index % 6 > 0))
    question = Question("severity", ["lesions"], ["age"], per="unit", imputations=4)
    row = analyse(table, question, ["linear"], FEW).iloc[-1]
    frame = table[["lesions", "severity", "age"]].astype(float)
    fits = [
        sm.OLS(each["severity"], sm.add_constant(each[["age", "lesions"]])).fit(cov_type="HC3")
        for each in imputation.tables(frame, 4)
    ]
    assert row["estimate"] == pytest.approx(np.mean([each.params["lesions"] for each in fits]))
    within = np.mean([each.bse["lesions"] ** 2 for each in fits])
    between = np.var([each.params["lesions"] for each in fits], ddof=1)
    half = (row["ci_high"] - row["ci_low"]) / 2
    assert half > 2 * math.sqrt(within + 1.25 * between)
    assert (row["n"], row["imputed"], row["excluded"]) == (24, 4, 0)
    assert row["library"].endswith("MICEData and OLS")
    assert "4 tables with imputed values" in sentence(row)
    assert "(4 with imputed values)" in sentence(row)


def test_imputing_gives_back_a_slope_that_leaving_out_distorts():
    rng = np.random.default_rng(3)
    x = rng.normal(size=800)
    helper = x + 0.3 * rng.normal(size=800)
    y = x + rng.normal(size=800)
    table = pd.DataFrame({"y": np.where((y > 0.3) & (rng.random(800) < 0.8), np.nan, y), "x": x, "h": helper})
    left_out = analyse(table, Question("y", ["x"], ["h"], per="unit"), ["linear"], FEW).iloc[0]
    assert left_out["ci_high"] < 1
    assert left_out["excluded"] > 200
    # What is missing hangs on y itself, which only a fully seen second outcome makes known.
    seen = table.assign(second=y + 0.2 * rng.normal(size=800))
    made = imputation.tables(seen[["x", "y", "second"]], 5)
    slopes = [np.polyfit(each["x"], each["y"], 1)[0] for each in made]
    assert np.mean(slopes) == pytest.approx(1, abs=0.12)


def test_imputing_leaves_the_slope_of_a_small_cohort_as_it_is():
    """With 20 donors of 14 known values, statsmodels' default, the mean slope was 0.64."""
    slopes = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=20)
        table = pd.DataFrame(
            {"x": np.where(np.arange(20) < 6, np.nan, x), "y": x + 0.5 * rng.normal(size=20)}
        )
        made = imputation.tables(table, 3)
        slopes += [np.polyfit(each["x"], each["y"], 1)[0] for each in made]
    assert np.mean(slopes) == pytest.approx(1, abs=0.08)


def test_imputed_tables_keep_what_was_noticed_in_them():
    rng = np.random.default_rng(3)
    lesions, split = rng.negative_binomial(0.7, 0.1, 60) + 1, np.arange(60) < 30
    table = pd.DataFrame({"lesions": lesions, "score": rng.normal(10, 3, 60), "severe": split, "scan": split})
    table = table.assign(score=table["score"].where(table.index % 6 > 0), centre=table.index % 8)
    asked = Question("lesions", ["score"], imputations=3)
    poisson, ordinal = analyse(table, asked, ["poisson", "ordinal"], FEW).to_dict("records")
    sure = "Wald standard error, t with {} df; interval and P are too sure, as counts vary more"
    assert re.search(sure.format(r"\d+"), poisson["method"])
    assert poisson["method"].endswith("in 3 of 3 tables")
    assert "in the first of these tables Pearson dispersion" in sentence(poisson)
    assert "categories; proportionality" in ordinal["details"]
    scans = table.assign(scan=split.astype(float)).assign(scan=lambda t: t["scan"].where(t.index % 6 > 0))
    firth = analyse(scans, Question("severe", ["scan"], imputations=3), ["firth"], FEW).iloc[0]
    assert firth["events"] == 30
    assert "; separation, the estimate without a penalty would be infinite, in " in firth["method"]
    few = analyse(table, replace(asked, cluster="centre"), ["linear"], FEW).iloc[0]
    assert "standard error by 8 groups, too small with so few, t with" in few["method"]


def test_too_few_complete_patients_to_impute_say_so():
    table = COHORT.assign(lesions=COHORT["lesions"].astype(float).where(COHORT.index < 5))
    row = analyse(table, Question("severity", ["lesions"], imputations=5), ["linear"], FEW).iloc[0]
    assert row["method"] == "not estimable: 5 patients have all values, too few to impute others'"


# ---- correlations and joint tests of groups


def clustered(rng, groups=30, size=5, relation=0.0):
    """Draw patients of centres that differ in both variables."""
    labels = np.repeat(range(groups), size)
    x, y = rng.normal(size=(2, groups))[:, labels] + rng.normal(size=(2, groups * size))
    return labels, x, y + relation * x


@pytest.mark.parametrize("statistic", ["spearman", "kendall", "pearson"])
def test_interval_of_a_correlation_by_groups_of_one_is_that_of_the_jackknife(statistic):
    _, x, y = clustered(np.random.default_rng(1), 8, 5)
    found = correlate(x, y, statistic, groups=range(40))
    without = leave_one_out(x, y, statistic)["estimate"]
    error = math.sqrt(39 / 40 * ((without - without.mean()) ** 2).sum()) / (1 - found.estimate**2)
    half = stats.t.ppf(0.975, 39) * error
    z = math.atanh(found.estimate)
    assert (found.ci_low, found.ci_high) == pytest.approx((math.tanh(z - half), math.tanh(z + half)))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(z) / error, 39))
    assert found.groups == 40


def test_interval_of_pearsons_correlation_by_groups_is_close_to_that_of_groups_left_out():
    labels, x, y = clustered(np.random.default_rng(2), 60, 3, 0.5)
    found = correlate(x, y, "pearson", groups=labels)
    left = [np.corrcoef(x[labels != g], y[labels != g])[0, 1] for g in range(60)]
    error = math.sqrt(59 / 60 * np.sum((left - np.mean(left)) ** 2)) / (1 - found.estimate**2)
    z = math.atanh(found.estimate)
    assert math.atanh(found.ci_high) - z == pytest.approx(stats.t.ppf(0.975, 59) * error, rel=0.05)


@pytest.mark.parametrize("statistic", ["spearman", "kendall", "pearson"])
def test_correlations_by_groups_hold_their_level_and_others_do_not(statistic):
    rng, held = np.random.default_rng(6), np.zeros(2)
    for _ in range(400):
        labels, x, y = clustered(rng)
        one = correlate(x, y, statistic, groups=labels)
        other = correlate(x, y, statistic, groups=range(len(x)))
        held += one.ci_low < 0 < one.ci_high, other.ci_low < 0 < other.ci_high
    assert 0.90 < held[0] / 400 < 0.98
    assert held[1] / 400 < 0.90


def test_a_correlation_of_1_is_said_to_be_1():
    for groups in (None, np.repeat(range(250), 10)):
        found = correlate(range(2_500), range(0, -2_500, -1), groups=groups)
        assert found.method.endswith("interval not estimable: the correlation is -1")


def test_groups_that_are_too_few_leave_the_correlation_alone():
    labels, x, y = clustered(np.random.default_rng(3), 4, 10)
    for groups, count in ((labels, 4), (np.zeros(40), 1)):
        found = correlate(x, y, groups=groups)
        assert found.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
        assert math.isnan(found.p)
        assert found.method == f"interval and P not estimable: {count} groups, expected at least 5"
    table = pd.DataFrame({"x": x, "y": y, "centre": labels})
    row = analyse(table, Question("y", ["x"], cluster="centre"), ["spearman"], FEW).iloc[0]
    assert "P not determined; interval and P not estimable: 4 groups" in sentence(row)


def test_joint_test_within_groups_against_every_arrangement():
    groups, y = [0, 0, 0, 1, 1, 1, 2], np.array([1, 4, 2, 7, 9, 9, 3.0])
    exposures = pd.DataFrame(
        {"a": [2, 5, 1, 8, 9, 9, 1], "b": [0, 1, 1, 0, 0, 1, 1], "c": [1, 1, 1, 2, 2, 2, 5]}
    )

    def apart(values):
        ranks = pd.Series(stats.rankdata(values))
        return (ranks - ranks.groupby(groups).transform("mean")).to_numpy()

    scores = [apart(exposures[name]) for name in "ab"]
    every = [np.r_[[y[i] for i in first], [y[3 + i] for i in second], y[6]]
             for first in permutations(range(3)) for second in permutations(range(3))]  # fmt: skip
    r = np.abs([[np.corrcoef(score, apart(one))[0, 1] for score in scores] for one in every])
    order = np.argsort(-r[0])
    steps = [np.mean(r[:, order[k:]].max(axis=1) >= r[0, order[k]] - 1e-9) for k in range(2)]
    found = maximum_statistic(exposures, y, permutations=40_000, groups=groups)
    np.testing.assert_allclose(found["p"][:2], (r >= r[0] - 1e-9).mean(axis=0), atol=0.012)
    np.testing.assert_allclose(
        found["p_maximum"][:2], np.maximum.accumulate(steps)[np.argsort(order)], atol=0.012
    )
    np.testing.assert_allclose(found["estimate"][:2].abs(), r[0], atol=1e-12)
    assert found.loc[2, "method"] == "not estimable: all values are equal in each group"
    assert "correlations within 3 groups, " in found.loc[0, "method"]


def test_joint_tests_within_groups_find_no_centres_and_keep_their_limit(monkeypatch):
    labels, x, y = clustered(np.random.default_rng(9), 40, 10)
    exposures = pd.DataFrame({"x": x, "other": x + np.random.default_rng(1).normal(size=400)})
    y = y + 3 * x[labels * 10]  # of the first patient of each centre, so that centres make a correlation
    inside = maximum_statistic(exposures, y, permutations=20_000, groups=labels)
    assert maximum_statistic(exposures, y, permutations=999)["p"].max() < 0.005
    assert inside["p_maximum"].min() > 0.05
    table = exposures.assign(y=y, centre=labels)
    questions = [Question("y", ["x"], cluster="centre"), Question("y", ["x"], ["other"], cluster="centre")]
    curve = specification_curve(table, questions, effort=Effort(permutations=8_000))
    alone = specification_curve(table, [Question("y", ["x"])], effort=Effort(permutations=999))
    assert alone.p_median < 0.005 < 0.05 < curve.p_median
    assert curve.method == "permuted within 40 groups of centre"
    for module in (permutation, specifications):
        monkeypatch.setattr(module, "MANY", 300)
    limit = maximum_statistic(exposures, y, permutations=20_000, groups=labels)
    np.testing.assert_allclose(limit["p_maximum"], inside["p_maximum"], atol=0.015)
    drawn = specification_curve(table, questions, effort=Effort(permutations=8_000))
    assert drawn.p_mean == pytest.approx(curve.p_mean, abs=0.025)


def test_an_exposure_of_centres_is_not_permuted_within_them():
    labels, x, y = clustered(np.random.default_rng(4), 20, 3)
    table = pd.DataFrame({"y": y, "x": x[labels * 3], "centre": labels})
    curve = specification_curve(table, [Question("y", ["x"], cluster="centre")], effort=FEW)
    assert curve.method == "not permuted: nothing of x differs within groups of centre"
    assert math.isnan(curve.p_median)
    with pytest.raises(NotEstimableError, match="the same in all patients of each group"):
        maximum_statistic(table[["y"]], table["x"], groups=labels)
