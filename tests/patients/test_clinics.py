"""Tables as clinics keep them, with made-up values: what is read, and what is said of it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from crmo_analysis.commands import main
from crmo_analysis.files import InputError
from crmo_analysis.patients import read_cohort

CASES = Path(__file__).parent / "cases"


def read(name):
    folder = CASES / name
    options = {"mapping": folder / "map.yaml", "lesions": folder / "lesions.csv"}
    given = {key: path for key, path in options.items() if path.is_file()}
    return read_cohort(next(folder.glob("cohort.*")), **given)


def said(cohort):
    return [*map(str, cohort.problems), *cohort.notes]


def values(cohort, name):
    return [
        None if value != value or value is None else value
        for value in cohort.patients[name].astype(object).where(cohort.patients[name].notna(), None)
    ]


def about(cohort, *words):
    """Return what is said that has all of some words in it."""
    return [text for text in said(cohort) if all(word in text for word in words)]


# ---- REDCap ------------------------------------------------------------------------------------------------


def test_boxes_of_a_form_that_was_never_opened_are_missing():
    cohort = read("02_redcap_checkbox_blank_form")
    assert values(cohort, "marrow_edema") == [True, True, False, None, None, True]
    assert values(cohort, "periosteal_reaction") == [False, True, True, None, None, False]
    assert about(cohort, "none is ticked in 2 rows", "missing, not no")


def test_several_events_of_a_patient_are_refused_with_the_line_that_chooses_one(write):
    with pytest.raises(InputError, match="has several events of one patient") as refused:
        read("06_redcap_events")
    assert "as in event: baseline_arm_1" in str(refused.value)
    chosen = read_cohort(CASES / "06_redcap_events/cohort.csv", write("event: followup_arm_1", "map.yaml"))
    assert values(chosen, "n_lesions") == [1, 2]
    with pytest.raises(InputError, match="there is no event 'x'; there are baseline_arm_1, followup_arm_1"):
        read_cohort(CASES / "06_redcap_events/cohort.csv", write("event: x", "map.yaml"))


def test_arms_are_read_where_each_patient_is_in_one():
    cohort = read("07_redcap_arms")
    assert values(cohort, "n_lesions") == [3, 5, 2, 4]
    assert about(cohort, "each patient is in one of 2 events; all are read")
    assert not cohort.errors


def test_the_mapping_says_which_field_is_the_patient():
    cohort = read("31_redcap_id_not_first")
    assert values(cohort, "patient") == ["S-01", "S-02"]
    assert values(cohort, "femur") == [True, False]


def test_an_empty_instance_is_no_lesion():
    cohort = read("59_empty_instance")
    assert values(cohort, "n_lesions") == [2, None, 1]
    assert about(cohort, "2 rows without a value of a lesion, left out: 6, 8")


def test_boxes_are_never_matched_by_their_order():
    cohort = read("61_redcap_group_order")
    assert set(cohort.patients) == {"patient", "n_lesions", "clinical_severity"}
    assert about(cohort, "mri_finding___1", "name them in a mapping")


# ---- rows, header and sheets -------------------------------------------------------------------------------


def test_a_header_with_line_breaks_is_read():
    cohort = read("11_header_with_line_breaks")
    assert (values(cohort, "n_lesions"), values(cohort, "clinical_severity")) == ([3, 5, 1], [4, 6, 2])


def test_a_title_above_the_header_is_left_out_and_said():
    cohort = read("12_title_line")
    assert values(cohort, "crp") == [0.5, 1.2]
    assert about(cohort, "row 1", "stands above the header")


def test_a_total_is_no_patient():
    cohort = read("13_total_row")
    assert len(cohort.patients) == 24
    assert about(cohort, "row 26", "'Total'", "no patient")


def test_characters_that_cannot_be_seen_are_taken_off():
    cohort = read("16_zero_width_header")
    assert values(cohort, "patient") == ["A", "B", "C"]
    assert values(cohort, "n_lesions") == [3, 5, 1]
    assert about(cohort, "cannot be seen", "n_lesions")


def test_formulas_without_a_value_are_an_error():
    [error] = read("40_excel_formula_not_calculated").errors
    assert "23 cells with a formula without a value" in str(error)


def test_a_hidden_sheet_is_not_read():
    cohort = read("41_excel_hidden_first_sheet")
    assert len(cohort.patients) == 24
    assert about(cohort, "old 2019 (hidden)")


def test_running_numbers_without_a_name_are_left_out():
    cohort = read("65_r_write_csv")
    assert values(cohort, "patient")[:2] == ["A1", "A2"]
    assert not cohort.errors
    assert about(cohort, "column A has no name and numbers the rows")


# ---- keys, codes, lesions ----------------------------------------------------------------------------------


def test_keys_that_differ_in_leading_zeros_are_named():
    cohort = read("09_leading_zeros")
    assert len(cohort.errors) == 3
    assert "the same in 1 more row" in str(cohort.errors)
    assert all("one there is the same but for" in str(error) for error in cohort.errors)


def test_a_code_within_the_limits_is_asked_about(write):
    cohort = read("04_sentinel_in_range")
    assert about(cohort, "column n_lesions, value '99'", "2 times", "values: {n_lesions: {99: NR}}")
    assert about(cohort, "column clinical_severity, value '99'", "3 times")
    path = CASES / "04_sentinel_in_range/cohort.csv"
    settled = read_cohort(
        path, write("values: {n_lesions: {99: NR}, clinical_severity: {99: 99}}", "map.yaml")
    )
    assert not settled.problems
    assert max(value or 0 for value in values(settled, "n_lesions")) == 12


def test_a_lesion_that_was_seen_twice_is_one_lesion():
    cohort = read("24_lesions_two_scans")
    assert values(cohort, "n_lesions") == [1, 1, 1]
    assert about(cohort, "mri_date", "several scans of 2 patients")


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda folder: folder.name)
def test_every_case_is_answered_on_the_command_line(folder, tmp_path):
    options = [
        text
        for name, option in (("map.yaml", "--map"), ("lesions.csv", "--lesions"))
        if (folder / name).is_file()
        for text in (option, folder / name)
    ]
    arguments = ["validate", next(folder.glob("cohort.*")), *options, "--skeleton", tmp_path / "map.yaml"]
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code in (0, 2), result.output
    assert "error" in result.output or "read as patients" in result.output or "crmo: " in result.output


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and gives its path."""

    def write(content, name="cohort.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write
