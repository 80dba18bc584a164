"""Pooling against R's metafor, closed forms, and what must not matter.

Values of R come from R 4.2, metafor 3.8-1 and lme4; `xi` and `ni` are a set's events and totals::

    e <- escalc(measure="PLO", xi=xi, ni=ni)
"""

import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import beta, norm

from crmo_analysis.files import NotEstimableError
from crmo_analysis.models.pooling import (
    INVERSE_VARIANCE,
    METHODS,
    PRIORS,
    Pooled,
    disagreement,
    leave_one_out,
    pool_correlations,
    pool_proportions,
    pooled_range,
    prior_sensitivity,
)
from crmo_analysis.models.random_effects import marginal
from crmo_analysis.study import describe

POOLING = METHODS[:-1]
SETS = {
    # metafor's dat.pritz1997: Zhou XH, Brizendine EJ, Pritz MB. Stat Med 1999;18:557-566; therapy of
    # vasospasm.
    "pritz1997": (
        [16, 10, 4, 43, 10, 25, 13, 12, 22, 4, 5, 18, 58, 6],
        [17, 12, 8, 58, 10, 42, 14, 12, 41, 5, 6, 23, 68, 10],
    ),
    # metafor's dat.bcg, tpos and tpos + tneg: Colditz GA et al. JAMA 1994;271:698-702; tuberculosis in the
    # vaccinated.
    "colditz1994": (
        [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27],
        [123, 306, 231, 13598, 5069, 1541, 2545, 88391, 7499, 1716, 50634, 2498, 16913],
    ),
    # metafor's dat.nielweise2007, ai and n1i: Niel-Weise BS, Stijnen T, van den Broek PJ. Intensive Care Med
    # 2007;33:2058-2068; infections with treated catheters, the example of Stijnen T et al. Stat Med
    # 2010;29:3046-3067.
    "stijnen2010": (
        [0, 1, 2, 0, 5, 1, 1, 1, 1, 1, 0, 0, 3, 6, 0, 0, 1, 4],
        [116, 44, 208, 130, 151, 98, 174, 74, 97, 113, 66, 70, 188, 187, 118, 252, 345, 64],
    ),
    "three with 0/n": ([0, 3, 5], [7, 10, 15]),
    "three with n/n": ([1, 9, 13], [5, 10, 13]),
    "two": ([2, 9], [9, 12]),
}

# R: g <- rma.glmm(measure="PLO", xi=xi, ni=ni, nAGQ=25); p <- predict(g, pi.type="riley")
# R: c(g$beta, g$se, g$tau2, g$QE.LRT, g$I2 / 100, p$pi.lb, p$pi.ub)
GLMM = {
    "pritz1997": (1.37658752, 0.288377373, 0.589299894, 42.232398, 0.677885879, -0.410120574, 3.16329562),
    "colditz1994": (-4.93513263, 0.331275112, 1.32411922, 916.759071, 0.98778215, -7.57068018, -2.29958507),
    "stijnen2010": (-4.81185452, 0.355200597, 0.825332368, 37.9896615, 0.558768569, -6.87971303, -2.74399602),
    "three with 0/n": (-1.09861229, 0.408248288, 0, 4.67673817, 0, -6.28589862, 4.08867405),
}

# R, the exact likelihood without lme4: R: one <- function(x, n, m, s) sum(sapply(-12:11, function(i)
# integrate(function(z) dbinom(x, n, plogis(m + s * z)) R:   * dnorm(z), i, i + 1, rel.tol=1e-11,
# subdivisions=500)$value)) R: f <- function(p) -sum(mapply(function(x, n) log(one(x, n, p[1], p[2])), xi,
# ni)) R: g <- optim(c(qlogis(sum(xi) / sum(ni)), 1), f, control=list(reltol=1e-15, maxit=5000)) R: g <-
# optim(g$par, f, method="BFGS", control=list(reltol=1e-15, ndeps=c(1e-5, 1e-5))) R: c(g$par[1],
# sqrt(solve(optimHess(g$par, f, control=list(ndeps=c(1e-4, 1e-4))))[1, 1]), g$par[2]^2)
INTEGRATED = {
    "pritz1997": (1.37659438, 0.288379857, 0.589309533),
    "stijnen2010": (-4.81184997, 0.355198773, 0.825323466),
    "three with n/n": (1.96642077, 1.82439237, 7.0591566),
}

# R: d$s <- factor(1:nrow(d)); g <- glmer(cbind(xi, ni - xi) ~ 1 + (1 | s), d, binomial, nAGQ=25)
# R: confint(g, parm="theta_", method="profile")^2
PROFILE = {
    "pritz1997": (0.117206125, 2.38427488),
    "colditz1994": (0.639257326, 3.29509492),
    "stijnen2010": (0.117755904, 3.21462418),
    "three with 0/n": (0, 10.9197217),
    "two": (0, 28.6392931),
}

# R: r <- rma(yi, vi, data=e, method=m, control=list(threshold=1e-10, maxiter=1000)) # tol=1e-10 for "PM"
# R: i <- confint(r, control=list(tol=1e-10, tau2.max=1e4))$random
# R: c(r$beta, r$se, r$tau2, i[1, 2:3], r$I2 / 100, i[3, 2:3] / 100, r$QE, r$QEp)
PRITZ = (0.0413631259, 2.05099231), (0.128703351, 0.879871815), (29.7854165, 0.00505664118)
COLDITZ = (0.701436194, 4.00740021), (0.977183519, 0.995929698), (1552.66552, 0)
STIJNEN = (0, 1.13096604), (0, 0.634415608), (23.6710416, 0.128652202)
NONE = (0, 48.1363851), (0, 0.987319732), (1.68044513, 0.43161445)
EVERY = (0.182732536, 235.29898), (0.114205186, 0.994012644), (8.35208932, 0.0153591382)
TWO = (0.00661700639, 2814.41382), (0.0120250656, 0.999806871), (5.08503406, 0.0241332028)
METAFOR = {
    ("pritz1997", "reml"): (1.13890912, 0.241477898, 0.364587779, 0.56559603, PRITZ),
    ("pritz1997", "paule_mandel"): (1.14535584, 0.245502258, 0.385868649, 0.579478967, PRITZ),
    ("pritz1997", "dersimonian_laird"): (1.13796935, 0.240896087, 0.361558277, 0.563544797, PRITZ),
    ("pritz1997", "ml"): (1.11778094, 0.228670989, 0.300651615, 0.517765023, PRITZ),
    ("colditz1994", "reml"): (-4.8894717, 0.344134076, 1.44768004, 0.988813289, COLDITZ),
    ("colditz1994", "paule_mandel"): (-4.88963443, 0.34155054, 1.42474759, 0.988635277, COLDITZ),
    ("colditz1994", "dersimonian_laird"): (-4.88610453, 0.411057549, 2.10275082, 0.992271355, COLDITZ),
    ("colditz1994", "ml"): (-4.8903326, 0.330962953, 1.33260269, 0.987858986, COLDITZ),
    ("stijnen2010", "reml"): (-4.26043618, 0.258887057, 0.392767077, 0.376036991, STIJNEN),
    ("stijnen2010", "paule_mandel"): (-4.15534015, 0.226143374, 0.183681915, 0.219871599, STIJNEN),
    ("stijnen2010", "dersimonian_laird"): (-4.19837381, 0.23846521, 0.255745547, 0.281822902, STIJNEN),
    ("stijnen2010", "ml"): (-4.23766459, 0.250960826, 0.33699733, 0.340841757, STIJNEN),
    ("three with 0/n", "reml"): (-0.908020836, 0.411620818, 0, 0, NONE),
    ("three with 0/n", "dersimonian_laird"): (-0.908020836, 0.411620818, 0, 0, NONE),
    ("three with n/n", "reml"): (1.29279423, 1.40934405, 4.50920339, 0.760853343, EVERY),
    ("three with n/n", "paule_mandel"): (1.29283855, 1.4097918, 4.51297285, 0.761005351, EVERY),
    ("three with n/n", "dersimonian_laird"): (1.29270259, 1.40841935, 4.50142261, 0.760538959, EVERY),
    ("three with n/n", "ml"): (1.25876231, 1.14630936, 2.50610792, 0.638757185, EVERY),
    ("two", "reml"): (-0.0348845629, 1.17493035, 2.22083201, 0.803344483, TWO),
    ("two", "ml"): (0.00774774216, 0.827009353, 0.831395651, 0.604630959, TWO),
}

# R: r <- rma(yi, vi, data=e, method=m, test=t); p <- predict(r, pi.type="riley")
# R: c(r$ci.lb, r$ci.ub, p$pi.lb, p$pi.ub)   # t: "z", "t", or "adhoc" for "hartung_knapp"
INTERVALS = {
    ("pritz1997", "reml", "z"): (0.665621132, 1.6121971, -0.277988386, 2.55580662),
    ("pritz1997", "reml", "t"): (0.617227833, 1.6605904, -0.277988386, 2.55580662),
    ("pritz1997", "reml", "hartung_knapp"): (0.610825426, 1.66699281, -0.280398748, 2.55821698),
    ("pritz1997", "dersimonian_laird", "hartung_knapp"): (0.610222401, 1.66571631, -0.276135114, 2.55207382),
    ("three with 0/n", "reml", "hartung_knapp"): (-2.67908227, 0.863040601, -6.13815922, 4.32211755),
    ("three with n/n", "ml", "z"): (-0.987962747, 3.50548738, -23.575719, 26.0932437),
    ("three with n/n", "reml", "hartung_knapp"): (-4.77303583, 7.3586243, -31.0935915, 33.6791799),
}

# R: f <- function(p) {a <- plogis(p[1]) / p[2]^2; b <- plogis(-p[1]) / p[2]^2
# R:   -sum(lbeta(a + xi, b + ni - xi) - lbeta(a, b))}
# R: g <- optim(c(qlogis(sum(xi) / sum(ni)), 0.5), f, control=list(reltol=1e-15, maxit=5000))
# R: a <- c(plogis(g$par[1]), plogis(-g$par[1])) / g$par[2]^2
# R: h <- optimHess(g$par, f, control=list(ndeps=c(1e-4, 1e-4)))
# R: c(g$par[1], sqrt(solve(h)[1, 1]), sum(trigamma(a)))
BETA_BINOMIAL = {
    "pritz1997": (1.23532813, 0.247129076, 0.698948412),
    "stijnen2010": (-4.43011764, 0.296692703, 1.23338386),
    "three with n/n": (0.97981234, 0.911445953, 12.5089159),
}

# R: lik <- function(m, r) sapply(r, function(r) {s <- (1 - r) / r; dbeta(r, 1, b) * exp(sum(lchoose(ni, xi) +
# R:   lbeta(m * s + xi, (1 - m) * s + ni - xi) - lbeta(m * s, (1 - m) * s)))}) R: mar <-
# Vectorize(function(m) integrate(function(r) lik(m, r), 1e-9, 1 - 1e-9, rel.tol=1e-9)$value) R: cdf <-
# function(u) integrate(mar, 0, u, rel.tol=1e-8)$value / integrate(mar, 0, 1, rel.tol=1e-8)$value R:
# sapply(c(0.5, 0.025, 0.975), function(p) uniroot(function(u) cdf(u) - p, c(1e-6, 1 - 1e-6), tol=1e-8)$root)
GRID = {
    ("pritz1997", 1): (0.763506643, 0.649838235, 0.847591521),
    ("pritz1997", 9): (0.768249458, 0.670933911, 0.846973521),
    ("three with 0/n", 1): (0.280615081, 0.086654647, 0.612075115),
    ("three with 0/n", 9): (0.257374526, 0.0950212453, 0.48487208),
    ("three with n/n", 1): (0.683234125, 0.311093149, 0.918444661),
    ("three with n/n", 9): (0.761604635, 0.454383116, 0.934151531),
}


def scale(result):
    return result.centre, result.centre_se, result.tau2


@pytest.mark.parametrize("name", GLMM)
def test_glmm_against_metafor(name):
    found = pool_proportions(*SETS[name], "glmm", interval="z")
    ends = [logit(found.pi_low), logit(found.pi_high)]
    # lme4 stops where its deviance changes no more; that leaves it some 1e-5 from the maximum.
    assert [*scale(found), found.q, found.i2, *ends] == pytest.approx(GLMM[name], abs=5e-5)


@pytest.mark.parametrize("name", INTEGRATED)
def test_glmm_against_an_integrated_likelihood(name):
    assert scale(pool_proportions(*SETS[name], "glmm")) == pytest.approx(INTEGRATED[name], abs=5e-6)


def test_glmm_interval_by_t_against_metafor():
    # R: g <- rma.glmm(measure="PLO", xi=xi, ni=ni, nAGQ=25, test="t"); c(g$ci.lb, g$ci.ub)
    found = pool_proportions(*SETS["pritz1997"], "glmm", interval="t")
    assert (found.centre_low, found.centre_high) == pytest.approx((0.753586083, 1.99958896), abs=5e-5)
    assert (found.ci_low, found.ci_high) == pytest.approx(expit([0.753586083, 1.99958896]), abs=5e-5)


@pytest.mark.parametrize("name", PROFILE)
def test_glmm_profile_interval_of_the_variance_against_lme4(name):
    found = pool_proportions(*SETS[name], "glmm")
    # lme4 interpolates its profile.
    assert (found.tau2_low, found.tau2_high) == pytest.approx(PROFILE[name], rel=5e-4, abs=1e-6)


@pytest.mark.parametrize(("name", "method"), METAFOR)
def test_inverse_variance_against_metafor(name, method):
    found = pool_proportions(*SETS[name], method, interval="z")
    *expected, i2, (ends, i2_ends, q) = METAFOR[name, method]
    assert scale(found) == pytest.approx(expected, abs=1e-6)
    assert (found.tau2_low, found.tau2_high) == pytest.approx(ends, rel=1e-6)
    assert (found.i2, found.i2_low, found.i2_high) == pytest.approx((i2, *i2_ends), abs=1e-6)
    assert (found.q, found.q_p) == pytest.approx(q, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("name", "method", "interval"), INTERVALS)
def test_intervals_against_metafor(name, method, interval):
    found = pool_proportions(*SETS[name], method, interval=interval)
    expected = INTERVALS[name, method, interval]
    assert (found.centre_low, found.centre_high) == pytest.approx(expected[:2], abs=1e-6)
    assert (found.pi_low, found.pi_high) == pytest.approx(expit(expected[2:]), abs=1e-6)
    assert "k - 2" in found.prediction_rule


def test_weights_against_metafor():
    # R: weights(rma(yi, vi, data=e)) / 100
    expected = [0.344882878, 0.353405604, 0.301711518]
    assert pool_proportions(*SETS["three with n/n"], "reml").weights == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", BETA_BINOMIAL)
def test_beta_binomial_against_r(name):
    found = pool_proportions(*SETS[name], "beta_binomial")
    assert scale(found) == pytest.approx(BETA_BINOMIAL[name], abs=5e-6)
    assert math.isnan(found.pi_low)


@pytest.mark.parametrize(("name", "last"), GRID)
def test_grid_posterior_against_r(name, last):
    found = pool_proportions(*SETS[name], "beta_binomial_grid", prior=(1, 1, 1, last))
    assert (found.estimate, found.ci_low, found.ci_high) == pytest.approx(GRID[name, last], abs=5e-5)


def test_molloy2014_correlations_against_metafor():
    # metafor's dat.molloy2014: Molloy GJ, O'Carroll RE, Ferguson E. Ann Behav Med 2014;47:92-101;
    # conscientiousness and taking one's medicines.
    r = [0.187, 0.162, 0.34, 0.32, 0.27, 0, 0.175, 0.05, 0.26, 0.01, -0.09, 0.37, 0, 0.15, 0.24, 0.04]
    n = [109, 749, 55, 107, 72, 65, 174, 326, 58, 771, 56, 91, 116, 537, 158, 65]
    # R: d <- escalc(measure="ZCOR", ri=ri, ni=ni, data=dat.molloy2014) R: r <- rma(yi, vi, data=d,
    # test="adhoc", control=list(threshold=1e-10)); p <- predict(r, pi.type="riley") R: c(r$beta, r$se,
    # r$ci.lb, r$ci.ub, r$tau2, tanh(c(r$beta, r$ci.lb, r$ci.ub, p$pi.lb, p$pi.ub)), r$QE)
    expected = [
        0.149917149,
        0.0327697722,
        0.0800700324,
        0.219764265,
        0.00810956083,
        0.148804018,
        0.0798993548,
    ]
    expected += [0.216293366, -0.0555608161, 0.341202106, 38.1595154]
    found = pool_correlations(r, n, method="reml", interval="hartung_knapp")
    values = [
        found.centre,
        found.centre_se,
        found.centre_low,
        found.centre_high,
        found.tau2,
        found.estimate,
        found.ci_low,
        found.ci_high,
    ]
    assert [*values, found.pi_low, found.pi_high, found.q] == pytest.approx(expected, abs=1e-6)
    # R: r <- rma(yi, 1.06 * vi, data=d, method="DL"); c(r$beta, r$se, r$tau2)
    found = pool_correlations(r, n, method="dersimonian_laird", interval="z", statistic="spearman")
    assert (found.centre, found.centre_se, found.tau2) == pytest.approx(
        (0.14886487, 0.0311991309, 0.00746088448), abs=1e-6
    )


def test_leave_one_out_against_metafor():
    # R: r <- leave1out(rma(measure="PLO", xi=c(2, 5, 7), ni=c(10, 9, 12), method="PM",
    # control=list(tol=1e-10))) R: c(r$estimate, r$ci.lb, r$tau2)
    events = pd.Series([2, 5, 7], index=["first", "second", "third"])
    found = leave_one_out(events, [10, 9, 12], method="paule_mandel", interval="z")
    assert found["left_out"].tolist() == ["first", "second", "third"]
    assert logit(found["estimate"]).tolist() == pytest.approx(
        [0.287465238, -0.443024503, -0.527208598], abs=1e-6
    )
    assert logit(found["ci_low"]).tolist() == pytest.approx(
        [-0.577131271, -2.123658796, -2.100825159], abs=1e-6
    )
    assert found["tau2"].tolist() == pytest.approx([0, 1.000033804, 0.757645197], abs=1e-6)
    together = pool_proportions(events, [10, 9, 12], "paule_mandel").estimate
    assert (found["estimate"] - found["change"]).tolist() == pytest.approx([together] * 3)


def test_leaving_one_out_says_where_nothing_is_left_to_estimate():
    found = leave_one_out([0, 7, 3], [5, 7, 6])
    assert found["note"].str.contains("rises without end").tolist() == [False, False, True]
    assert found["estimate"].isna().tolist() == [False, False, True]


# Closed forms


@pytest.mark.parametrize("method", ["glmm", *INVERSE_VARIANCE])
def test_equal_series_give_their_share_with_the_error_of_all_patients(method):
    found = pool_proportions([3] * 4, [8] * 4, method, interval="z")
    assert scale(found) == pytest.approx((logit(3 / 8), (32 * 3 / 8 * 5 / 8) ** -0.5, 0), abs=1e-9)
    assert found.weights == pytest.approx([0.25] * 4)
    assert any("few series cannot rule out" in note for note in found.notes)


@pytest.mark.parametrize("method", ["glmm", "beta_binomial"])
def test_without_spread_the_counts_add_up(method):
    events, totals = SETS["three with 0/n"]
    found = pool_proportions(events, totals, method, interval="z")
    assert found.tau2 == 0
    assert found.estimate == pytest.approx(sum(events) / sum(totals))
    assert found.weights == pytest.approx(np.divide(totals, sum(totals)))


def test_two_equal_sized_series_by_dersimonian_and_laird():
    # With equal variances v, Q is (y1 - y2)² / 2v, and tau² is half the squared difference, less v.
    found = pool_proportions([2, 6], [8, 8], "dersimonian_laird", interval="z")
    assert found.tau2 == pytest.approx((2 * math.log(3)) ** 2 / 2 - (1 / 2 + 1 / 6))
    assert found.estimate == pytest.approx(0.5)


def test_the_grid_of_single_patients_is_a_beta_distribution():
    # A beta-binomial count of one patient does not depend on the spread.
    found = pool_proportions([1, 1, 0, 1, 0], [1] * 5, "beta_binomial_grid")
    expected = beta(4, 3).ppf([0.5, 0.025, 0.975])
    assert (found.estimate, found.ci_low, found.ci_high) == pytest.approx(expected, abs=1e-5)
    assert found.prediction_rule == "posterior predictive"


def test_a_single_series_is_exact():
    found = pool_proportions([4], [5], "exact")
    assert (found.estimate, found.ci_low, found.ci_high) == (
        0.8,
        0.283582,
        0.994949,
    )  # R: binom.test(4, 5)$conf.int
    assert (found.ci_low, found.ci_high) == (
        describe.proportion(4, 5).exact_low,
        describe.proportion(4, 5).exact_high,
    )
    assert math.isnan(found.tau2)
    assert found.weights == (1.0,)
    assert pool_proportions([5], [5], "exact").centre_high == math.inf


def test_marginal_likelihood_and_its_gradient_by_differences():
    x, n, step = np.array([0.0, 9, 13]), np.array([5.0, 10, 13]), 1e-5
    value, slope = marginal(1.2, 1.7, x, n)
    z = np.linspace(-12, 12, 200_001)[:, None]
    line = 1.2 + 1.7 * z
    each = np.trapezoid(np.exp(x * line - n * np.logaddexp(0, line)) * norm.pdf(z), z[:, 0], axis=0)
    assert value == pytest.approx(np.log(each).sum(), abs=1e-8)
    for place, change in enumerate(np.eye(2) * step):
        up, down = (
            marginal(1.2 + change[0], 1.7 + change[1], x, n),
            marginal(1.2 - change[0], 1.7 - change[1], x, n),
        )
        assert slope[place] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-6)


# What must not matter, and what must

COUNTS = st.lists(
    st.integers(2, 15).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=3, max_size=5
)


def estimable(counts, method):
    inside = any(0 < x < n for x, n in counts)
    return inside or method in (*INVERSE_VARIANCE, "beta_binomial_grid")


@settings(max_examples=30, deadline=None)
@given(counts=COUNTS, method=st.sampled_from(POOLING), order=st.randoms())
def test_the_order_of_series_and_what_is_counted_do_not_matter(counts, method, order):
    if not estimable(counts, method):
        return
    events, totals = zip(*counts, strict=True)
    found = pool_proportions(events, totals, method)
    places = order.sample(range(len(counts)), len(counts))
    again = pool_proportions([events[i] for i in places], [totals[i] for i in places], method)
    for field in fields(Pooled):
        first, second = getattr(found, field.name), getattr(again, field.name)
        if field.name == "weights":
            assert [first[i] for i in places] == list(second)
        else:
            assert first == second or (math.isnan(first) and math.isnan(second))
    others = pool_proportions([n - x for x, n in counts], totals, method)
    assert others.estimate == pytest.approx(1 - found.estimate, abs=2e-4)


@settings(max_examples=30, deadline=None)
@given(counts=COUNTS, method=st.sampled_from(POOLING))
def test_numbers_are_where_they_can_be(counts, method):
    if not estimable(counts, method):
        return
    events, totals = zip(*counts, strict=True)
    found = pool_proportions(events, totals, method)
    assert 0 <= found.ci_low <= found.estimate <= found.ci_high <= 1
    assert 0 <= found.pi_low <= found.ci_low or math.isnan(found.pi_low) or method == "beta_binomial_grid"
    assert sum(found.weights) == pytest.approx(1)
    assert found.tau2 >= 0
    if method in INVERSE_VARIANCE:
        plain, adjusted = (
            pool_proportions(events, totals, method, interval=each) for each in ("z", "hartung_knapp")
        )
        assert adjusted.ci_high - adjusted.ci_low >= plain.ci_high - plain.ci_low - 1e-12
        assert adjusted.estimate == plain.estimate


@pytest.mark.parametrize("method", POOLING)
def test_twice_the_same_series_narrow_the_interval(method):
    events, totals = SETS["pritz1997"]
    once, twice = pool_proportions(events, totals, method), pool_proportions(events * 2, totals * 2, method)
    assert twice.ci_high - twice.ci_low < once.ci_high - once.ci_low
    assert twice.estimate == pytest.approx(once.estimate, abs=0.01)
    if method in (
        "glmm",
        "ml",
        "beta_binomial",
    ):  # maximum likelihood counts every series twice, and that is all
        assert twice.estimate == pytest.approx(once.estimate, abs=1e-6)
        assert twice.centre_se == pytest.approx(once.centre_se / math.sqrt(2), abs=1e-5)
        assert twice.tau2 == pytest.approx(once.tau2, abs=1e-5)


@pytest.mark.parametrize("method", POOLING)
def test_a_known_truth_is_found_in_many_large_series(method):
    rng = np.random.default_rng(3)
    totals = np.full(150, 60)
    events = rng.binomial(totals, expit(rng.normal(1.0, 0.5, 150)))
    found = pool_proportions(events, totals, method, interval="z")
    assert math.sqrt(found.tau2) == pytest.approx(
        0.5, abs=0.1
    )  # a beta distribution of shares is much the same
    assert found.ci_low < expit(1.0) < found.ci_high
    assert found.ci_high - found.ci_low < 0.05


def test_few_series_say_what_they_cannot():
    found = pool_proportions([2, 9], [9, 12])
    assert math.isnan(found.pi_low)
    assert "three series" in found.prediction_rule
    assert any("three series" in note for note in found.notes)


def test_the_floor_and_the_correction_are_noted():
    found = pool_proportions(*SETS["three with 0/n"], "reml", interval="hartung_knapp")
    notes = " / ".join(found.notes)
    assert (
        "Hartung-Knapp factor of 0.840 is taken as 1" in notes
    )  # Q / 2, there being no variance between series
    assert "0.5 was added to both cells of 1 of 3 series" in notes
    assert not any("0.5" in note for note in pool_proportions([1, 3, 5], [7, 10, 15], "reml").notes)


@pytest.mark.parametrize("events", [[0, 0, 0], [4, 5, 6]])
def test_nobody_or_everybody_is_handled_and_said(events):
    totals, share = [4, 5, 6], sum(events) / 15
    for method in POOLING:
        found = pool_proportions(events, totals, method)
        assert "nobody, or everybody, was counted in every series" in found.notes
        assert found.ci_low <= share <= found.ci_high or method in (*INVERSE_VARIANCE, "beta_binomial_grid")
    exact = pool_proportions(events, totals, "glmm")
    assert (exact.estimate, exact.ci_low, exact.ci_high) == (
        share,
        describe.proportion(sum(events), 15).exact_low,
        describe.proportion(sum(events), 15).exact_high,
    )


@pytest.mark.parametrize("method", ["glmm", "beta_binomial"])
def test_series_of_all_or_nothing_have_no_maximum(method):
    with pytest.raises(NotEstimableError, match="rises without end"):
        pool_proportions([0, 7], [5, 7], method)
    assert 0.1 < pool_proportions([0, 7], [5, 7], "beta_binomial_grid").estimate < 0.9


def test_a_spread_without_an_upper_end_is_said():
    found = pool_proportions(*SETS["three with n/n"])
    assert found.tau2_high == math.inf
    assert found.i2_high == 1
    assert any("no upper end" in note for note in found.notes)


def test_the_prior_is_stated_and_matters():
    found = prior_sensitivity(*SETS["three with n/n"])
    assert found["prior"].tolist()[0] == "prior: mean share beta(1, 1), correlation within series beta(1, 1)"
    assert len(found) == len(PRIORS)
    assert np.ptp(found["estimate"]) > 0.05
    assert found["prior"].tolist()[0] in pool_proportions(*SETS["three with n/n"], "beta_binomial_grid").notes


def test_results_are_frozen_and_input_stays_as_it_was():
    events, totals = pd.Series([2, 5, 7], dtype="Int64"), np.array([10, 9, 12])
    found = pool_proportions(events, totals)
    with pytest.raises(FrozenInstanceError):
        found.k = 4
    assert events.tolist() == [2, 5, 7]
    assert totals.tolist() == [10, 9, 12]


# Ranges of counts


def test_the_range_of_counts_that_are_possible():
    found = pooled_range([2, 3, 7], [4, 4, 7], [10, 9, 12], method="reml")
    every = [pool_proportions([a, b, 7], [10, 9, 12], "reml") for a in (2, 3, 4) for b in (3, 4)]
    assert (found.low, found.high) == (min(e.estimate for e in every), max(e.estimate for e in every))
    assert (found.ci_low, found.ci_high) == (min(e.ci_low for e in every), max(e.ci_high for e in every))
    assert (found.combinations, found.skipped) == (6, 0)


def test_combinations_without_an_estimate_are_counted():
    found = pooled_range([0, 6], [0, 7], [5, 7])
    assert (found.combinations, found.skipped) == (2, 1)
    with pytest.raises(NotEstimableError, match="none of 1 combinations"):
        pooled_range([0, 7], [0, 7], [5, 7])


def test_ranges_that_are_none_or_too_many_are_refused():
    with pytest.raises(ValueError, match="10,201 combinations"):
        pooled_range([0, 0], [100, 100], [100, 100])
    with pytest.raises(ValueError, match="0 combinations"):
        pooled_range([4, 3], [2, 3], [10, 9])


# Disagreement


def said_of(results):
    return disagreement(results, lambda each: f"{each.method}, {each.interval}")


def test_methods_that_disagree_say_so_with_numbers():
    events, totals = SETS["three with n/n"]
    results = [pool_proportions(events, totals, method) for method in ("glmm", "reml", "beta_binomial_grid")]
    text = said_of(results)
    assert text.startswith(
        "The 3 methods on 3 series disagree: the estimate from 68.3 % (beta_binomial_grid, credible) to 87.7 %"
    )
    assert "So few series hardly show how far they spread" in text
    assert "The widest interval is 0.3–100.0 % (glmm, t)." in text
    assert said_of(results[::-1]) == text


def test_methods_that_agree_say_so():
    rng = np.random.default_rng(1)
    events = rng.binomial(200, 0.4, 12)
    results = [pool_proportions(events, [200] * 12, method) for method in ("glmm", "reml")]
    assert "agree within" in said_of(results)


def test_results_of_other_series_are_not_compared():
    first, second = pool_proportions([2, 5], [9, 9]), pool_proportions([2, 5, 7], [9, 9, 9])
    for results in ([first], [first, second]):
        with pytest.raises(ValueError, match="at least two results"):
            said_of(results)


# Bad input


@pytest.mark.parametrize(
    ("events", "totals", "says"),
    [
        ([3, 6], [5, 5], "series 2 has 6 of 5"),
        ([3, -1], [5, 5], "series 2 has -1 of 5"),
        ([3, 2.5], [5, 5], "series 2 has 2.5 of 5"),
        ([3, math.nan], [5, 5], "series 2 has nan of 5"),
        ([3, None], [5, 5], "series 2 has nan of 5"),
        ([0, 3], [0, 5], "series 1 has 0 of 0"),
        ([3, 2], [5, math.inf], "'inf' in row 2"),
        ([3, "many"], [5, 5], "'many' in row 2"),
        ([3, 2], [5, 5, 5], "2 counts of events and 3 totals"),
        ([], [], "0 counts of events"),
        ([3], [5], "use exact"),
    ],
)
def test_counts_that_cannot_be_are_refused(events, totals, says):
    for method in ("glmm", "reml", "beta_binomial_grid"):
        with pytest.raises(ValueError, match=says):
            pool_proportions(events, totals, method)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "peto"}, "method is 'peto', expected one of glmm"),
        ({"method": "exact"}, "adding them up would hide"),
        ({"interval": "wald"}, "interval is 'wald'"),
        ({"interval": "hartung_knapp"}, "use 't' with glmm"),
        ({"confidence": 95}, "confidence is 95"),
    ],
)
def test_options_that_are_none_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        pool_proportions([3, 2], [5, 5], **options)


@pytest.mark.parametrize(
    ("r", "n", "says"),
    [
        ([0.1, 1.0], [10, 10], "between -1 and 1"),
        ([0.1, 0.2], [10, 3], "4 pairs or more"),
        ([0.1, math.nan], [10, 10], "between -1 and 1"),
        ([0.1], [10], "at least 2"),
    ],
)
def test_correlations_that_cannot_be_are_refused(r, n, says):
    with pytest.raises(ValueError, match=says):
        pool_correlations(r, n)


def test_leaving_one_of_two_out_is_refused():
    with pytest.raises(ValueError, match="at least 3"):
        leave_one_out([3, 2], [5, 5])
