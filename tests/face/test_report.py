"""The page about a cohort tells a clinician what can be told, and nothing of a patient."""

import base64
import re

import pandas as pd

import crmo_analysis as crmo
from crmo_analysis.face import report

PLANTED = ("P-0417", "P-0001", "17.37")


def page_of(cohort):
    page = report.report(cohort, resamples=200, file="registry.csv").html
    pictures = re.findall(r"base64,([^\"]+)", page)
    drawn = [base64.b64decode(picture).decode() for picture in pictures]
    return re.sub(r"base64,[^\"]+", "", page), drawn


def test_a_page_has_all_parts_and_hides_what_the_cohort_hides(own_file):
    page, drawn = page_of(crmo.read_cohort(own_file))
    assert "<h1>Your cohort, n = 60</h1>" in page
    for heading in (
        "Participants",
        "Description",
        "Lesions and severity",
        "published numbers",
        "study of this size",
        "What is missing",
    ):
        assert f"{heading}" in page
    assert len(drawn) == 2
    assert "<li>Read from registry.csv.</li>" in page
    assert "ρ is the rank correlation that is left" in page and "<td>weak, ρ = 0.28</td>" in page
    assert "<figcaption>Your cohort. In 60 patients" in page  # and not once more how many there are
    # A difference from what sag_2019 prints.
    assert re.search(r">−\d+\.\d percentage points \(−", page) and not re.search(r">-\d", page)
    assert "the median alone is shown" in page
    assert not re.search(r"[\s(]-\d", re.sub(r"<style>.*</style>|<img[^>]*>", "", page))
    assert "Spearman correlation of" in page
    assert not [value for value in PLANTED for text in (page, *drawn) if value in text]
    assert not re.search(r"[^\d]3/60", page)


def test_warnings_about_a_file_are_told_as_they_are(own):
    cohort = crmo.read_study("menashe_2022").patients().of(own)
    cohort.smallest, cohort.problems = 0, ("row 9, value '* Oedema_2'",)
    assert "<li>row 9, value &#x27;* Oedema_2&#x27;</li>" in report._introduced(cohort, "")


def test_variables_that_a_warning_is_about_are_marked(own, tmp_path):
    file, crp = tmp_path / "registry.csv", [0.3, 0.5, 0.7, 34.0] * 15
    own.assign(crp=crp).to_csv(file, index=False)
    page, _ = page_of(crmo.read_cohort(file))
    printed = any((crmo.read_study(name).claims["of"] == "crp").any() for name in crmo.studies())
    assert [text for text in re.findall(r"<td[^>]*>([^<]*)</td>", page) if "†" in text] == [
        "C-reactive protein, mg/dl †",
        *["C-reactive protein †"] * printed,  # beside what a study prints, if one does
    ]
    assert page.count("† A warning is about this column of the file") == 1 + printed
    file.write_text(own.to_csv(index=False))
    assert "†" not in page_of(crmo.read_cohort(file))[0]


def test_a_part_that_cannot_be_made_says_why(own):
    page, drawn = page_of(
        crmo.read_study("menashe_2022").patients().of(own.drop(columns="clinical_severity"))
    )
    assert "<p>Not shown: the table has no column ‘Clinical severity score’.</p>" in page
    assert not drawn
    assert "Lesions</td>" in page


def test_what_a_description_hides_a_comparison_beside_it_does_not_show():
    rows = pd.DataFrame({"anti_tnf": [True] * 8 + [False] * 32, "etanercept": [True] * 7 + [False] * 33})
    described = (
        crmo.read_study("menashe_2022").patients().of(rows).describe().frame.set_index("variable")["value"]
    )
    assert described["Anti-TNF agent"].startswith("8/40")
    assert described["Etanercept"].startswith("fewer than 5")
    beside = crmo.compare(rows, "sag_2019").frame
    assert not [text for text in beside["cohort"] if text.startswith("7/40")]
