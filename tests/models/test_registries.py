"""Three registries kept aside, read as a person's files are, against R to its printed digits.

15 patients with ties, counts that spread less than Poisson's (the boundary of a negative binomial model) and
an outcome that is separated; 61 in a German file (semicolons, decimal commas, words) with missing values, a
score that nobody has and counts of much spread; 400 with three centres. All are made up. The lines of R are
`data/registries.R`, its answers `data/registries_r.csv`.
"""

import math
from pathlib import Path

import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis.models import severity
from crmo_analysis.models.association import _approximate, correlate
from crmo_analysis.models.regression import MODELS

DATA = Path(__file__).parent / "data"
ADJUSTMENT = {"15": ["age_diagnosis"], "61": ["age_diagnosis", "male"], "400": ["age_diagnosis", "centre"]}
CUTS = {"15": (5, 9), "61": (6,), "400": (6,)}
R = pd.read_csv(DATA / "registries_r.csv", dtype={"registry": str}).set_index(
    ["registry", "model", "quantity"]
)["value"]
NAMES = {"slope": "estimate", "low": "ci_low", "high": "ci_high"}
EFFORT = severity.Effort(199, 199)


def printed(value):
    """Return what agrees with a number of R to its printed digits, as far as polr's search is exact."""
    return pytest.approx(value, rel=1e-6, abs=1e-7)


@pytest.fixture(scope="module", params=["15", "61", "400"])
def registry(request):
    mapping = DATA / "registry_61.yaml" if request.param == "61" else None
    path = DATA / f"registry_{request.param}.csv"
    return request.param, crmo.read_cohort(path, map=mapping, hide_below=0)


def fitted(registry, model, outcome, cut=None):
    name, cohort = registry
    asked = severity.Question(outcome, ["n_lesions"], ADJUSTMENT[name], cut=cut)
    return severity.analyse(cohort.patients, asked, [model], EFFORT).iloc[-1]


def agrees(name, model, row):
    for quantity, value in R[name][model].items():
        if quantity in ("dispersion", "cut point"):
            continue
        found = row[NAMES.get(quantity, quantity)]
        found = math.log(found) if quantity in NAMES and model != "linear" else found
        assert found == printed(value), (name, model, quantity)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_against_r(registry, model):
    outcome = "n_crises" if model in ("poisson", "negative_binomial") else "clinical_severity"
    for cut in CUTS[registry[0]] if model == "firth" else (None,):
        name = model if cut is None else f"firth from {cut}"
        agrees(registry[0], name, fitted(registry, model, outcome, cut))


def test_dispersion_and_cut_points_against_r(registry):
    name, cohort = registry
    for model, outcome in (
        ("poisson", "n_crises"),
        ("negative_binomial", "n_crises"),
        ("ordinal", "clinical_severity"),
    ):
        asked = severity.Question(outcome, ["n_lesions"], ADJUSTMENT[name])
        fit = severity.fitted(cohort.patients, model, asked)
        if model == "ordinal":
            assert fit.results.params.iloc[fit.place + 1] == printed(R[name, model, "cut point"])
        else:
            assert fit.dispersion == printed(R[name, model, "dispersion"])
    assert ("at its boundary of 0" in fitted(registry, "negative_binomial", "n_crises")["method"]) == (
        name == "15"
    )


def test_separation_is_said_where_r_has_no_finite_estimate(registry):
    if (
        registry[0] == "15"
    ):  # glm(clinical_severity >= 9 ~ …, binomial): "fitted probabilities numerically 0 or 1 occurred"
        assert "separation" in fitted(registry, "firth", "clinical_severity", 9)["method"]
    assert "separation" not in fitted(registry, "firth", "clinical_severity", 6)["method"]


@pytest.mark.parametrize("statistic", ["spearman", "kendall"])
def test_rank_correlations_against_r(registry, statistic):
    name, cohort = registry
    known = cohort.patients[["n_lesions", "clinical_severity"]].dropna().to_numpy(float).T
    estimate = correlate(*known, statistic, resamples=99).estimate
    assert estimate == printed(R[name, statistic, "estimate"])
    p, _ = _approximate(*known, statistic, estimate)
    assert p == pytest.approx(R[name, statistic, "p"], rel=1e-6)


def test_holm_and_benjamini_hochberg_against_r(registry):
    name, cohort = registry
    exposures = ["n_lesions", "spine", "crp"]
    rows = severity.analyse(cohort.patients, severity.Question("clinical_severity", exposures), ["linear"])
    for column, named in (("p", "p"), ("p_holm", "holm"), ("p_benjamini_hochberg", "bh")):
        expected = [R[name, "linear alone", f"{named} {exposure}"] for exposure in exposures]
        assert list(rows[column]) == pytest.approx(expected, rel=1e-6)


def test_what_a_person_sees_of_the_german_file_has_the_digits_of_r():
    cohort = crmo.read_cohort(DATA / "registry_61.csv", map=DATA / "registry_61.yaml", hide_below=0)
    found = crmo.relate(
        cohort,
        "clinical_severity",
        "n_lesions",
        adjust=["age_diagnosis", "male"],
        cut=6,
        resamples=99,
        permutations=99,
    )
    assert found.counted().startswith("54 of 61 have both")
    rows = found.frame.set_index(["model", "adjusted_for"])
    slope = rows.loc[("linear", "age_diagnosis, male"), "estimate"]
    assert slope == float(f"{R['61', 'linear', 'slope']:.{len(str(slope).partition('.')[2])}f}")
    assert rows.loc[("spearman", "none"), "estimate"] == float(f"{R['61', 'spearman', 'estimate']:.6g}")
    assert "(9 excluded for missing values)" in found.sentences(["linear"])[1]
