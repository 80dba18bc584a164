"""The cohorts that the project ships.

Made again to the byte, marked as what they are, and fitting what is printed.
"""

import hashlib
import json

import pandas as pd
import pytest

from crmo_analysis import files
from crmo_analysis.files import CrmoError, study_names
from crmo_analysis.joint import datapackage
from crmo_analysis.joint.fitting import fit
from crmo_analysis.joint.simulation import Assumptions, simulate
from crmo_analysis.patients import read_cohort
from crmo_analysis.study import read_codebook, read_study, reproduction

RESOURCES = {
    resource["name"].replace("-", "_"): resource
    for resource in json.loads((files.DATA / "datapackage.json").read_text(encoding="utf-8"))["resources"]
}


@pytest.fixture(scope="module", params=study_names())
def fitted(request):
    if not (files.COHORTS / f"{request.param}.csv").is_file():
        pytest.skip(f"`crmo reproduce` has not made the cohort of {request.param} yet")
    return fit(read_study(request.param))


def test_a_cohort_is_made_again_byte_for_byte(fitted):
    study = fitted.view.study.study
    [table] = datapackage.make_cohorts(fitted)
    assert (files.COHORTS / f"{study}.csv").read_text(encoding="utf-8") == datapackage.cohort_text(table)


def test_a_shipped_cohort_gives_every_claim_that_it_keeps(fitted):
    record = fitted.view.study
    table = read_cohort(files.COHORTS / f"{record.study}.csv", codebook=record.codebook).patients
    assert len(table) == fitted.n
    kept = [(claim, statement.rivals) for statement in fitted.kept for claim in statement.claims]
    assert [claim.claim_id for claim, rivals in kept if not reproduction.agrees(claim, table, rivals)] == []


def test_a_shipped_cohort_says_what_it_is(fitted):
    study = fitted.view.study.study
    codebook = fitted.view.study.codebook
    table = read_cohort(files.COHORTS / f"{study}.csv", codebook=codebook).patients
    assert table["reconstructed"].all()
    assert ("simulated" in table) == (study == "menashe_2022")
    columns = [name for name in table if name not in ("patient", "reconstructed", "simulated")]
    assert columns == [name for name in codebook if name in columns]


def test_the_data_package_describes_every_cohort(fitted):
    resource = RESOURCES[fitted.view.study.study]
    path = files.DATA / resource["path"]
    assert resource["hash"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert resource["bytes"] == path.stat().st_size
    assert [field["name"] for field in resource["schema"]["fields"]] == list(pd.read_csv(path, nrows=0))
    assert tuple(resource["given_up"]) == fitted.given_up_ids
    assert resource["reading"] == dict(fitted.scenario)
    assert resource["reconstructed"] is True


def test_times_between_two_ages_are_kept():
    table = read_cohort(files.COHORTS / "sag_2019.csv").patients
    between = 12 * (table["age_diagnosis"] - table["age_onset"])
    assert ((between - table["diagnostic_delay"]).abs() <= 12 * 0.1 + 0.5 + 1e-9).all()


def test_no_patient_has_fewer_lesions_than_affected_bones():
    table, codebook = read_cohort(files.COHORTS / "sag_2019.csv").patients, read_codebook()
    bones = [name for name in table if name in codebook and codebook[name].group == "affected_bone"]
    assert (table["n_lesions"] >= table[bones].sum(axis=1)).all()


def test_tables_are_numbered_and_described(tmp_path):
    written = datapackage.write_tables(fit(read_study("simm_2008")), tmp_path / "simm.csv", count=2, seed=3)
    assert [path.name for path in written] == ["simm-1.csv", "simm-2.csv"]
    assert written[0].read_bytes() != written[1].read_bytes()
    described = json.loads((tmp_path / "simm-2.json").read_text(encoding="utf-8"))
    assert (described["kind"], described["seed"]) == ("reconstructed", 3)


@pytest.mark.parametrize(
    "assumed",
    [{"correlation": 1.5}, {"lesions_mean": -1}, {"alpha": 0}, {"correlation": -0.9, "attempts": 3}],
)
def test_assumptions_under_which_nothing_can_be_simulated_are_refused(assumed):
    with pytest.raises(CrmoError, match=next(iter(assumed))):
        simulate(fit(read_study("menashe_2022")), 0, Assumptions(**assumed))


def test_another_seed_simulates_another_cohort():
    fitted = fit(read_study("menashe_2022"))
    one, again, other = (simulate(fitted, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
