"""Regressions and what is built on them: R, printed examples, closed forms, properties, known truths.

Values from R come from R 4.2.2 with MASS 7.3.58.2, sandwich 3.0.2, lmtest 0.9.40, ordinal 2022.11.16 and
brglm2 0.9. Where R has no ready profile that estimates every other parameter anew, optim and uniroot made
one.
"""

import dataclasses
import math
from contextlib import suppress
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import specifications
from crmo_analysis.models.designs import standardised
from crmo_analysis.models.likelihood import candidates, peak, score_statistics, without_exposure
from crmo_analysis.models.permutation import STATISTICS, adjust, permutation_test
from crmo_analysis.models.question import Effort, Question, models_for
from crmo_analysis.models.regression import MODELS, regress
from crmo_analysis.models.severity import COLUMNS, analyse, number_text, sentence
from crmo_analysis.models.specifications import specification_curve
from crmo_analysis.study import describe

# 24 simulated patients: d <- data.frame(les, sev, cri, age, male)
COHORT = pd.DataFrame({
    "lesions": [3, 5, 1, 1, 4, 17, 4, 8, 4, 5, 5, 1, 1, 14, 1, 13, 3, 20, 5, 3, 1, 1, 5, 11],
    "severity": [1, 3, 0, 0, 4, 2, 2, 5, 3, 3, 2, 3, 1, 5, 0, 5, 1, 6, 0, 0, 1, 0, 3, 6],
    "crises": [2, 6, 0, 0, 0, 3, 0, 10, 3, 0, 1, 3, 1, 1, 1, 0, 0, 1, 6, 0, 1, 3, 3, 4],
    "age": [7.0, 6.8, 11.2, 8.7, 13.6, 8.1, 9.3, 8.6, 4.7, 11.4, 12.2, 12.9, 10.0, 12.2, 10.1, 10.3, 8.5, 10.1, 8.1,
            12.0, 8.8, 7.9, 10.2, 10.4],
    "male": [1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0],
})  # fmt: skip
OTHERS = (COHORT["age"], COHORT["male"])


def fit(model, outcome, others=OTHERS, **settings):
    return regress(model, COHORT[outcome], COHORT["lesions"], others, per="unit", **settings)


def cut_points(result):
    return np.asarray(result.results.params)[result.place + 1 :]


def four(result):
    return result.estimate, result.ci_low, result.ci_high, result.p


def simulated(n=54, seed=3):
    rng = np.random.default_rng(seed)
    lesions = rng.negative_binomial(2, 0.25, n)
    table = pd.DataFrame({
        "lesions": lesions, "spine": rng.random(n) < 0.3, "crp": np.round(rng.lognormal(0, 1, n), 2),
        "age": rng.normal(10, 3, n).round(1), "sex": rng.choice(["f", "m"], n),
    })  # fmt: skip
    table["global"] = np.clip(np.round(0.25 * lesions + rng.normal(3, 1.8, n)), 0, 10).astype(int)
    table["pain"] = np.clip(np.round(0.2 * lesions + rng.normal(4, 2.4, n)), 0, 10)
    table.loc[3, "pain"] = np.nan
    return table


# ---- R


def test_linear_against_r():
    # f <- lm(sev ~ les + age + male, d); coeftest(f, vcovHC(f, "HC3")); coefci(f, vcov. = vcovHC(f, "HC3"))
    expected = 0.258499200575, 0.09418145529, 0.42281694586, 0.003730842007
    assert four(fit("linear", "severity")) == pytest.approx(expected, abs=1e-10)
    # the same with lm(sev ~ les, d)
    expected = 0.266041461007, 0.09885204885, 0.43323087316, 0.003261557368
    assert four(fit("linear", "severity", ())) == pytest.approx(expected, abs=1e-10)


def test_poisson_against_r():
    # f <- glm(cri ~ les + age + male, poisson, d); exp(coef(f)); anova(update(f, . ~ . - les), f, test =
    # "LRT") interval: uniroot over the deviance of glm(cri ~ offset(v * les) + age + male, poisson, d)
    result = fit("poisson", "crises")
    assert four(result) == pytest.approx((1.034814912, 0.981823966, 1.085488577, 0.1932406722), abs=2e-9)
    # sum(resid(f, "pearson")^2) / f$df.residual
    assert result.dispersion == pytest.approx(2.777775078, abs=1e-8)
    assert result.method.endswith("interval and P are too sure, as counts vary more than Poisson's")
    assert result.details == "Pearson dispersion 2.78"


def test_negative_binomial_against_r():
    # f <- glm.nb(cri ~ les + age + male, d): exp(coef(f)), 1 / f$theta, and twice the difference of logLik
    # interval: optim of dnbinom(cri, mu, size, log = TRUE), the slope of les fixed, and uniroot
    result = fit("negative_binomial", "crises")
    expected = 1.042065124, 0.9484355883, 1.1600436801, 0.3748581244
    assert four(result) == pytest.approx(expected, abs=5e-9)
    assert result.dispersion == pytest.approx(0.6347334696, abs=1e-9)


def test_ordinal_against_r():
    # f <- clm(factor(sev) ~ les + age + male, data = d): exp(coef(f)), drop1(f, test = "Chi")
    # interval: uniroot over logLik(clm(factor(sev) ~ offset(v * les) + age + male, data = d))
    result = fit("ordinal", "severity")
    assert four(result) == pytest.approx((1.478511253, 1.198208493, 1.987831681, 4.12992921e-05), abs=2e-9)
    # polr(factor(sev) ~ les + age + male, d)$zeta
    expected = 1.350174907, 2.411660743, 3.158411614, 4.696683381, 5.294957923, 7.638925394
    assert cut_points(result) == pytest.approx(expected, abs=1e-8)
    # optim of the likelihood with theta_k - eta - delta (k - 1) les, against delta = 0
    assert result.p_proportional == pytest.approx(0.8651594411, abs=1e-9)
    assert "7 categories; proportionality P=0.865 (a rough check" in result.details


def test_firth_against_r():
    # pl <- function(b) logLik + 0.5 * log(det(X' W X)); optim with the slope of les fixed; uniroot
    result = fit("firth", "severity", cut=3)
    assert four(result) == pytest.approx((1.1715991554, 0.9997527194, 1.4786318214, 0.0503914754), abs=3e-9)
    assert result.events == 11


def test_score_statistic_against_r():
    # anova(glm(cri ~ age + male, poisson, d), glm(cri ~ age + male + les, poisson, d), test = "Rao")$Rao[2]
    design = standardised(COHORT[["age", "male", "lesions"]].to_numpy(float))
    score = without_exposure("poisson", COHORT["crises"].to_numpy(float), design[:, :-1])
    assert score_statistics(score, design[None, :, -1])[0] ** 2 == pytest.approx(1.835628577, rel=1e-7)


# ---- printed examples


def test_heinze2002_endometrial_cancer():
    # 79 patients of Heinze and Schemper, Stat Med 2002;21:2409-2419, as in brglm2::endometrial: histology
    # grade on neovascularisation, which no patient of low grade has. logistf(HG ~ NV + PI + EH) gives
    # 2.9292733 (0.6097244 to 7.8546317) for NV; brglm2 and a penalised profile by optim give 2.92927335,
    # 0.60972444, 7.85463170 and P = 0.0091236675; for EH -2.60416393 (-4.36518324 to -1.23272106), P =
    # 2.5068671e-05.
    low = (
        "13 164 16 226 8 314 34 268 20 128 5 231 17 180 10 168 26 156 17 231 8 201 7 189 20 315 10 123 18 "
        ""
        "127 16 176"
    )
    low += " 18 200 28 150 11 133 19 237 10 182 10 313 18 131 14 192 21 164 11 201 17 188 25 193 16 211 19 129 15 172"
    low += " 33 75 24 192 29 202 15 229 12 233 3 290 20 170 23 141 12 225 22 154 42 197 15 175 13 216 14 257 19 137"
    low += " 12 361 13 204 10 217"
    high = (
        "8 264 29 88 12 127 20 137 7 97 48 184 12 111 19 161 2 118 21 119 15 106 12 169 6 184 5 130 17 "
        "96 "
        "5 35 33 85"
    )
    new = "38 97 22 114 7 88 25 91 15 58 22 144 40 118 5 93 0 117 49 27 11 101 21 98 19 102"
    groups = [np.array(text.split(), dtype=float).reshape(-1, 2) for text in (low, high, new)]
    pulsatility, height = np.vstack(groups).T
    grade, vessels = (np.repeat(codes, [len(group) for group in groups]) for codes in ([0, 1, 1], [0, 0, 1]))
    assert len(grade) == 79
    result = regress("firth", grade, vessels, (pulsatility, height / 100), per="unit")
    assert np.log(four(result)[:3]) == pytest.approx((2.92927335, 0.60972444, 7.85463170), abs=2e-8)
    assert result.p == pytest.approx(0.0091236675, abs=1e-10)
    assert "separation, the estimate without a penalty would be infinite" in result.method
    result = regress("firth", grade, height / 100, (pulsatility, vessels), per="unit")
    assert np.log(four(result)[:3]) == pytest.approx((-2.60416393, -4.36518324, -1.23272106), abs=2e-8)
    assert result.p == pytest.approx(2.5068671e-05, rel=1e-7)


def test_venables2002_housing():
    # Venables and Ripley, Modern applied statistics with S, 2002, section 7.3: satisfaction of 1681 tenants,
    # polr(Sat ~ Infl + Type + Cont, weights = Freq, data = housing): InflHigh 1.2888191, ContHigh 0.3602841,
    # TypeTerrace -1.0910149, cut points -0.4961353 and 0.6907083.
    frequency = [21, 21, 28, 34, 22, 36, 10, 11, 36, 61, 23, 17, 43, 35, 40, 26, 18, 54, 13, 9, 10, 8, 8, 12, 6, 7, 9,
                 18, 6, 7, 15, 13, 13, 7, 5, 11, 14, 19, 37, 17, 23, 40, 3, 5, 23, 78, 46, 43, 48, 45, 86, 15, 25, 62,
                 20, 23, 20, 10, 22, 24, 7, 10, 21, 57, 23, 13, 31, 21, 13, 5, 6, 13]  # fmt: skip
    rows = np.repeat(list(product(range(2), range(4), range(3), range(3))), frequency, axis=0)
    contact, kind, influenced, satisfied = rows.T
    dummies = [kind == k for k in (1, 2, 3)] + [influenced == k for k in (1, 2)]
    result = regress("ordinal", satisfied, contact, dummies)
    assert math.log(result.estimate) == pytest.approx(0.3602841, abs=2e-6)
    assert cut_points(result) == pytest.approx((-0.4961353, 0.6907083), abs=2e-6)
    others = [contact, *dummies[:4]]
    assert math.log(regress("ordinal", satisfied, dummies[4], others).estimate) == pytest.approx(
        1.2888191, abs=2e-6
    )


# ---- closed forms


GROUP = np.repeat([0, 1], [7, 9])
VALUES = np.array([2, 0, 1, 4, 3, 2, 1, 5, 3, 6, 2, 7, 4, 4, 9, 3], dtype=float)


def test_two_groups():
    first, second = VALUES[GROUP == 0], VALUES[GROUP == 1]
    linear = regress("linear", VALUES, GROUP)
    # HC3 of two means: the squared residuals over (m - 1)².
    error = math.sqrt(sum(((v - v.mean()) ** 2).sum() / (len(v) - 1) ** 2 for v in (first, second)))
    assert linear.estimate == pytest.approx(second.mean() - first.mean(), abs=1e-12)
    assert linear.ci_high - linear.estimate == pytest.approx(stats.t.ppf(0.975, 14) * error, abs=1e-12)
    assert linear.effect == "difference, yes against no"
    for model in ("poisson", "negative_binomial"):
        assert regress(model, VALUES, GROUP).estimate == pytest.approx(second.mean() / first.mean(), rel=1e-9)


def test_firth_of_four_cells_adds_a_half_to_each():
    yes = np.r_[np.ones(2), np.zeros(5), np.ones(9)]
    result = regress("firth", yes, GROUP)
    assert result.estimate == pytest.approx((9.5 / 0.5) / (2.5 / 5.5), rel=1e-9)
    assert math.isfinite(result.ci_high)
    assert "separation" in result.method


@pytest.mark.parametrize("model", MODELS[1:])
def test_interval_ends_where_the_test_begins_to_reject(model):
    outcome = "severity" if model in ("ordinal", "firth") else "crises"
    result = fit(model, outcome, cut=3)
    one_end_at_no_relation = fit(model, outcome, cut=3, confidence=1 - result.p)
    assert one_end_at_no_relation.ci_low == pytest.approx(1, abs=1e-7)


def test_negative_binomial_at_its_boundary():
    y = np.array([2, 3, 2, 3, 2, 3, 3, 2, 4, 3, 4, 3.0])
    x = np.arange(12)
    poisson, negative = regress("poisson", y, x), regress("negative_binomial", y, x)
    assert four(negative) == pytest.approx(four(poisson), rel=1e-9)
    assert negative.dispersion == 0
    assert "dispersion at its boundary of 0, where it is the Poisson model" in negative.method


def test_negative_binomial_near_its_boundary():
    # A little more than Poisson: the search for log alpha has to end at a very small alpha.
    design = standardised(np.arange(12.0)[:, None])
    y = np.array([1, 1, 2, 1, 5, 1, 4, 0, 3, 1, 5, 3.0])
    *slopes, alpha = peak(candidates("negative_binomial", y, design)).params
    grid = [
        stats.nbinom.logpmf(y, 1 / a, 1 / (1 + a * np.exp(design @ slopes))).sum()
        for a in alpha * np.array([0.9, 1, 1.1])
    ]
    assert 0 < alpha < 0.1
    assert grid[1] > max(grid[0], grid[2])


@pytest.mark.parametrize("model", ["linear", *MODELS[1:]])
def test_score_statistic_is_that_of_the_likelihood(model):
    # Where the exposure's coefficient is 0, gradient² / information of the full model, others allowed for.
    outcome = {"ordinal": "severity", "firth": "male"}.get(model, "crises")
    y = COHORT[outcome].to_numpy(float)
    design = standardised(COHORT[["age", "lesions"]].to_numpy(float))
    score = without_exposure(model, y, design[:, :-1])
    z = score_statistics(score, design[None, :, -1])[0]
    if model == "linear":
        resid = [v - design[:, :-1] @ np.linalg.lstsq(design[:, :-1], v)[0] for v in (y, design[:, -1])]
        assert z == pytest.approx(math.sqrt(24) * np.corrcoef(*resid)[0, 1], abs=1e-10)
    else:
        full = regress(model, y, COHORT["lesions"], [COHORT["age"]])
        likelihood_ratio = stats.norm.isf(full.p / 2) * np.sign(full.estimate - 1)
        assert z == pytest.approx(likelihood_ratio, abs=0.35)


def test_separation_is_found_where_it_is():
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    x = np.arange(8.0)
    apart, mixed = standardised(x[:, None]), standardised(x[[0, 1, 2, 4, 3, 5, 6, 7], None])
    assert candidates("firth", y, apart)[0].separated()
    assert not candidates("firth", y, mixed)[0].separated()
    assert candidates("poisson", y, standardised((y > 0)[:, None].astype(float)))[0].separated()
    assert not candidates("poisson", y, mixed)[0].separated()
    scores = np.array([0, 0, 1, 1, 2, 2, 3, 3.0])
    assert candidates("ordinal", scores, apart)[0].separated()
    others = standardised(x[::-1][[0, 2, 1, 3, 4, 6, 5, 7], None])
    assert not candidates("ordinal", scores[[0, 1, 3, 4, 2, 5, 7, 6]], others)[0].separated()


# ---- known truths


@pytest.mark.parametrize("n", [15, 54, 200])
@pytest.mark.parametrize("model", MODELS)
def test_intervals_hold_a_known_truth_in_few_patients(model, n):
    """Of 100 cohorts, 95 % intervals of those that have one hold the truth; 88 are three errors below 95."""
    rng, held = np.random.default_rng(n), []
    truth = 0.5 if model == "linear" else math.exp(0.5)
    for _ in range(100):
        x, age = rng.normal(size=(2, n))
        eta = 0.5 * x + 0.3 * age
        y = {
            "linear": eta + rng.normal(size=n) * (1 + 0.3 * np.abs(x)),
            "poisson": rng.poisson(np.exp(1 + eta)),
            "negative_binomial": rng.poisson(np.exp(1 + eta) * rng.gamma(2, 0.5, n)),
            "ordinal": np.digitize(eta + rng.logistic(size=n), [-2, 0, 1.5]),
            "firth": (eta + rng.logistic(size=n) > 0).astype(float),
        }[model]
        with suppress(NotEstimableError):
            found = regress(model, y, x, [age], per="unit")
            held.append(not (found.ci_low > truth or found.ci_high < truth))
    assert len(held) >= 95
    assert np.mean(held) >= 0.88


@pytest.mark.parametrize("model", MODELS)
def test_recovery_of_a_known_truth(model):
    rng = np.random.default_rng(11)
    x, age = rng.normal(size=(2, 1_500))
    eta = 0.4 * x + 0.3 * age
    y = {
        "linear": eta + rng.normal(size=1_500) * (1 + 0.3 * np.abs(x)),
        "poisson": rng.poisson(np.exp(0.5 + eta)),
        "negative_binomial": rng.poisson(np.exp(0.5 + eta) * rng.gamma(1 / 0.7, 0.7, 1_500)),
        "ordinal": np.digitize(eta + rng.logistic(size=1_500), [-2, -1, 0, 1.5]),
        "firth": (eta + rng.logistic(size=1_500) > 0.2).astype(float),
    }[model]
    result = regress(model, y, x, [age], per="unit")
    assert result.ci_low < (0.4 if model == "linear" else math.exp(0.4)) < result.ci_high
    assert result.ci_high - result.ci_low < 0.5
    if model == "negative_binomial":
        assert result.dispersion == pytest.approx(0.7, abs=0.12)
    if model == "ordinal":
        assert cut_points(result) == pytest.approx((-2, -1, 0, 1.5), abs=0.25)
        assert result.p_proportional > 0.01


def test_check_of_proportional_odds_finds_what_is_not():
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    y = np.digitize(0.5 * x + np.exp(0.5 * x) * rng.logistic(size=400), [-2, -1, 0, 1, 2])
    result = regress("ordinal", y, x)
    assert result.p_proportional < 0.001
    assert "proportionality P<0.001" in result.details


# ---- properties


@pytest.mark.parametrize("model", MODELS)
def test_order_of_rows_and_units(model):
    outcome = "severity" if model in ("ordinal", "firth") else "crises"
    order = np.random.default_rng(1).permutation(24)
    mixed = COHORT.iloc[order]
    first = regress(model, COHORT[outcome], COHORT["lesions"], OTHERS, cut=3)
    second = regress(model, mixed[outcome], mixed["lesions"], (12 * mixed["age"] + 5, mixed["male"]), cut=3)
    assert four(second) == pytest.approx(four(first), rel=1e-7)
    tenth = regress(model, COHORT[outcome], COHORT["lesions"] / 10, OTHERS, cut=3, per="unit")
    unit = fit(model, outcome, cut=3)
    expected = 10 * np.array(four(unit)[:3]) if model == "linear" else np.array(four(unit)[:3]) ** 10
    assert four(tenth)[:3] == pytest.approx(expected, rel=1e-6)
    sd = COHORT["lesions"].std()
    expected = sd * unit.estimate if model == "linear" else unit.estimate**sd
    assert (first.estimate, first.p) == (pytest.approx(expected, rel=1e-7), pytest.approx(unit.p, rel=1e-7))
    assert first.effect.endswith(f" per SD ({sd:.3g})")


def test_patients_twice_narrow_the_interval():
    twice = pd.concat([COHORT, COHORT])
    once, doubled = (regress("poisson", t["crises"], t["lesions"]) for t in (COHORT, twice))
    per_unit = [regress("poisson", t["crises"], t["lesions"], per="unit") for t in (COHORT, twice)]
    assert per_unit[0].estimate == pytest.approx(per_unit[1].estimate, rel=1e-8)
    assert doubled.p < once.p


def test_results_are_frozen_and_input_stays():
    table = simulated()
    before = table.copy()
    analyse(
        table,
        Question("global", ["lesions"], ["age", "sex"], cut=4),
        effort=Effort(resamples=99, permutations=99),
    )
    specification_curve(
        table,
        [Question("global", ["lesions"]), Question("global", ["lesions"], ["sex"])],
        effort=Effort(permutations=19),
    )
    pd.testing.assert_frame_equal(table, before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit("linear", "severity").estimate = 0


def test_missing_rows_are_excluded_and_counted():
    lesions = COHORT["lesions"].astype(float).where(COHORT.index != 4)
    age = COHORT["age"].where(COHORT.index != 7)
    result = regress("ordinal", COHORT["severity"], lesions, [age])
    rest = COHORT.drop([4, 7])
    assert (result.n, result.excluded) == (22, 2)
    assert four(result) == pytest.approx(
        four(regress("ordinal", rest["severity"], rest["lesions"], [rest["age"]]))
    )


# ---- what cannot be estimated


@pytest.mark.parametrize(("model", "y", "x", "message"), [
    ("linear", [1], [2], "1 patients for 2 coefficients, expected at least 5"),
    ("linear", [1, 2, 3, 4], [1, 2, 3, 5], "4 patients for 2"),
    ("poisson", [None] * 9, range(9), "0 patients"),
    ("linear", [3] * 9, range(9), "all 9 values of the outcome are 3"),
    ("ordinal", range(9), [2] * 9, "all 9 values of the exposure are 2"),
    ("linear", [1, 2, 3, 4, 5, 9], [0, 0, 0, 0, 0, 1], "leverage 1"),
    ("linear", [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], "fits every patient exactly"),
    ("poisson", [1, 2, -1, 4, 5, 6], [1, 2, 3, 5, 4, 6], "an outcome is no count"),
    ("negative_binomial", [1, 2.5, 1, 4, 5, 6], [1, 2, 3, 5, 4, 6], "an outcome is no count"),
    ("poisson", [0, 0, 0, 2, 3, 4], [0, 0, 0, 1, 1, 1], "perfect separation, the estimate would be infinite"),
    ("ordinal", [0, 0, 1, 1, 2, 2], [1, 2, 3, 4, 5, 6], "perfect separation"),
    ("ordinal", [0, 1, 0, 1, 1, 0], [1, 2, 3, 4, 5, 6], "two values, expected three or more"),
    ("firth", [3, 4, 5, 6, 7, 8], [1, 2, 3, 5, 4, 6], "no cut says what counts as yes"),
    ("poisson", [1, 2, 4, 3, 4, 6], [1e-9, 2e-9, 3e-9, 5e-9, 4e-9, 6e-9], "too large for a number"),
])  # fmt: skip
def test_what_cannot_be_estimated_says_why(model, y, x, message):
    with pytest.raises(NotEstimableError, match=message):
        regress(model, y, x, per="unit")


def test_more_that_cannot_be_estimated():
    with pytest.raises(NotEstimableError, match="exposure and adjustment determine each other"):
        regress("linear", COHORT["severity"], COHORT["lesions"], [2 * COHORT["lesions"] + 1])
    with pytest.raises(NotEstimableError, match="all 24 values of an adjustment are 1"):
        regress("linear", COHORT["severity"], COHORT["lesions"], [[1] * 24])
    with pytest.raises(NotEstimableError, match="the outcome is at least 0 in all 24 patients"):
        regress("firth", COHORT["severity"], COHORT["lesions"], cut=0)
    with pytest.raises(ValueError, match="model is 'probit'"):
        regress("probit", COHORT["severity"], COHORT["lesions"])


def test_degenerate_tables_give_rows_that_say_why():
    table = pd.DataFrame({"global": [3, 4, 5], "lesions": [1, 2, 2], "age": [9.0, 10.0, None]})
    rows = analyse(table.iloc[:1], Question("global", ["lesions"], ["age"]))
    assert rows["method"].str.startswith("not estimable: ").all()
    assert rows[["estimate", "p", "p_holm"]].isna().all(axis=None)
    assert (rows["n"] == 1).all()
    cohort = simulated().assign(same=2, empty=math.nan)
    rows = analyse(
        cohort,
        Question("global", ["lesions", "same", "empty"]),
        models=["spearman", "linear"],
        effort=Effort(resamples=99),
    )
    assert list(rows["method"].str.startswith("not estimable")) == [False, True, True] * 2
    assert rows.loc[0, "p_holm"] == rows.loc[0, "p"]  # of one, as the others have none
    for sex in ("f", None):
        rows = analyse(cohort.assign(sex=sex), Question("global", ["lesions"], ["sex"]), models=["linear"])
        assert list(rows["method"].str.startswith("not estimable")) == [False, True]


def test_wrong_tables_are_refused():
    table = simulated()
    with pytest.raises(ValueError, match="no column 'lesion'; is 'lesions' meant"):
        analyse(table, Question("global", ["lesion"]))
    with pytest.raises(ValueError, match="'age' is named twice"):
        analyse(table, Question("global", ["age"], ["age"]))
    with pytest.raises(ValueError, match="none of 54 patients has a value of empty"):
        analyse(table.assign(empty=None), Question("empty", ["lesions"]))
    with pytest.raises(ValueError, match="sex is 'm' in row 1; expected finite numbers"):
        analyse(table.assign(sex="m"), Question("global", ["sex"]))
    with pytest.raises(ValueError, match="no exposure is named"):
        analyse(table, Question("global", []))
    with pytest.raises(
        ValueError, match="none of 1 specifications can be estimated; the first: not estimable: all 54"
    ):
        specification_curve(
            table.assign(same=1), [Question("same", ["lesions"])], effort=Effort(permutations=9)
        )


# ---- the whole analysis


def test_models_suit_the_outcome():
    counts = ("linear", "poisson", "negative_binomial", "ordinal")
    assert models_for([0, 1, 5]) == (*STATISTICS, *counts)
    assert models_for([0, 1, 5, None], cut=4) == (*STATISTICS, *counts, "firth")
    assert models_for([-1, 0, 5]) == (*STATISTICS, "linear", "ordinal")
    assert models_for([0.5, 1, 5]) == (*STATISTICS, "linear")
    assert models_for([True, False]) == (*STATISTICS, "firth")


def test_analyse():
    table = simulated()
    exposures = ["lesions", "spine", "crp"]
    rows = analyse(
        table,
        Question("pain", exposures, ["age", "sex"], cut=4),
        effort=Effort(resamples=499, permutations=499),
    )
    assert list(rows.columns) == COLUMNS
    assert len(rows) == 3 * (3 + 2 * 5)
    assert rows["p"].notna().all()
    assert set(rows["adjusted_for"]) == {"none", "age, sex"}
    assert (rows["n"] == 53).all()
    assert (rows["excluded"] == 1).all()
    assert set(rows.loc[rows["model"] == "firth", "outcome"]) == {"pain >= 4"}
    for _, family in rows.groupby(["model", "adjusted_for"]):
        np.testing.assert_allclose(family["p_holm"], adjust(family["p"]))
        expected = stats.false_discovery_control(family["p"])
        np.testing.assert_allclose(family["p_benjamini_hochberg"], expected)
    ordinal = rows.query("model == 'ordinal' and exposure == 'lesions' and adjusted_for == 'age, sex'").iloc[
        0
    ]
    direct = regress("ordinal", table["pain"], table["lesions"], [table["age"], table["sex"] == "m"])
    assert (ordinal["estimate"], ordinal["p"]) == (direct.estimate, direct.p)
    other_order = analyse(
        table.iloc[::-1],
        Question("pain", exposures[::-1], ["age", "sex"], cut=4),
        effort=Effort(resamples=499, permutations=499),
    )
    same = [
        frame.set_index(["model", "exposure", "adjusted_for"]).sort_index() for frame in (rows, other_order)
    ]
    numbers = ["estimate", "ci_low", "ci_high", "p", "p_holm"]
    np.testing.assert_allclose(same[0][numbers], same[1][numbers], rtol=1e-6)


# ---- specification curve


def test_one_specification_is_a_permutation_test():
    table = simulated(20, seed=9).assign(noise=np.random.default_rng(0).normal(size=20))
    curve = specification_curve(
        table, [Question("global", ["noise"])], models=["linear"], effort=Effort(permutations=9_999)
    )
    p, _, _ = permutation_test(table["noise"], table["global"], "pearson", 99_999)
    assert curve.p_median == curve.p_mean == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 9_999))
    assert curve.specifications == curve.estimable == 1
    correlation = np.corrcoef(table["noise"], table["global"])[0, 1]
    assert curve.median_z == pytest.approx(math.sqrt(20) * correlation)


def test_simonsohn2020_curve():
    table = simulated()
    left_out = {"nobody": np.zeros(54, bool), "one lesion": table["lesions"] <= 1}
    questions = [
        Question(outcome, ["lesions"], adjusted, cut=cut)
        for outcome, cut in (("global", 4), ("pain", None))
        for adjusted in ([], ["age"], ["age", "sex"])
    ]
    settings = {"effort": Effort(permutations=499)}
    curve = specification_curve(table, questions, left_out=left_out, **settings)
    assert curve.specifications == len(curve.table) == 3 * 2 * (5 + 4)
    assert curve.table["z"].is_monotonic_increasing
    assert curve.median_z == pytest.approx(curve.table["z"].median())
    assert curve.share_significant == pytest.approx((curve.table["z"] > 1.959964).mean())
    # All permutations fall short, and so many are drawn that P is surely below 0.001.
    assert curve.p_median == curve.p_mean == 1 / (curve.permutations + 1)
    assert curve.p_error < curve.p_share < 0.001
    everybody = curve.table.query("left_out == 'nobody' and model == 'linear' and outcome == 'global'")
    assert list(everybody.query("adjusted_for == 'age'")["estimate"]) == [
        pytest.approx(regress("linear", table["global"], table["lesions"], [table["age"]]).estimate)
    ]
    order = np.random.default_rng(3).permutation(54)
    left_out = {name: np.asarray(mask)[order] for name, mask in left_out.items()}
    again = specification_curve(table.iloc[order], questions, left_out=left_out, **settings)
    assert (again.p_median, again.p_share) == (curve.p_median, curve.p_share)
    np.testing.assert_allclose(again.table["z"], curve.table["z"], atol=1e-8)


def test_curve_of_nothing_but_confounding():
    # Age drives both; with adjustment nothing is left, and the permuted exposures keep their relation to age.
    rng = np.random.default_rng(12)
    age = rng.normal(size=80)
    table = pd.DataFrame(
        {"age": age, "lesions": 2 * age + rng.normal(size=80), "pain": 2 * age + rng.normal(size=80)}
    )
    curve = specification_curve(
        table,
        [Question("pain", ["lesions"]), Question("pain", ["lesions"], ["age"])],
        effort=Effort(permutations=999),
    )
    unadjusted = curve.table.set_index("adjusted_for").loc["none"]
    assert unadjusted["p"] < 0.001
    assert curve.p_median > 0.05
    assert curve.excluded == 0


def test_curve_says_what_cannot_be_estimated():
    table = simulated().assign(spine=lambda t: t["spine"].where(t.index != 5).astype(float))
    curve = specification_curve(
        table, [Question("global", ["spine"])], models=["linear", "firth"], effort=Effort(permutations=99)
    )
    assert (curve.specifications, curve.estimable, curve.excluded) == (2, 1, 1)
    assert curve.table["method"].iloc[-1].startswith("not estimable: the outcome is not 0 and 1")


# ---- words


def test_p_values_in_words():
    assert describe.p_text(0.0125) == "P=0.013"  # half up as all numbers, not as the nearest binary fraction
    assert [describe.p_text(p) for p in (0, 0.00099, 0.001, 0.0496, 0.9991, 1)] == [
        "P<0.001", "P<0.001", "P=0.001", "P=0.050", "P>0.999", "P>0.999",
    ]  # fmt: skip
    assert [number_text(v) for v in (0, -0.004, 0.567, 12.3, 1234.5, math.inf)] == [
        "0.00", "-0.004", "0.57", "12.30", "1234", "infinity",
    ]  # fmt: skip


def test_sentences_quote_the_row():
    table = simulated()
    rows = analyse(
        table,
        Question("pain", ["lesions", "spine"], ["age"], cut=4),
        effort=Effort(resamples=199, permutations=199),
    )
    rows = rows.set_index(["model", "exposure", "adjusted_for"], drop=False)
    labels = {"pain": "pain", "lesions": "the lesion count", "spine": "spinal involvement"}
    row = rows.loc[("linear", "lesions", "age")]
    assert sentence(row, labels) == (
        "In 53 patients (1 excluded for missing values), for each SD (6.32) more of the lesion count, the "
        "mean of pain differs "
        f"by {row['estimate']:.2f}, adjusted for age (95 % interval {row['ci_low']:.2f} to "
        f"{row['ci_high']:.2f}; "
        f"{describe.p_text(row['p'])}, by Holm over 2 exposures {describe.p_text(row['p_holm'])}; least squares, HC3 standard error, t with 50 "
        f"df)."
    )
    assert "with spinal involvement against without it, the odds of pain of at least 4 are" in sentence(
        rows.loc[("firth", "spine", "none")], labels
    )
    assert "the lesion count and pain have a Spearman correlation of" in sentence(
        rows.loc[("spearman", "lesions", "none")], labels
    )
    for _, row in rows.iterrows():
        text = sentence(row)
        assert "P=0.000" not in text
        assert "nan" not in text
        assert not any(
            word in text for word in ("cause", "lead", "effect", "due", "increase", "because", "impact")
        )


def test_sentence_of_what_cannot_be_estimated():
    row = analyse(simulated()[:3], Question("global", ["lesions"]), models=["poisson"]).iloc[0]
    assert sentence(row) == (
        "In 3 patients, the relation of lesions to global (poisson) is not estimable: "
        "3 patients for 2 coefficients, expected at least 5."
    )


def test_sentence_of_a_specification():
    table = simulated()
    curve = specification_curve(table, [Question("global", ["lesions"])], models=["poisson"], left_out={"adults": table["age"] > 14}, effort=Effort(permutations=9))  # fmt: skip
    assert ", leaving out adults, for each SD (6.43) more of lesions, the mean of global is" in sentence(
        curve.table.iloc[0]
    )


def test_many_patients_have_the_joint_test_that_permutations_give(monkeypatch):
    rng, n = np.random.default_rng(2), 800
    age = rng.normal(10, 3, n)
    lesions = 1 + rng.poisson(np.exp(1.2 + age / 20))
    score = np.clip(np.round(age / 5 + rng.normal(2, 2, n)), 0, 10)
    table = pd.DataFrame({"lesions": lesions, "score": score, "age": age})
    questions = [Question("score", ["lesions"], adjusted, cut=5) for adjusted in ([], ["age"])]
    how = {"effort": Effort(permutations=8_000)}
    how["left_out"] = {"nobody": [False] * n, "young": list(age < 6)}
    permuted = specification_curve(table, questions, **how)
    monkeypatch.setattr(specifications, "MANY", 500)
    drawn = specification_curve(table, questions, **how)
    pd.testing.assert_frame_equal(drawn.table, permuted.table)
    found = [
        [getattr(curve, f"p_{name}") for name in ("median", "mean", "share")] for curve in (drawn, permuted)
    ]
    assert found[0] == pytest.approx(found[1], abs=0.025)
    assert 0.02 < min(found[1]) < max(found[1]) < 0.98
    assert (drawn.permutations, drawn.median_z) == (8_000, pytest.approx(permuted.median_z))
