"""Make the example registry in `data/example`: nobody in it exists, and its faults are those of clinics.

    python tools/example.py

The table of patients has a title, German decimal commas, codes for missing values, CRP in mg/l, a total and a
footnote; that of lesions has two scans of some patients. `map.yaml` settles what they leave open.
"""

import random
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "data" / "example"
N = 61
BONES = [
    "femur",
    "tibia",
    "fibula",
    "clavicle",
    "ilium",
    "sacrum",
    "thoracic_vertebra",
    "lumbar_vertebra",
    "rib",
]
MAP = """# How registry.csv becomes a table of the codebook.
columns: {ID: patient, Sex: male, Age: age_diagnosis, Severity: clinical_severity, Oedema: marrow_edema,
          CRP (mg/l): crp, Made up: simulated}
values:
  Sex: {m: yes, f: no}
  Oedema: {1: yes, 2: no, 9: NA}
  Severity: {99: NR}
  CRP (mg/l): {<0.6: 0.3, n.d.: NA}
units: {crp: 0.1}          # mg/l become mg/dl
ignore: [Name]
lesions:
  columns: {ID: patient, Site: bone, Side: side, Date: mri_date}
  values: {Side: {L: left, R: right, M: midline}}
  scan: first
"""
GRID = """cohort: data/example/registry.csv
mapping: data/example/map.yaml
lesions: data/example/lesions.csv
resamples: 1000
adjustment: [[], [age_diagnosis]]
"""


def tables(seed: int = 20) -> tuple[list[list[str]], list[list[str]]]:
    """Draw patients and lesions; the more lesions, the higher the score on average."""
    rng = random.Random(seed)
    patients, lesions = [], []
    for i in range(1, N + 1):
        key, count = f"{i:03}", 1 + min(int(rng.expovariate(0.25)), 14)
        sites = [
            (bone := rng.choice(BONES), "M" if "vertebra" in bone or bone == "sacrum" else rng.choice("LR"))
            for _ in range(count)
        ]
        sites = sorted(set(sites))
        score = max(0, min(10, round(len(sites) / 1.6 + rng.gauss(1.5, 2))))
        crp = round(rng.expovariate(0.12), 1)
        oedema = rng.choices("129", weights=[60, 32, 8])[0]
        row = [
            key,
            f"Patient {chr(64 + i % 26 + 1)}.",
            rng.choice("mf"),
            f"{rng.uniform(3, 16):.1f}".replace(".", ","),
        ]
        row += ["99" if rng.random() < 0.05 else str(score), oedema]
        row += ["n.d." if rng.random() < 0.05 else "<0.6" if crp < 0.6 else str(crp).replace(".", ","), "yes"]
        patients.append(row)
        first = f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.{rng.randint(2016, 2020)}"
        lesions += [[key, *site, first] for site in sites]
        if rng.random() < 0.3:
            lesions += [
                [key, *site, f"{first[:6]}{int(first[6:]) + 1}"] for site in sites if rng.random() < 0.6
            ]
    return patients, lesions


def main() -> None:
    """Write the four files."""
    patients, lesions = tables()
    header = ["ID", "Name", "Sex", "Age", "Severity", "Oedema", "CRP (mg/l)", "Made up"]
    title = ["Example registry: nobody in it exists", *[""] * 7]
    total = ["Total", *[""] * 3, str(sum(int(row[4]) for row in patients)), "", "", ""]
    note = ["* Oedema: 1 yes, 2 no, 9 not assessed", *[""] * 7]
    FOLDER.mkdir(exist_ok=True)
    files = {
        "registry.csv": [title, header, *patients, total, note],
        "lesions.csv": [["ID", "Site", "Side", "Date"], *lesions],
    }
    for name, rows in files.items():
        text = "".join(";".join(row) + "\n" for row in rows)
        (FOLDER / name).write_text(text, encoding="utf-8")
    (FOLDER / "map.yaml").write_text(MAP, encoding="utf-8")
    (FOLDER / "grid.yaml").write_text(GRID, encoding="utf-8")


if __name__ == "__main__":
    main()
