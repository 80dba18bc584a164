"""What a regression shows is read from a results object of statsmodels.

R, statsmodels' own fits, hard tables.

Values from R come from R 4.2.2 with MASS 7.3.58.2; the patients are `COHORT` of test_severity.
"""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.base._parameter_inference import score_test
from statsmodels.discrete.discrete_model import NegativeBinomialP
from statsmodels.miscmodels.ordinal_model import OrderedModel
from test_severity import COHORT

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models import estimators, severity
from crmo_analysis.models.designs import standardised
from crmo_analysis.models.likelihood import (
    candidates,
    climb,
    fitted,
    peak,
    score_statistics,
    without_exposure,
)
from crmo_analysis.models.permutation import MANY
from crmo_analysis.models.regression import MODELS, regress

OUTCOMES = {"linear": "severity", "poisson": "crises", "negative_binomial": "crises", "ordinal": "severity",
            "firth": "severity"}  # fmt: skip
KINDS = {"linear": sm.OLS, "poisson": sm.Poisson, "negative_binomial": NegativeBinomialP, "ordinal": OrderedModel,
         "firth": sm.Logit}  # fmt: skip


def fit(model, table=COHORT, **settings):
    others = [table["age"], table["male"]]
    return regress(model, table[OUTCOMES[model]], table["lesions"], others, per="unit", cut=3, **settings)


# ---- results objects


@pytest.mark.parametrize("model", MODELS)
def test_every_regression_is_a_results_object_that_names_its_variables(model):
    results = fit(model).results
    assert isinstance(results.model, KINDS[model])
    assert list(results.params.index)[: 3 + (model != "ordinal")][-3:] == ["age", "male", "lesions"]
    text = results.summary().as_text()
    assert all(name in text for name in ("lesions", OUTCOMES[model], "No. Observations:", "24"))
    assert model in ("linear", "ordinal") or "converged:                       True" in text


@pytest.mark.parametrize("model", MODELS)
def test_what_is_shown_comes_from_the_results_object(model, monkeypatch):
    found = fit(model)
    before = found.estimate, found.ci_low, severity.sentence(severity_row(found, monkeypatch))
    found.results._results.params = found.results._results.params + 1
    expected = before[0] + 1 if model == "linear" else before[0] * math.e
    assert found.estimate == pytest.approx(expected)
    assert severity.number_text(expected) in severity.sentence(severity_row(found, monkeypatch)) != before[2]
    if model == "linear":
        assert found.ci_low == pytest.approx(before[1] + 1)


def severity_row(found, monkeypatch):
    monkeypatch.setattr(severity, "regress", lambda *_, **__: found)
    return severity.analyse(COHORT, severity.Question("severity", ["lesions"], cut=3), [found.model]).iloc[0]


@pytest.mark.parametrize(("model", "coefficients", "errors", "height"), [
    # f <- lm(sev ~ les + age + male); X <- model.matrix(f); V <- solve(crossprod(X)); u <- resid(f) / (1 -
    # hatvalues(f)) sqrt(diag(V %*% crossprod(X * u) %*% V))
    ("linear", None, [1.8163333347817, 0.1914397757456, 0.8799200973154, 0.0787730703057], None),
    # f <- glm(cri ~ les + age + male, poisson, epsilon = 1e-15); summary(f)$coefficients; logLik(f)
    ("poisson", [2.65116445297793, -0.24054070298011, 0.21175007940481, 0.03422258133358],
     [0.62216113631082, 0.06908969018316, 0.30126032505824, 0.02541537209850], -48.1939994359),
    # f <- glm.nb(cri ~ les + age + male, control = glm.control(epsilon = 1e-12, maxit = 100)); coef(f); 1 /
    # f$theta
    ("negative_binomial", [2.779708097094, -0.264842511328, 0.370935561374, 0.041204438709, 0.634733469614], None,
     -43.3137665745),
    # f <- polr(factor(sev) ~ les + age + male, Hess = TRUE, control = list(reltol = 1e-14));
    # summary(f)$coefficients
    ("ordinal", [0.146117622219, -0.974563205862, 0.391035672622, 1.350174853652, 2.411660698455, 3.158411567390,
                 4.696683336908, 5.294957884007, 7.638925295695],
     [0.188908966242, 0.891503911763, 0.126178765664, 1.882978172714, 1.911467130021, 1.951148811624, 2.101460383579,
      2.205192629360, 2.635989209934], -34.6728789754),
    # y <- sev >= 3; X <- cbind(1, les, age, male); b <- rep(0, 4)
    # for (i in 1:200) {p <- as.vector(plogis(X %*% b)); W <- p * (1 - p); V <- solve(t(X) %*% (X * W))
    #   h <- W * rowSums((X %*% V) * X); b <- b + V %*% t(X) %*% (y - p + h * (0.5 - p))}; b; sqrt(diag(V))
    ("firth", [-2.1076080655813, 0.1373508741112, -0.8588283764287, 0.1583696150916],
     [2.21485753134501, 0.21448087872665, 1.02084200220353, 0.09872456829434], None),
])  # fmt: skip
def test_coefficients_errors_and_heights_against_r(model, coefficients, errors, height):
    results = fit(model).results
    if coefficients:
        np.testing.assert_allclose(results.params, coefficients, atol=3e-7)
    if errors:
        np.testing.assert_allclose(results.bse, errors, rtol=1e-5)  # polr's by differences
    assert height is None or results.llf == pytest.approx(height, abs=1e-8)


def test_proportional_odds_are_statsmodels_own():
    exog = COHORT[["age", "male", "lesions"]].astype(float)
    theirs = OrderedModel(COHORT["severity"], exog, distr="logit").fit(method="bfgs", disp=0, maxiter=1_000)
    ours = fit("ordinal").results
    np.testing.assert_allclose(ours.params[:3], theirs.params[:3], atol=1e-5)
    np.testing.assert_allclose(ours.cov_params().iloc[:3, :3], theirs.cov_params().iloc[:3, :3], rtol=1e-3)
    np.testing.assert_allclose(ours.predict(), theirs.predict(), atol=1e-5)


@pytest.mark.parametrize("model", [*estimators.OfRows.__subclasses__(), estimators.Slanted])
def test_derivatives_are_those_of_the_likelihood(model):
    ordered = issubclass(model, OrderedModel)
    y = {estimators.FirthLogit: COHORT["male"]}.get(
        model, COHORT["severity"].clip(upper=4) if ordered else COHORT["crises"]
    )
    design = standardised(COHORT[["age", "lesions"]].to_numpy(float))
    made = model(y.to_numpy(), design[:, 1:] if ordered else design)
    more = {estimators.NegativeBinomial: [0.7], estimators.Slanted: [0.1]}.get(model, [])
    at = np.r_[made.start_params, more] + 0.1
    near = [(at + h, at - h) for h in 1e-5 * np.eye(len(at))]
    np.testing.assert_allclose(
        made.score(at), [(made.loglike(a) - made.loglike(b)) / 2e-5 for a, b in near], rtol=1e-6
    )
    slopes = [(made.score(a) - made.score(b)) / 2e-5 for a, b in near]
    np.testing.assert_allclose(made.hessian(at), slopes, rtol=1e-6, atol=1e-6)


# ---- score statistics


@pytest.mark.parametrize("model", ["poisson", "firth", "ordinal", "negative_binomial", "linear"])
def test_score_statistic_is_that_of_statsmodels(model):
    y = COHORT[{"ordinal": "severity", "firth": "male"}.get(model, "crises")].to_numpy(float)
    design = standardised(COHORT[["age", "lesions"]].to_numpy(float))
    null, exposure = design[:, :-1], design[:, -1:]
    ours = score_statistics(without_exposure(model, y, null), exposure.T)[0] ** 2
    if model == "linear":
        theirs = sm.OLS(y, design).fit().compare_lm_test(sm.OLS(y, null).fit())[0]
    elif model == "poisson":
        theirs = sm.Poisson(y, null).fit(disp=0).score_test(exog_extra=exposure)[0]
    elif model == "firth":
        params = peak(candidates("firth", y, null)).params
        # At the penalised estimate the other gradients are not 0, which statsmodels' statistic takes for
        # zeros.
        at = sm.GLM(y, null, family=sm.families.Binomial()).fit()
        z = score_of(at.model, params, exposure[:, 0])
        theirs = z**2
    elif model == "negative_binomial":
        top = peak(candidates(model, y, null))
        family = sm.families.NegativeBinomial(alpha=top.params[-1])
        theirs = (
            sm.GLM(y, null, family=family).fit(tol=1e-14).score_test(exog_extra=exposure, observed=False)[0]
        )
    else:
        full = candidates(model, y, design)[0]
        held = climb(full, full.start_params, 0.0).params
        theirs = score_test(fitted(peak([full])), params_constrained=held, k_constraints=1)[0]
    assert ours == pytest.approx(float(np.squeeze(theirs)), rel=1e-6)


def score_of(model, params, x):
    weight = model.hessian_factor(params, observed=False)
    crossing = (x * weight) @ model.exog
    spread = x**2 @ weight - crossing @ np.linalg.solve((model.exog.T * weight) @ model.exog, crossing)
    return x @ model.score_factor(params) / math.sqrt(spread)


# ---- two peaks, no end, many patients


def test_negative_binomial_takes_the_higher_of_two_peaks():
    y = [1, 0, 9, 5, 0, 4, 0, 0, 0, 2, 0, 0, 314, 10, 9]
    x = [0.626694, -1.076103, 0.541143, 0.563683, -0.881499, 0.840689, -0.278574, -0.34061, -1.518469, 0.003304, -0.660337,
         -1.562419, 1.68783, 0.889365, 0.758162]  # fmt: skip
    # p <- glm(y ~ x, poisson); logLik(p) -26.5432439191; sum((y - fitted(p))^2 - y) -239.05: no dispersion
    # near 0 f <- glm.nb(y ~ x, init.theta = 2): coef(f), 1 / f$theta, logLik(f)
    found = regress("negative_binomial", y, x, per="unit")
    np.testing.assert_allclose(
        found.results.params, [-0.558407434715, 3.593556256655, 0.233367659946], rtol=1e-6
    )
    assert found.results.llf == pytest.approx(-25.9595499002)


def test_negative_binomial_without_dispersion_is_the_poisson_results():
    found = regress("negative_binomial", [2, 3, 2, 3, 2, 3, 3, 2, 4, 3, 4, 3], range(12))
    assert isinstance(found.results.model, sm.Poisson)
    assert "at its boundary of 0, where it is the Poisson model" in found.method


def test_an_end_that_is_not_determined_is_said_and_not_invented():
    y, x, other = [1, 0, 0, 1, 0, 0, 1, 0], [0, 1, 1, 0, 1, 1, 0, 1], [3, 2, 0, 3, 1, 1, 0, 0]
    found = regress("firth", y, x, [other])
    assert math.isnan(found.ci_low)
    assert found.ci_high > found.estimate
    assert found.method.endswith("; the lower end of the interval is not determined")
    row = severity.analyse(
        pd.DataFrame({"y": y, "x": x, "z": other}), severity.Question("y", ["x"], ["z"]), ["firth"]
    ).iloc[1]
    assert f"interval not determined to {found.ci_high:.2f}; " in severity.sentence(row)


@pytest.mark.parametrize("model", MODELS[1:])
def test_many_patients_have_the_wald_interval_of_all_of_them(model):
    many = pd.concat([COHORT] * 100, ignore_index=True)
    found = fit(model, many)
    y = (many["severity"] >= 3).astype(int) if model == "firth" else many[OUTCOMES[model]]
    exog = many[["age", "male", "lesions"]].astype(float)
    kind = estimators.ProportionalOdds if model == "ordinal" else KINDS[model]
    own = kind(y, exog if model == "ordinal" else sm.add_constant(exog))
    theirs = own.fit(start_params=found.results.params.to_numpy(), method="newton", disp=0)
    tolerance = 1e-3 if model == "firth" else 1e-6  # of many patients the penalty is small
    assert (found.ci_low, found.ci_high) == pytest.approx(
        np.exp(theirs.conf_int().loc["lesions"]), rel=tolerance
    )
    assert found.p == pytest.approx(theirs.pvalues["lesions"], rel=100 * tolerance)
    assert (found.n, found.results.nobs) == (2_400, 2_400)
    assert found.results.df_resid == theirs.df_resid
    assert f"Wald interval and P, as there are more than {MANY:,} patients" in found.method
    text = found.results.summary().as_text()
    assert "2400" in text
    if model in ("poisson", "negative_binomial"):
        assert found.results.llnull == pytest.approx(theirs.llnull, rel=1e-6)


# ---- hard tables


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(40))
def test_any_small_table_is_fitted_or_says_why_not(model, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 61))
    exposures = [
        rng.normal(size=n),
        rng.random(n) < 0.15,
        rng.integers(0, 3, n),
        np.ones(n),
        2_000 + rng.integers(0, 9, n),
    ]
    x = exposures[seed % 5].astype(float)
    others = [rng.normal(10, 3, n)] * (seed % 2) + [(rng.random(n) < 0.1).astype(float)] * (seed % 3 == 0)
    eta = rng.choice([0, 1, 4]) * (x - x.mean())
    y = [
        rng.poisson(np.exp(np.clip(eta, -5, 5))),
        rng.integers(0, 3, n),
        (eta > 0).astype(int),
        np.zeros(n, int),
    ][seed % 4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = regress(model, y, x, others, cut=1)
        except NotEstimableError:
            return
        assert not found.ci_low > found.estimate
        assert not found.ci_high < found.estimate
        assert 0 <= found.p <= 1
        assert math.isfinite(found.estimate)
        found.results.summary()
