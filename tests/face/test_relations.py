"""How an outcome goes with an exposure, as a person asks it.

Sentences, pictures, and statsmodels' own results.
"""

import numpy as np
import pytest

import crmo_analysis as crmo

EFFORT = {"resamples": 200, "permutations": 200}


@pytest.fixture(scope="module")
def cohort():
    return crmo.read_study("menashe_2022").patients()


@pytest.fixture(scope="module")
def relation(cohort):
    return crmo.relate(
        cohort, "clinical_severity", "n_lesions", ["marrow_edema", "nothing"], ["lytic_lesion"], 5, **EFFORT
    )


def test_a_person_who_types_a_name_reads_the_answer(relation):
    said = repr(relation).splitlines()
    assert said[0].startswith(
        "In 54 patients, lesions and clinical severity score have a Spearman correlation of 0.40"
    )
    assert len(said) == 5  # Spearman, and two models with and without adjustment
    assert relation.counted() == "54 of 54 have both Lesions and Clinical severity score."


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
    assert any("differs on average by 12.50" in text for text in changed.sentences())
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

    figure, axes = plt.subplots(2, 2)
    for kind, ax in zip(("forest", "scatter", "specifications", "influence"), axes.flat, strict=True):
        assert relation.plot(kind, ax=ax) is ax
    plt.close(figure)
