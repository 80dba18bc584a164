"""Nobody is diagnosed before the onset, and medians are printed as they stand."""

import pytest

from crmo_analysis import files
from crmo_analysis.joint import fit, reconstruct
from crmo_analysis.patients import read_cohort
from crmo_analysis.study import read_study

ROWS = [
    'onset,r,own,"median, min, max",age_onset,,9.5 (3.2–15.8),years,,',
    'diagnosis,r,own,"median, min, max",age_diagnosis,,10.4 (4.0–16.5),years,,',
    "delay,r,own,median,diagnostic_delay,,8,months,,",
]


@pytest.mark.parametrize("seed", range(4))
def test_patients_of_ages_and_a_delay_can_be_read_as_a_registry(write_study, tmp_path, seed):
    study = read_study("small", write_study(*ROWS), files.CODEBOOK)
    [table] = reconstruct(fit(study), seed=seed)
    assert (table["age_diagnosis"] >= table["age_onset"]).all()
    medians = table[["age_onset", "age_diagnosis", "diagnostic_delay"]].astype(float).median()
    assert medians.tolist() == pytest.approx([9.5, 10.4, 8], abs=0.26)
    table.to_csv(tmp_path / "made.csv", index=False)
    read_cohort(tmp_path / "made.csv")  # which refuses a diagnosis before the onset
