"""Every model on cohorts as they shipped, against numbers frozen before the models were statsmodels'.

`python tests/models/test_frozen.py` writes the file anew; a difference belongs in CHANGELOG with its reason.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from crmo_analysis.models import severity, specifications

ROOT = Path(__file__).parents[2]
FROZEN = Path(__file__).parent / "data" / "frozen.json"
NUMBERS = ["n", "excluded", "events", "estimate", "ci_low", "ci_high", "p", "p_holm", "p_benjamini_hochberg"]
MENASHE = ["n_lesions", "marrow_edema", "periosteal_reaction", "bone_expansion", "lytic_lesion"]
ANALYSES = {
    "menashe severity": ("menashe_2022", "clinical_severity", MENASHE, ["spine"], 5),
    "menashe lesions": ("menashe_2022", "n_lesions", ["clinical_severity", "spine"], [], 6),
    "menashe edema": (
        "menashe_2022",
        "marrow_edema",
        ["n_lesions", "clinical_severity", "clavicle"],
        ["spine"],
        None,
    ),
    "sag lesions": ("sag_2019", "n_lesions", ["age_onset", "crp", "esr", "diagnostic_delay"], ["male"], 5),
    "sag score": ("sag_2019", "jansson_score", ["n_lesions", "vertebra"], ["age_onset"], 39),
    "sag relapse": ("sag_2019", "relapse", ["n_lesions", "vertebra", "age_onset"], [], None),
    "hospach lesions": (
        "hospach_2010",
        "n_spinal_lesions",
        ["back_pain", "kyphoscoliosis"],
        ["pamidronate"],
        3,
    ),
    "hospach deformity": ("hospach_2010", "vertebral_deformity", ["n_spinal_lesions", "back_pain"], [], None),
}


def cohort(name):
    table = pd.read_csv(FROZEN.parent / f"{name}.csv")
    return table.replace({"yes": 1, "no": 0}).apply(pd.to_numeric, errors="coerce")


def analysed(name, outcome, exposures, adjustment, cut):
    found = severity.analyse(
        cohort(name),
        severity.Question(outcome, exposures, adjustment, cut=cut),
        effort=severity.Effort(resamples=199, permutations=199),
    )
    return found[["model", "exposure", "adjusted_for", *NUMBERS, "method"]]


def specified():
    table = cohort("menashe_2022")
    most = table["n_lesions"] == table["n_lesions"].max()
    questions = [
        severity.Question("clinical_severity", ["n_lesions"], adjusted, cut=5) for adjusted in ([], ["spine"])
    ]
    left_out = {"nobody": [False] * len(table), "highest": most}
    effort = severity.Effort(permutations=999)
    return specifications.specification_curve(table, questions, left_out=left_out, effort=effort)


def computed():
    """Return everything that is frozen, as JSON holds it."""
    parts = {name: analysed(*how) for name, how in ANALYSES.items()}
    curve = specified()
    parts["curve"] = curve.table[["model", "adjusted_for", "left_out", *NUMBERS[:7], "z"]]
    names = ("median_z", "mean_z", "share_significant", "p_median", "p_mean", "p_share")
    parts["joint"] = pd.DataFrame([{name: getattr(curve, name) for name in names}])
    return {name: frame.astype(object).to_dict("records") for name, frame in parts.items()}


@pytest.fixture(scope="module")
def now():
    return computed()


@pytest.mark.parametrize("part", [*ANALYSES, "curve", "joint"])
def test_numbers_are_those_of_before(now, part):
    frozen = json.loads(FROZEN.read_text())[part]
    assert len(now[part]) == len(frozen)
    for found, expected in zip(now[part], frozen, strict=True):
        assert set(found) == set(expected)
        for name, value in expected.items():
            if name != "method":
                # Ends of a profile were searched to 1e-10 of the standardised coefficient.
                value = (
                    value
                    if value is None or isinstance(value, str)
                    else pytest.approx(value, rel=2e-7, nan_ok=True)
                )
                assert found[name] == value, (expected, name)


if __name__ == "__main__":
    parts = [
        f'"{k}": [\n' + ",\n".join(json.dumps(r, default=int) for r in v) + "\n]"
        for k, v in computed().items()
    ]
    FROZEN.write_text("{\n" + ",\n".join(parts) + "\n}\n")
