"""Time and memory to validate, describe and regress a registry, by its number of patients.

    python benchmarks/registry.py [--sizes 1000,100000,1000000] [--lesions 5]

A CSV file of random patients is written, read and checked by `read_cohort`, described by
`report.characteristics` (with small counts hidden, as for an own cohort), and severity is regressed on the
number of lesions (linear, negative binomial, proportional odds). Beside it stands what a user would run
instead: `pandas.read_csv`, `describe`, and the same three models by statsmodels' classes on arrays. Memory is
the largest that the process has held so far.
"""

import argparse
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel

from crmo_analysis.display import frames
from crmo_analysis.models import severity
from crmo_analysis.patients import read_cohort, require_sound
from crmo_analysis.study import read_codebook

MODELS = ["linear", "negative_binomial", "ordinal"]
BOOLEANS = (
    "male",
    "marrow_edema",
    "osteitis",
    "periosteal_reaction",
    "bone_expansion",
    "lytic_lesion",
    "fever",
)


def drawn(n: int, seed: int = 1) -> pd.DataFrame:
    """Draw a registry in the codebook's columns."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=n)
    table = {"patient": np.arange(1, n + 1), "age_onset": np.round(rng.uniform(1, 12, n), 1)}
    table["age_diagnosis"] = np.round(table["age_onset"] + rng.uniform(0, 5, n), 1)
    table |= {name: np.where(rng.random(n) < 0.4, "yes", "no") for name in BOOLEANS}
    table["n_lesions"] = 1 + rng.poisson(np.exp(1.3 + 0.4 * latent))
    table["clinical_severity"] = np.clip(np.round(5 + 2 * (0.4 * latent + rng.normal(size=n))), 0, 10).astype(
        int
    )
    table["esr"] = rng.integers(2, 120, n)
    table["crp"] = np.round(rng.gamma(1, 1.5, n), 2)
    return pd.DataFrame(table)


def drawn_lesions(n: int, each: int, seed: int = 1) -> pd.DataFrame:
    """Draw lesions, so many a patient on average."""
    rng = np.random.default_rng(seed)
    size = n * each
    return pd.DataFrame({
        "patient": rng.integers(1, n + 1, size), "bone": rng.choice(["femur", "tibia", "clavicle", "rib"], size),
        "side": rng.choice(["left", "right"], size), "signal": rng.integers(0, 4, size),
        "size": rng.integers(5, 60, size),
    })  # fmt: skip


def ours(path: Path, lesions: Path | None) -> dict[str, float]:
    """Return the seconds of the processor for each step of this project."""
    steps, start = {}, time.process_time()
    cohort = require_sound(read_cohort(path, lesions=lesions))
    steps["validate"] = time.process_time() - start
    start = time.process_time()
    frames.characteristics(cohort.patients, read_codebook(), 5)
    steps["describe"] = time.process_time() - start
    start = time.process_time()
    severity.analyse(cohort.patients, severity.Question("clinical_severity", ["n_lesions"]), MODELS)
    steps["regress"] = time.process_time() - start
    return steps


def usual(path: Path, lesions: Path | None) -> dict[str, float]:
    """Return the seconds of what would be run instead; it checks nothing."""
    steps, start = {}, time.process_time()
    table = pd.read_csv(path)
    if lesions:
        counted = pd.read_csv(lesions).groupby("patient").size()
        table["n_lesions"] = table["patient"].map(counted).fillna(0).astype(int)
    steps["validate"] = time.process_time() - start
    start = time.process_time()
    table.describe(include="all")
    steps["describe"] = time.process_time() - start
    start = time.process_time()
    x, y = sm.add_constant(table[["n_lesions"]].astype(float)), table["clinical_severity"]
    sm.OLS(y, x).fit(cov_type="HC3")
    sm.NegativeBinomial(y, x).fit(disp=0)
    OrderedModel(y, table[["n_lesions"]].astype(float), distr="logit").fit(method="bfgs", disp=0)
    steps["regress"] = time.process_time() - start
    return steps


def main() -> None:
    """Print the table of times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--lesions", type=int, default=0, help="lesions a patient, in a table of their own")
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")]
    warnings.simplefilter("ignore")
    print(
        f"{'patients':>9} {'by':>8} {'validate':>9} {'describe':>9} {'regress':>9} {'in all':>9} "
        f"{'memory':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = Path(folder) / f"{n}.csv"
            table, lesions = drawn(n), None
            if asked.lesions:
                lesions = Path(folder) / f"{n}_lesions.csv"
                drawn_lesions(n, asked.lesions).to_csv(lesions, index=False)
                table = table.drop(columns=["n_lesions"])
            table.to_csv(path, index=False)
            for name, method in (("ours", ours), ("usual", usual)):
                steps = method(path, lesions)
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(
                    f"{n:>9} {name:>8}",
                    *(f"{s:>7.1f} s" for s in [*steps.values(), sum(steps.values())]),
                    f"{memory:>6.0f} MB",
                )


if __name__ == "__main__":
    main()
