"""A table of one's own patients with planted values that nobody may read off a result."""

import numpy as np
import pandas as pd
import pytest

PLANTED = ("P-0417", "17.37", "P-0001")  # two names of patients, and an age that only one has


@pytest.fixture(scope="session")
def own():
    """60 patients, of whom 3 have lytic lesions, one has 40 lesions and one an age of its own."""
    rng = np.random.default_rng(3)
    n = 60
    lesions = rng.negative_binomial(2, 0.25, n) + 1
    severity = np.clip(np.round(lesions / 2 + rng.normal(0, 2, n)), 0, 10)
    table = pd.DataFrame({
        "patient": [f"P-{i:04d}" for i in range(n)],
        "age_diagnosis": rng.integers(20, 64, n) / 4,
        "male": rng.random(n) < 0.4,
        "n_lesions": lesions,
        "clinical_severity": severity.astype(int),
        "marrow_edema": rng.random(n) < 0.6,
        "lytic_lesion": np.arange(n) < 3,
    })  # fmt: skip
    table.loc[7, ["patient", "n_lesions", "age_diagnosis"]] = ["P-0417", 40, 17.37]
    return table


@pytest.fixture
def own_file(own, tmp_path):
    """The same table as a file."""
    path = tmp_path / "registry.csv"
    own.to_csv(path, index=False)
    return path
