"""How an outcome goes with an exposure, as a person asks it.

Sentences, pictures, and statsmodels' own results.
"""

import numpy as np
import pandas as pd
import pytest

import crmo_analysis as crmo
from crmo_analysis.face.results import filled

EFFORT = {"resamples": 200, "permutations": 200}


@pytest.fixture(scope="module")
def cohort():
    return crmo.read_study("menashe_2022").patients()


@pytest.fixture(scope="module")
def relation(cohort):
    return crmo.relate(
        cohort, "clinical_severity", "n_lesions", ["marrow_edema"], ["lytic_lesion"], 5, **EFFORT
    )


def test_a_person_who_types_a_name_reads_the_answer(relation):
    said = repr(relation).splitlines()
    assert said[0].startswith(
        "In 54 patients, lesions and clinical severity score have a Spearman correlation of 0.40"
    )
    assert len(said) == 5  # Spearman, and two models with and without adjustment
    assert relation.counted() == "54 of 54 have both lesions and clinical severity score."


def test_one_rank_correlation_is_not_called_the_largest(cohort, relation):
    alone = crmo.relate(cohort, "clinical_severity", "n_lesions", **EFFORT).forest()
    assert alone.terms["which"] == "Rank correlation"
    assert alone.terms["counted"] == "1 rank correlation"
    assert relation.forest().terms["which"] == "Largest of 2 rank correlations"


@pytest.mark.parametrize("model", ["linear", "poisson", "negative_binomial", "ordinal", "firth"])
def test_every_model_is_a_results_object_of_statsmodels(relation, model):
    results = relation[model]
    summary = str(results.summary())
    assert "n_lesions" in summary
    assert "lytic_lesion" in summary
    row = relation.frame[
        (relation.frame["model"] == model) & (relation.frame["exposure"] == "n_lesions")
    ].iloc[-1]
    assert row["adjusted_for"] == "lytic_lesion"
    place = results.model.exog.shape[1] - 1
    shown = np.asarray(results.params)[place]
    assert row["estimate"] == pytest.approx(shown if model == "linear" else np.exp(shown), rel=1e-3)


def test_what_is_shown_comes_from_the_results_object(cohort, monkeypatch):
    """Another estimate inside the results changes the table, the sentence and the figure's data."""
    from crmo_analysis.models import severity

    def shifted(*arguments, **options):
        found = regress(*arguments, **options)
        if found.model == "linear":
            found.results._results.params[-1] = 12.5
        return found

    regress = severity.regress
    monkeypatch.setattr(severity, "regress", shifted)
    changed = crmo.relate(cohort, "clinical_severity", "n_lesions", **EFFORT)
    assert changed.frame.set_index("model").loc["linear", "estimate"] == 12.5
    assert any("the mean of clinical severity score differs by 12.50" in text for text in changed.sentences())
    assert 12.5 in list(changed.specifications().frame["estimate"])


def test_an_unknown_model_picture_or_variable_is_named(relation, cohort):
    with pytest.raises(crmo.CrmoError, match="there is no model 'cox'; there is linear"):
        relation["cox"]
    with pytest.raises(crmo.CrmoError, match="there is no picture 'pie'; there is forest"):
        relation.plot("pie")
    with pytest.raises(crmo.CrmoError, match="'severity' is no variable of the codebook"):
        crmo.relate(cohort, "severity", "n_lesions")


def test_every_picture_is_drawn_on_axes_that_are_given(relation):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 2)
    kinds = ("forest", "scatter", "specifications", "influence", "diagnostics")
    for kind, ax in zip(kinds, axes.flat, strict=False):
        assert relation.plot(kind, ax=ax) is ax
    plt.close(figure)


@pytest.fixture(scope="module")
def visits(cohort):
    """Each patient three times, at visits whose lesions differ by one, in two centres."""
    table = cohort.patients
    table = table.assign(centre=np.where(table.index < 30, "north", "south"))
    return pd.concat([table.assign(n_lesions=table["n_lesions"] + more) for more in (0, 1, 2)])


def test_visits_of_a_patient_are_not_counted_as_patients(visits, relation):
    centres = visits.assign(centre=visits.index // 5)
    several = crmo.relate(
        centres, "clinical_severity", "n_lesions", ["marrow_edema"], cluster="centre", **EFFORT
    )
    for question in (several.specifications, several.influence, several.diagnostics, several.together):
        assert len(question().frame)  # of exposures beside the first, too
    found = crmo.relate(visits, "clinical_severity", "n_lesions", **EFFORT)
    assert found.counted().startswith("54 of 54 have both")
    spearman, linear = (found.frame.set_index("model").loc[name] for name in ("spearman", "linear"))
    assert (spearman["n"], linear["n"], linear["groups"]) == (54, 162, 54)
    assert found.sentences()[0].startswith("In 54 patients, ")
    assert "In 162 visits of 54 groups, for each SD" in found.sentences()[2]
    once = relation.frame.query(
        "model == 'linear' and exposure == 'n_lesions' and adjusted_for == 'none'"
    ).iloc[0]
    assert linear["p"] > 0.3 * once["p"]  # three visits that say the same are no more evidence than one
    assert len(found.influence().frame) == len(found.scatter().frame) == 54
    assert found["linear"].cov_type == "cluster"


def test_centres_are_adjusted_for_or_make_the_errors(visits):
    one = visits.drop_duplicates("patient")
    adjusted = crmo.relate(one, "clinical_severity", "n_lesions", adjust=["centre"], **EFFORT)
    assert "centre: south" in str(adjusted["linear"].summary())
    assert "adjusted for centre" in adjusted.sentences()[2]
    table = one.assign(centre=np.arange(54) // 5)
    clustered = crmo.relate(table, "clinical_severity", "n_lesions", cluster="centre", **EFFORT)
    assert clustered.frame.set_index("model").loc["linear", "groups"] == 11
    assert clustered.together().heading.endswith("largest correlation by permutation within centre")
    assert "Spearman correlations within 11 groups" in clustered.together().frame["method"].iloc[0]
    assert "(permuted within 11 groups of centre; z takes" in clustered.specifications().heading
    assert "patients of one centre taken for independent" in clustered.diagnostics().heading
    assert "jackknife's standard error by 11 groups" in clustered.sentences()[0]
    alike = crmo.relate(table.assign(centre=1), "clinical_severity", "n_lesions", cluster="centre", **EFFORT)
    assert "1 groups, expected at least 5" in alike.sentences()[0]
    assert alike.plot("forest") is not None
    with pytest.raises(crmo.CrmoError, match="the table has no column 'site'"):
        crmo.relate(one, "clinical_severity", "n_lesions", cluster="site", **EFFORT)


def test_missing_values_are_counted_beside_the_estimate_or_imputed(visits):
    one = visits.drop_duplicates("patient").reset_index(drop=True)
    table = one.assign(n_lesions=one["n_lesions"].where(one.index % 6 > 0))
    left_out = crmo.relate(table, "clinical_severity", "n_lesions", **EFFORT)
    assert set(left_out.frame["excluded"]) == {9}
    assert all("(9 excluded for missing values)" in text for text in left_out.sentences())
    imputed = crmo.relate(table, "clinical_severity", "n_lesions", imputations=5, **EFFORT)
    linear = imputed.frame.set_index("model").loc["linear"]
    assert (linear["n"], linear["excluded"], linear["imputed"]) == (54, 0, 9)
    assert "(9 with imputed values)" in imputed.sentences()[1]
    for result in (imputed.specifications(), imputed.influence(), imputed.diagnostics(), imputed.together()):
        assert "of patients with all values" in result.heading


def test_adjusted_p_is_that_of_the_exposures_that_are_shown(own):
    found = crmo.relate(own, "clinical_severity", "n_lesions", ["marrow_edema", "lytic_lesion"], **EFFORT)
    assert any(note.startswith("lytic_lesion is not analysed") for note in found.notes)
    spearman = found.frame[found.frame["model"] == "spearman"]
    assert list(spearman["family"]) == [2, 2]
    assert spearman["p_holm"].min() == pytest.approx(2 * spearman["p"].min(), rel=1e-3)


def test_a_cohort_that_hides_keeps_warnings_and_no_number_that_tells():
    rng = np.random.default_rng(3)
    lesions = rng.negative_binomial(0.7, 0.1, 120) + 1
    own = pd.DataFrame({"n_lesions": lesions, "clinical_severity": rng.integers(0, 11, 120)})
    hidden = crmo.relate(own, "n_lesions", "clinical_severity", **EFFORT)
    shown = crmo.relate(own.assign(simulated=True), "n_lesions", "clinical_severity", **EFFORT)
    methods = hidden.frame.set_index("model")["method"]
    assert methods["spearman"].endswith("BCa interval from 200 resamples")
    assert methods["poisson"].endswith("interval and P are too sure, as counts vary more than Poisson's")
    assert "details" not in hidden.frame
    assert shown.frame.set_index("model")["details"]["poisson"].startswith("Pearson dispersion")
    apart = pd.DataFrame({"n_lesions": range(1, 61), "clinical_severity": [3] * 30 + [7] * 30})
    firth = crmo.relate(apart, "clinical_severity", "n_lesions", cut=5, **EFFORT).sentences(["firth"])[0]
    assert "separation, the estimate without a penalty would be infinite" in firth
    assert "the interval spans more than 1000 times" in firth
    assert "events" not in crmo.relate(apart, "clinical_severity", "n_lesions", cut=5, **EFFORT).frame


def test_a_forest_says_by_which_way_its_intervals_and_p_values_are(cohort):
    def said(table, **options):
        found = crmo.relate(table, "clinical_severity", "n_lesions", **EFFORT, **options).forest()
        return found.terms["intervals"], found.terms["tests"]

    table = cohort.patients.assign(centre=np.arange(len(cohort)) % 8)
    by_z = "intervals by Fisher's z and the jackknife"
    assert said(table) == ("BCa intervals", "by permutation")
    of = crmo.relate(table, "clinical_severity", "n_lesions", cluster="centre", **EFFORT).sentences(
        ["linear"]
    )
    assert of[0].startswith("In 54 patients of 8 groups, for each SD")
    assert said(table, cluster="centre") == (by_z, "by Fisher's z and the jackknife")
    many = pd.concat([table] * 40).assign(patient=range(40 * len(table)))
    assert said(many) == (by_z, "by t")


def test_an_alternative_text_holds_no_missing_number(cohort):
    flat = crmo.relate(cohort.patients.assign(n_lesions=5), "clinical_severity", "n_lesions", **EFFORT)
    assert "nan" not in filled(flat.scatter().alt, flat.scatter().terms)


def test_a_row_without_a_patient_is_refused_among_visits_and_counts_alone_elsewhere(visits):
    nameless = visits.reset_index(drop=True).astype({"patient": float})
    nameless.loc[[0, 1], "patient"] = np.nan
    with pytest.raises(crmo.CrmoError, match="2 rows have no patient, where some have several; expected"):
        crmo.relate(nameless, "clinical_severity", "n_lesions", **EFFORT)
    once = nameless[nameless["patient"].isna() | ~nameless["patient"].duplicated()]
    models = crmo.relate(once, "clinical_severity", "n_lesions", **EFFORT).frame
    assert "groups" not in models
    assert set(models["n"]) == {len(once)}


def test_diagnostics_print_and_draw_themselves(relation, own):
    found = relation.diagnostics()
    assert list(found.frame.columns) == ["model", "check", "value", "p", "says"]
    assert {"linear", "poisson", "negative_binomial", "ordinal", "all"} <= set(found.frame["model"])
    assert "variance inflation" in repr(found)
    axes = relation.plot("diagnostics")
    assert axes.get_xlabel() == "leverage"
    hidden = crmo.relate(own, "clinical_severity", "n_lesions", **EFFORT).diagnostics()
    assert not hidden.frame["check"].str.startswith("largest").any()
    with pytest.raises(crmo.CrmoError, match="no picture"):
        hidden.plot()


def test_only_pictures_that_there_are_are_offered(relation, own):
    hidden = crmo.relate(own, "clinical_severity", "n_lesions", **EFFORT)
    for one, last in ((relation, "diagnostics"), (hidden, "influence")):
        with pytest.raises(crmo.CrmoError, match=f", {last}$") as error:
            one.plot("pie")
        offered = str(error.value).partition("there is forest, ")[2].split(", ")
        assert all(one.plot(kind) is not None for kind in offered)


def test_every_estimate_names_library_and_version(relation):
    import statsmodels

    libraries = relation.frame.set_index("model")["library"]
    assert libraries["spearman"].iloc[0].startswith("numpy ")
    assert libraries["ordinal"].iloc[0] == f"statsmodels {statsmodels.__version__}, OrderedModel"
    for result in (relation.together(), relation.specifications()):
        assert result.frame["library"].str.match("(numpy|statsmodels) [0-9.]+, ").all()


def test_a_column_that_is_adjusted_for_need_not_be_in_the_codebook():
    table = pd.DataFrame({"n_lesions": [1 + i * 7 % 11 for i in range(40)]})
    table = table.assign(clinical_severity=[i * 5 % 9 for i in range(40)], centre=["a", "b"] * 20)
    relation = crmo.relate(table, "clinical_severity", "n_lesions", adjust=["centre"], **EFFORT)
    assert relation.participants().frame["step"].tolist()[-1] == "Analysed"
