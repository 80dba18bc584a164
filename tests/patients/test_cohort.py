"""A user's cohort.

What is read however it was saved, and what is refused, with file, row, column and value.
"""

import datetime
import io
import re
import time
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.files import InputError, csv_text, neutral
from crmo_analysis.patients import delimited, layout, problems, spreadsheet
from crmo_analysis.patients.account import thin, understood
from crmo_analysis.patients.cohort import Cohort, read_cohort, require_sound
from crmo_analysis.patients.mapping import near
from crmo_analysis.patients.package import write_cohort
from crmo_analysis.study import expressions, read_codebook, read_section, read_study

PATIENTS = read_codebook()
LESIONS = read_codebook(section="lesions")
MANY = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
ROWS = [
    ["patient", "male", "age_onset", "n_lesions", "crp", "presenting_symptom", "biopsy_date"],
    ["1", "yes", "7.5", "4", "0.25", "limping", "2019-03-31"],
    ["2", "no", "", "12", "1.5", "multifocal_pain", ""],
    ["3", "", "11", "1", "", "", "2020-01-01"],
]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and gives its path."""

    def write(content, name="cohort.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def csv_of(rows=ROWS, delimiter=","):
    return "".join(delimiter.join(row) + "\n" for row in rows)


def column(name, *values):
    return csv_of([["patient", name], *([str(row), value] for row, value in enumerate(values, start=1))], ";")


def messages(cohort):
    return [str(problem) for problem in cohort.problems]


def refusal(*arguments, **options):
    with pytest.raises(InputError) as caught:
        read_cohort(*arguments, **options)
    return str(caught.value)


# ---- files -------------------------------------------------------------------------------------------------


@pytest.fixture
def expected(write):
    cohort = require_sound(read_cohort(write(csv_of(), "expected.csv")))
    assert not cohort.notes
    return cohort.patients


def test_types_are_pandas_nullable_ones_in_the_codebooks_order(expected):
    types = {name: str(kind) for name, kind in expected.dtypes.items()}
    assert types == {
        "patient": "int64",
        "male": "boolean",
        "age_onset": "Float64",
        "presenting_symptom": "string",
        "n_lesions": "Int64",
        "biopsy_date": "datetime64[s]",
        "crp": "Float64",
    } and list(types) == ["patient", *(name for name in PATIENTS if name in types)]
    assert expected.loc[1, "crp"] == 1.5
    assert expected.isna().sum().to_dict() == dict.fromkeys(types, 0) | {
        name: 1 for name in types if name not in ("patient", "n_lesions")
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_same_table_comes_out_however_it_was_saved(write, expected, delimiter, encoding):
    found = read_cohort(write(csv_of(delimiter=delimiter), encoding=encoding))
    assert not found.problems
    pd.testing.assert_frame_equal(found.patients, expected)


@pytest.mark.parametrize(
    "change", [("\n", "\r\n"), ("\n", "\r"), ("2,no", '"2","no"'), ("patient", "sep=,\npatient")]
)
def test_line_ends_quotes_and_excels_first_line_change_nothing(write, expected, change):
    pd.testing.assert_frame_equal(read_cohort(write(csv_of().replace(*change, 10))).patients, expected)


def test_a_decimal_comma_is_read_and_noted(write, expected):
    cohort = read_cohort(write(csv_of(delimiter=";").replace("0.25", "0,25").replace("1.5", "1,5")))
    assert cohort.notes[0].endswith("cohort.csv: read with a decimal comma: crp")
    pd.testing.assert_frame_equal(cohort.patients, expected)


def test_letters_of_windows_are_read_and_noted(write):
    cohort = read_cohort(write("patient,male\nJosé,yes\n", encoding="cp1252"))
    assert cohort.patients["patient"].tolist() == ["José"]
    assert "read as cp1252" in cohort.notes[0]


def test_excel_gives_the_same_table(tmp_path, expected):
    workbook = openpyxl.Workbook()
    workbook.active.append(ROWS[0])
    workbook.active.append([1, True, 7.5, 4.0, 0.25, "limping", datetime.datetime(2019, 3, 31)])
    workbook.active.append([2, "no", None, 12, 1.5, "Multifocal pain", None])
    workbook.active.append(["3", None, 11, "1", None, None, datetime.date(2020, 1, 1)])
    workbook.create_sheet("codes").append(["not read"])
    workbook.save(tmp_path / "cohort.xlsx")
    cohort = require_sound(read_cohort(tmp_path / "cohort.xlsx"))
    pd.testing.assert_frame_equal(cohort.patients, expected)
    assert cohort.notes == (
        f"{tmp_path / 'cohort.xlsx'}: sheet Sheet is read; sheets that are not read: codes",
    )


def workbook_of(path, **sheets):
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


TABLE = [["patient", "crp"], ["a", 1]]
COVER = [["Our register"], ["as of May"]]


def test_a_workbook_may_begin_with_a_cover(tmp_path):
    cohort = require_sound(
        read_cohort(workbook_of(tmp_path / "a.xlsx", Cover=COVER, Codes=[["1"]], Data=TABLE))
    )
    assert cohort.patients["crp"].tolist() == [1]
    left = "sheets that are not read: Cover, Codes"
    assert cohort.notes == (f"{tmp_path / 'a.xlsx'}: sheet Data is read; {left}",)


def test_a_column_that_the_map_names_tells_a_cover_from_a_table(tmp_path, write):
    path = workbook_of(tmp_path / "a.xlsx", Cover=COVER, Data=[["Nr", "Schwere"], ["a", 1]])
    mapping = write("columns: {Nr: patient, Schwere: clinical_severity}", "map.yaml")
    assert require_sound(read_cohort(path, mapping)).patients["clinical_severity"].tolist() == [1]


def test_a_mapping_says_which_of_several_sheets_is_read(tmp_path, write):
    path = workbook_of(tmp_path / "a.xlsx", First=TABLE, Second=[["patient", "crp"], ["b", 2]])
    message = refusal(path)
    assert message.endswith("name the one to read in a mapping file, as in sheet: First")
    assert read_cohort(path, write("sheet: second", "map.yaml")).patients["patient"].tolist() == ["b"]
    assert "has no sheet 'Third'; it has First, Second" in refusal(path, write("sheet: Third", "map.yaml"))


@pytest.mark.parametrize(
    ("sheets", "expected"),
    [
        ({"A": COVER, "B": TABLE, "C": TABLE}, "sheets B, C have columns of the codebook"),
        ({"A": [], "B": COVER}, "the first sheet, A, is empty"),
    ],
)
def test_a_sheet_that_cannot_be_chosen_is_to_be_named(tmp_path, sheets, expected):
    message = refusal(workbook_of(tmp_path / "a.xlsx", **sheets))
    assert expected in message
    assert "in a mapping file, as in sheet:" in message


def test_a_workbook_without_a_known_column_is_answered_with_how_to_choose(tmp_path):
    cohort = read_cohort(workbook_of(tmp_path / "a.xlsx", A=COVER, B=COVER))
    assert cohort.notes[0].endswith("to choose another, say so in a mapping file, as in sheet: B")
    assert "Of a workbook, the sheet named 'patients' is read" in " ".join(messages(cohort))


def test_a_workbook_may_have_a_sheet_of_lesions(tmp_path):
    workbook = openpyxl.Workbook()
    workbook.active.title = "Patients"
    for row in (["patient", "crp"], [], ["a", 1], ["b", "x"]):
        workbook.active.append(row)
    sheet = workbook.create_sheet("Lesions")
    for row in (["patient", "bone"], ["a", "femur"], ["c", "femur"]):
        sheet.append(row)
    workbook.save(tmp_path / "cohort.xlsx")
    cohort = read_cohort(tmp_path / "cohort.xlsx")
    assert cohort.patients["n_lesions"].tolist()[0] == 1
    assert [(problem.row, problem.column) for problem in cohort.problems] == [(4, "crp"), (3, "patient")]
    assert "cohort.xlsx, sheet Lesions, row 3, column patient, value 'c'" in messages(cohort)[1]


def test_lesions_may_be_a_workbook_of_their_own(write, tmp_path):
    workbook = openpyxl.Workbook()
    for row in (["patient", "bone"], [1, "femur"]):
        workbook.active.append(row)
    workbook.save(tmp_path / "lesions.xlsx")
    cohort = require_sound(read_cohort(write("patient,crp\n1,2\n"), lesions=tmp_path / "lesions.xlsx"))
    assert cohort.patients["femur"].tolist() == [True]


def test_an_empty_sheet_of_lesions_is_not_read(tmp_path):
    workbook = openpyxl.Workbook()
    for row in (["patient", "crp"], [1, 2]):
        workbook.active.append(row)
    workbook.create_sheet("lesions").append(["patient", "bone"])
    workbook.save(tmp_path / "cohort.xlsx")
    assert require_sound(read_cohort(tmp_path / "cohort.xlsx")).lesions is None


def test_parquet_gives_the_same_table(tmp_path, expected):
    expected.to_parquet(tmp_path / "cohort.parquet")
    pd.testing.assert_frame_equal(read_cohort(tmp_path / "cohort.parquet").patients, expected)
    plain = expected.astype({"age_onset": float, "male": object, "presenting_symptom": "category"})
    plain.assign(lists=[[1], [2], [3]]).to_parquet(tmp_path / "cohort.parquet")
    cohort = read_cohort(tmp_path / "cohort.parquet")
    pd.testing.assert_frame_equal(cohort.patients, expected)
    assert "column lists: warning: has values of type list" in messages(cohort)[0]


def zipped(name="a"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            zipfile.ZipInfo(name), "b"
        )  # without the time, so that every process names its tests alike
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"", "is empty; expected a header and one row a patient"),
        ("a.csv", b"\n\n", "is empty; expected a header"),
        ("a.csv", b"patient,male\n", "has a header and no row"),
        ("a.csv", b"patient,male\n1,y\0s\n", "row 2: has NUL bytes"),
        ("a.csv", "patient,male\n1,y\0s\n".encode("utf-16"), "row 2: has NUL bytes"),
        ("a.csv", "patient,male\n1,yes\n".encode("utf-16")[:-1], "is not sound UTF-16"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "has control characters (byte 0x1a)"),
        ("a.csv", zipped(), "is an Excel workbook or another zip file, not csv"),
        ("a.csv", b"PAR1....PAR1", "is a Parquet file, not csv"),
        (
            "a.csv",
            b"\xd0\xcf\x11\xe0....",
            "is an old Excel workbook, or one with a password; save it as .xlsx without one",
        ),
        ("a.csv", b'patient,male\n1,"yes\n2,no\n', "row 2: is not readable as CSV from here"),
        ("a.csv", b'patient,male\n1,yes\n2,"n"o\n', "row 3: is not readable as CSV from here"),
        (
            "a.csv",
            b"patient,male\n1," + b"y" * 200_000,
            "row 2: is not readable as CSV from here (field larger",
        ),
        ("a.xlsx", b"patient,male\n1,yes\n", "is text or something else, not xlsx"),
        ("a.xlsx", zipped(), "is not a readable Excel workbook"),
        ("a.xlsx", zipped()[:-9], "is not a readable Excel workbook"),
        ("a.parquet", b"PAR1 and nothing else PAR1", "is not a readable Parquet file"),
        ("a.doc", b"patient", "has an unknown ending; expected one of .csv"),
    ],
)
def test_a_file_without_a_table_is_refused(write, name, content, expected):
    message = refusal(write(content, name))
    assert expected in message
    assert name in message


def test_what_is_no_file_is_refused(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "missing.csv")
    assert "is a folder" in refusal(tmp_path)
    assert "is an address; download the file" in refusal("https://example.org/cohort.csv")
    assert "there is no such file" in refusal("a\0b.csv")


def test_a_file_that_is_too_large_is_refused(write, monkeypatch):
    monkeypatch.setattr(spreadsheet, "MAXIMUM_BYTES", 10)
    assert "is larger than 10 bytes" in refusal(write(csv_of()))


def test_too_many_cells_are_refused(write, monkeypatch):
    monkeypatch.setattr(layout, "MAXIMUM_CELLS", 10)
    assert "has more than 10 cells" in refusal(write(csv_of()))
    monkeypatch.setattr(delimited, "_PLAIN_FROM", 0)
    assert "has more than 10 cells" in refusal(write(csv_of()))


@MANY
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@pytest.mark.parametrize("name", ["cohort.csv", "cohort.xlsx", "cohort.parquet"])
def test_any_bytes_are_read_or_refused(write, name, content):
    try:
        cohort = read_cohort(write(content, name))
    except InputError as error:
        assert name in str(error)
    else:
        assert cohort.errors


CELLS = st.lists(st.sampled_from(["", " ", "1", "yes", "x", "é", "0,5", "'"]), min_size=1, max_size=4)


@MANY
@given(rows=st.lists(CELLS, max_size=6), end=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_the_fast_reader_gives_what_the_careful_one_gives(write, monkeypatch, rows, end, last):
    text = end.join(";".join(row) for row in [["patient", "male", "crp"], *rows]) + (end if last else "")
    path, found = write(text), []
    for limit in (0, 10**9):
        monkeypatch.setattr(delimited, "_PLAIN_FROM", limit)
        try:
            sheet = spreadsheet.read_sheet(path, {"patient"})
            found.append(
                (sheet.names, sheet.rows.tolist(), [c.to_pylist() for c in sheet.columns], sheet.problems)
            )
        except InputError as error:
            found.append(str(error))
    assert found[0] == found[1]


# ---- cells -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("male", "j", "expected yes or no (or true and false, 1 and 0)"),
        ("presenting_symptom", "cough", "expected one of unifocal_pain, multifocal_pain, limping"),
        ("crp", "high", "expected a number; a mapping file can say what another text means"),
        ("crp", "<5", "expected a number"),
        ("crp", "1_000", "expected a number"),
        ("crp", "٣", "expected a number"),
        ("crp", "nan", "expected a number"),
        ("crp", "1e308", "expected a number of 0 to 100 mg/dl"),
        ("crp", "1e999", "expected a number of 0 to 100 mg/dl"),
        ("crp", "-0.1", "expected a number of 0 to 100 mg/dl"),
        ("platelets", "250", "expected a whole number of 1,000 to 2,000,000 /mm3"),
        ("n_lesions", "-3", "expected a whole number of 0 to 100 lesions"),
        ("n_lesions", "2.5", "expected a whole number of 0 to 100 lesions"),
        ("n_lesions", "1e308", "expected a whole number of 0 to 100 lesions"),
        ("rinbo", "1e17", "expected a whole number of at least 0 points"),
        ("jansson_score", "61", "no Jansson clinical score can have this value"),
        ("biopsy_date", "31.02.2020", "is no day from 1900 until today; expected a date as in 2020-12-31"),
        ("biopsy_date", "1820-01-01", "is no day from 1900 until today"),
        ("biopsy_date", "20-01-01", "expected a date as in 2020-12-31"),
    ],
)
def test_a_wrong_cell_is_named(write, name, value, expected):
    cohort = read_cohort(write(column(name, "", value)))
    [problem] = cohort.errors
    assert (problem.row, problem.column, problem.value) == (3, name, value)
    assert f"cohort.csv, row 3, column {name}, value '{value}': {expected}" in str(problem)
    assert cohort.patients[name].isna().all()
    with pytest.raises(InputError, match="row 3, column"):
        require_sound(cohort)


def test_a_score_between_two_steps_is_a_warning_and_kept(write):
    cohort = require_sound(read_cohort(write(column("chaq", "0.125", "0.2"))))
    assert messages(cohort)[0].endswith(
        "column chaq, value '0.2': warning: the instrument goes in steps of 0.125"
    )
    assert cohort.patients["chaq"].tolist() == [0.125, 0.2]
    assert not read_cohort(write(column("age_onset", "7.1234"))).problems


@pytest.mark.parametrize("text", ["yes", "YES", "True", "1", " yes "])
def test_yes_is_written_in_many_ways(write, text):
    assert read_cohort(write(column("male", text))).patients["male"].tolist() == [True]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("white_blood_cells", ("7,800", "12,100"), [7800, 12100]),
        ("crp", ("0,5", "12"), [0.5, 12]),
        ("chaq", ("0,125", "1,250"), [0.125, 1.25]),
        ("crp", ("0.5", "0,7"), "expected a decimal point, or a decimal comma in the whole column"),
        ("size_sum", ("1,234", "1,500"), "the mark can be a decimal one or stand between thousands"),
        ("n_lesions", ("1,5",), "expected a whole number"),
        ("size_sum", ("1,234.5", "10"), [1234.5, 10]),
        ("crp", ("0,125", "0,250"), [0.125, 0.25]),
    ],
)
def test_commas_in_numbers(write, name, values, expected):
    cohort = read_cohort(write(column(name, *values)))
    if isinstance(expected, str):
        assert expected in messages(cohort)[0]
    else:
        assert cohort.patients[name].tolist() == expected


@pytest.mark.parametrize(
    ("values", "odd", "expected"),
    [
        (("0,5", "0,7", "0,7", "1.25"), "1.25", "expected a decimal comma, as in the rest of the column"),
        (("1,250", "1,500", "1.25"), "1.25", "expected a decimal comma, as in the rest of the column"),
        (
            ("0.5", "0.75", "1,25", "3"),
            "1,25",
            "expected a decimal point, or a decimal comma in the whole column",
        ),
    ],
)
def test_the_odd_cell_is_blamed_not_the_many(write, values, odd, expected):
    cohort = read_cohort(write(column("crp", *values)))
    [problem] = cohort.errors
    assert (problem.value, problem.expected) == (odd, expected)
    assert cohort.patients["crp"].isna().sum() == 1


@pytest.mark.parametrize(
    ("name", "value", "asks"),
    [
        ("platelets", "350.000", True),
        ("white_blood_cells", "12.500", True),
        ("platelets", "350", False),
        ("platelets", "9.350.000", False),
        ("crp", "350.000", False),
    ],
)
def test_a_point_may_stand_between_thousands(write, name, value, asks):
    [problem] = read_cohort(write(column(name, value))).errors
    asked = "if the point stands between thousands, write the number without it" in problem.expected
    assert asked == asks


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("31.12.2020", "1.2.2020"), ["2020-12-31", "2020-02-01"]),
        (("31/12/2020", "01/02/2020"), ["2020-12-31", "2020-02-01"]),
        (("12/31/2020", "01/02/2020"), ["2020-12-31", "2020-01-02"]),
        (("2020-12-31T00:00:00",), ["2020-12-31"]),
        (("31.12.2020", "2020-12-31"), "the column has dates in several forms"),
    ],
)
def test_dates(write, values, expected):
    cohort = read_cohort(write(column("biopsy_date", *values)))
    if isinstance(expected, str):
        assert [problem.row for problem in cohort.errors] == [*range(2, len(values) + 2)]
        assert expected in messages(cohort)[0]
    else:
        assert cohort.patients["biopsy_date"].dt.strftime("%Y-%m-%d").tolist() == expected


@pytest.mark.parametrize(
    "values",
    [
        ("01/02/2020", "03/04/2020"),
        ("31/12/2020", "12/31/2020", "01/02/2020"),
        ("09.01.21", "31.12.20"),  # the year may stand first
        ("9/1/21",),
        ("31.12.2020", "09.01.21"),
    ],
)
def test_of_dates_that_a_mapping_settles_one_error_is_said(write, values):
    [problem] = read_cohort(write(column("biopsy_date", *values))).errors
    assert (problem.row, problem.value) == (2, values[0])
    again = f"; the same in {len(values) - 1} more row{'s' * (len(values) > 2)}" * (len(values) > 1)
    assert problem.expected == (
        "the day or the month may stand first; expected a date as in 2020-12-31"
        f"{again}; in a mapping: dates: day (or month)"
    )


def test_dates_of_lesions_are_settled_among_lesions(write):
    lesions = write("patient,bone,mri_date\n1,femur,09.01.21\n", "lesions.csv")
    [problem] = read_cohort(write("patient,crp\n1,1\n"), lesions=lesions).errors
    assert problem.expected.endswith("in a mapping: lesions: {dates: day} (or month)")


@pytest.mark.parametrize(
    ("first", "values", "expected"),
    [
        ("day", ("09.01.21", "31.12.99", "01.03.50"), ["2021-01-09", "1999-12-31", "1950-03-01"]),
        ("month", ("09/01/21", "12/31/99"), ["2021-09-01", "1999-12-31"]),
        ("day", ("09.01.21", "31.12.2020", "29.02.00"), ["2021-01-09", "2020-12-31", "2000-02-29"]),
    ],
)
def test_a_mapping_lets_years_have_two_digits(write, first, values, expected):
    cohort = read_cohort(write(column("biopsy_date", *values)), write(f"dates: {first}\n", "m.yaml"))
    assert cohort.patients["biopsy_date"].dt.strftime("%Y-%m-%d").tolist() == expected
    assert not cohort.errors
    assert "a year of two digits is read as the one from 1950 on that has come" in cohort.notes[-1]


@pytest.mark.parametrize("value", ["01.01.49", "31.02.21", "21.12.31"])  # to come in 2049; no days
def test_a_year_of_two_digits_makes_no_date_out_of_none(write, value):
    cohort = read_cohort(write(column("biopsy_date", value)), write("dates: month\n", "m.yaml"))
    [problem] = cohort.errors
    assert problem.expected.startswith("is no day from 1900 until today")


def test_kinds_of_missing_values_are_told_apart(write):
    cohort = read_cohort(write(column("crp", "NA", "NR", "", "1", "NA")))
    assert cohort.patients["crp"].isna().tolist() == [True, True, True, False, True]
    assert cohort.missing["patients", "crp"] == 4
    assert cohort.kinds["crp"].astype(object).fillna("").tolist() == [
        "not_assessed",
        "not_reported",
        "",
        "",
        "not_assessed",
    ]


# ---- rows and columns --------------------------------------------------------------------------------------


def test_all_problems_come_at_once_and_rows_are_counted_as_a_spreadsheet_does(write):
    text = 'patient,male,note,crp\n1,j,"a\nb",1\n\n2,no,c,x\n3,yes\n,,,\n1,yes,,2\n4,yes,,3,4\n5,yes,,3,,\n'
    cohort = read_cohort(write(text))
    found = {(problem.row, problem.column, problem.value) for problem in cohort.errors}
    assert found == {(2, "male", "j"), (4, "crp", "x"), (5, "", ""), (7, "patient", "1"), (8, "", "")}
    assert "row 5: has 2 cells, expected 4 as in the header" in messages(cohort)[0]
    assert cohort.patients["patient"].tolist() == [1, 2, 1, 5]
    assert f"{cohort.file}: 2 empty rows are left out, rows 3, 6" in cohort.notes
    assert f"{cohort.file}: not in the codebook and left out: note" in cohort.notes


def test_one_empty_row_is_not_taken_for_a_number_of_rows(write):
    assert (
        read_cohort(write("patient,male\n1,yes\n,\n2,no\n"))
        .notes[0]
        .endswith("1 empty row is left out, row 3")
    )


def test_many_rows_of_a_kind_are_counted_not_listed(write):
    [alike] = read_cohort(write(column("crp", *["x"] * 250))).errors
    assert "the same in 249 more rows: 3, 4, 5, 6, 7, …; in a mapping" in str(alike)
    cohort = read_cohort(write(column("crp", *[f"x{i}" for i in range(250)])))
    assert len(cohort.errors) == problems.LISTED + 1
    assert messages(cohort)[-1].endswith("column crp: 240 more rows like these")


def test_names_that_look_like_code_are_only_names(write):
    cohort = require_sound(read_cohort(write("patient,__import__('os'),a + b,Male,age_onse\n1,2,3,yes,4\n")))
    assert list(cohort.patients) == ["patient", "male"]
    assert cohort.notes[0].endswith("read as: Male → male")
    assert cohort.notes[1].endswith("left out: __import__('os'), a + b, age_onse (is age_onset meant?)")


def test_a_column_that_stands_twice_is_named(write):
    cohort = read_cohort(write("patient,male,male,x,x\n1,yes,no,1,2\n"))
    assert "row 1, column male: is the same variable as column male" in messages(cohort)[0]
    assert "row 1, column x: stands twice in the header" in messages(cohort)[1]


def test_a_column_without_a_name_is_named_if_it_has_values(write):
    assert not read_cohort(write("patient,male,\n1,yes,\n")).problems
    assert "a column with values has no name" in messages(read_cohort(write("patient,male,\n1,yes,2\n")))[0]


def test_ten_thousand_columns(write):
    names = [f"column_{number}" for number in range(10_000)]
    start = time.process_time()
    cohort = require_sound(
        read_cohort(write(csv_of([["patient", "male", *names], ["1", "yes", *["2"] * 10_000]])))
    )
    assert time.process_time() - start < 20
    assert cohort.notes[0].endswith("column_19 and 9980 more")


def test_a_table_without_any_known_column_is_no_cohort(write):
    cohort = read_cohort(write("a,nsaid_trial_months\n1,2\n"))
    assert "no column is a variable of the codebook" in messages(cohort)[0]


def test_one_patient_and_equal_values_are_a_cohort(write):
    assert len(require_sound(read_cohort(write("patient,male\n1,yes\n"))).patients) == 1
    assert len(require_sound(read_cohort(write(column("crp", *["1"] * 50)))).patients) == 50


def test_how_many_values_are_missing_is_said_of_every_variable(write):
    patients = write("patient,male,crp,esr\na,yes,1,NA\nb,no,x,\n")
    cohort = read_cohort(patients, lesions=write("patient,signal\na,1\na,\n", "lesions.csv"))
    missing = understood(cohort).set_index(["table", "variable"])["missing"]
    assert missing["patients"].drop("patient").to_dict() == {
        "male": 0,
        "multifocal": 1,
        "n_lesions": 1,
        "esr": 2,
        "crp": 1,
        "signal_sum": 1,
    }
    assert missing["lesions", "signal"] == 0


def test_what_is_sound_and_cannot_be_analysed_is_said(write):
    rows = [["patient", "male", "crp", "esr", "n_lesions", "femur", "platelets"]]
    rows += [[str(row), "yes", "", "NA", str(row), "yes" if row < 5 else "", "350.000"] for row in range(10)]
    lesions = write("patient,bone,side\n0,,left\n", "lesions.csv")
    cohort = read_cohort(write(csv_of(rows)), lesions=lesions)
    assert [str(problem).partition("warning: ")[2] for problem in thin(cohort)] == [
        "no patient has a value of esr, crp",
        "no lesion has a value of bone",
        "all patients with a value have the same one: male, femur; nothing can go with it",
    ]
    assert not any(problem.is_error for problem in thin(cohort))


@pytest.mark.parametrize(
    ("n", "expected"), [(1, "1 patient is too few"), (9, "9 patients are too few"), (10, "")]
)
def test_few_patients_are_warned_of(write, n, expected):
    found = thin(read_cohort(write(column("crp", *map(str, range(n))))))
    assert [problem.expected[: len(expected)] for problem in found] == [expected] * bool(expected)


def test_keys_are_checked(write):
    cohort = read_cohort(write("patient,male\nA1,yes\nA1,no\n,yes\nNA,yes\n"))
    assert [(problem.row, problem.value) for problem in cohort.errors] == [(4, ""), (5, "NA"), (3, "A1")]
    assert "stands in row 2 as well; expected one row a patient" in messages(cohort)[2]


def test_of_a_patient_in_several_rows_the_first_is_named(write):
    cohort = read_cohort(write("patient,male\n7,yes\n8,no\n8,no\n7,no\n8,yes\n"))
    said = [(problem.row, problem.expected.partition(" as well")[0]) for problem in cohort.errors]
    assert said == [(4, "stands in row 3"), (5, "stands in row 2")]
    assert "; expected one row a patient" in cohort.errors[0].expected


def test_columns_that_more_bones_stand_in_than_are_counted_are_named(write):
    [problem] = read_cohort(write("patient,n_affected_bones,Femur,tibia,male\n1,1,yes,yes,yes\n")).errors
    expected = "is fewer than the columns that hold in the same row of these: Femur, tibia"
    assert problem.expected == expected


@pytest.mark.parametrize("n", [3, 31])
def test_of_two_units_in_a_column_the_values_to_convert_are_listed(write, n):
    """Those that a line of a mapping converts are within what is usual afterwards."""
    odd = [f"{34 + 0.5 * i:.1f}".replace(".", ",") for i in range(n)]
    file = write("patient;CRP\n" + "".join(f"{i};{x}\n" for i, x in enumerate(["0,5", "0,7"] * n + odd)))
    columns = "columns: {CRP: crp}\n"
    [said] = [p.expected for p in read_cohort(file, write(columns, "m.yaml")).warnings if p.column]
    assert "If not, say in a mapping: units: {CRP: 1}" in said
    line = re.search(r"in a mapping: (values: .*}})\.", said)
    assert bool(line) == (n == 3) and "convert these in the file" in said
    if line:
        assert line[1] == "values: {CRP: {'34,0': 3.4, '34,5': 3.45, '35,0': 3.5}}"
        mended = read_cohort(file, write(columns + line[1], "m.yaml"))
        assert mended.patients["crp"].max() == 3.5
        assert not [p for p in mended.problems if p.column]


def test_leading_zeros_of_a_key_are_kept(write):
    assert read_cohort(write("patient,male\n007,yes\n8,no\n")).patients["patient"].tolist() == ["007", "8"]


def test_without_a_key_rows_are_numbered(write):
    cohort = require_sound(read_cohort(write("male,crp\nyes,1\nno,2\n")))
    assert cohort.patients["patient"].tolist() == [1, 2]
    assert "there is no column patient" in cohort.notes[0]


def test_ages_and_the_time_between_them_are_checked(write):
    rows = ["1,7,5,", "2,7.1,9.1,24", "3,7.1,9.1,3", "4,7.1,7.1,0.5", "5,7.1,,3"]
    cohort = read_cohort(write("patient,age_onset,age_diagnosis,diagnostic_delay\n" + "\n".join(rows)))
    assert [(problem.row, problem.column, problem.value) for problem in cohort.errors] == [
        (2, "age_diagnosis", "5"),
        (4, "diagnostic_delay", "3"),
    ]


def test_ages_in_full_years_may_be_a_year_off(write):
    rows = ["1,7,8,1", "2,7,8,23.5", "3,7,8,30"]
    cohort = read_cohort(write("patient,age_onset,age_diagnosis,diagnostic_delay\n" + "\n".join(rows)))
    assert [problem.row for problem in cohort.errors] == [4]


def test_numbers_of_lesions_are_checked_against_bones_and_rules(write):
    text = "patient,n_lesions,femur,tibia,multifocal,n_affected_bones\n1,1,yes,yes,no,1\n2,1,yes,no,yes,1\n3,NA,yes,yes,,\n"
    found = {(problem.row, problem.column) for problem in read_cohort(write(text)).errors}
    assert found == {(2, "n_lesions"), (2, "n_affected_bones"), (3, "multifocal")}


def test_another_unit_is_suspected_from_the_median(write):
    cohort = require_sound(read_cohort(write(column("crp", *map(str, range(5, 16))))))
    [warning] = cohort.warnings
    assert (
        "column crp: warning: the median of 11 values is 10, expected 0 to 4 mg/dl; as in mg/l (times 0.1)"
        in str(warning)
    )
    assert not read_cohort(write(column("crp", "9", "9", "9"))).problems


def test_values_outside_the_limits_count_for_the_unit_too(write):
    cohort = read_cohort(write(column("platelets", *map(str, range(250, 260)))))
    [error] = cohort.errors  # one on the column, not one on every value
    assert "as in 10^9/l (times 1000)" in str(error)


def test_a_message_shows_no_other_value_of_a_patient(write):
    text = "patient,age_onset,age_diagnosis,diagnostic_delay,n_lesions,femur,tibia\nsecret,7.77,5.5,3,1,yes,yes\nsecret,7.77,17.7,3,x,no,no\n"
    for problem in read_cohort(write(text)).problems:
        others = {"secret", "7.77", "5.5", "17.7"} - {problem.value}
        assert not any(other in str(problem) for other in others)


def test_a_cell_is_shortened_and_kept_on_one_line(write):
    [message] = messages(read_cohort(write(f'patient,male\n1,"a\nb{"x" * 100}"\n')))
    assert "value 'a b" in message
    assert len(message.splitlines()) == 1
    assert "x" * 60 not in message


# ---- lesions -----------------------------------------------------------------------------------------------

LESION_ROWS = """patient,bone,side,signal,size,periosteal,collapse
a,femur,left,2,20,yes,
a,Femur,right,1,10.5,no,
a,thoracic_vertebra,midline,3,15,no,yes
b,ilium,left,1,,,
b,clavicle,left,1,5,no,
c,,left,1,5,no,
"""


def test_lesions_are_counted_for_each_patient(write):
    cohort = read_cohort(
        write("patient,crp\na,1\nb,2\nc,3\nd,4\n"), lesions=write(LESION_ROWS, "lesions.csv")
    )
    require_sound(cohort)
    table = cohort.patients.set_index("patient").astype(object)
    expected = {
        "n_lesions": [3, 2, 1, None],
        "multifocal": [True, True, False, None],
        "symmetric_lesions": [True, False, None, None],
        "n_regions": [2, 2, None, None],
        "n_spinal_lesions": [1, 0, None, None],
        "n_pelvic_lesions": [0, 1, None, None],
        "n_peripheral_lesions": [2, 0, None, None],
        "signal_sum": [6, 2, 1, None],
        "size_sum": [45.5, None, 5, None],
        "largest_lesion": [20, None, 5, None],
        "femur": [True, False, None, None],
        "pelvis": [False, True, None, None],
        "spine": [True, False, None, None],
        "thoracic_lesion": [True, False, None, None],
        "periosteal_reaction": [True, None, False, None],
        "vertebral_collapse": [True, False, None, None],
    }
    for name, values in expected.items():
        found = table[name].where(table[name].notna(), None)
        assert [None if pd.isna(value) else value for value in found] == values, name
    assert "bone_expansion" not in table
    assert [name for name in PATIENTS if name in table] == list(table)
    assert any("for whom nothing is derived: 1" in note for note in cohort.notes)
    assert cohort.lesions["bone"].tolist()[:2] == ["femur", "femur"]


def test_both_numbers_are_named_where_a_count_is_not_that_of_the_lesions(write):
    mapping = write("values: {n_lesions: {'>10': 11}}\n", "map.yaml")
    table = write("patient,n_lesions,femur\na,>10,no\nb,2,no\nc,1,no\n")
    found = read_cohort(table, mapping, lesions=write(LESION_ROWS, "lesions.csv"))
    said = "\n".join(messages(found))
    assert re.search(r"n_lesions, value '>10': is read as 11; \S*lesions.csv gives 3 for the patient", said)
    assert re.search(r"femur, value 'no': is read as no; \S*lesions.csv gives yes for the patient", said)


def test_errors_are_counted_alone_where_small_counts_are_hidden(write):
    cohort = read_cohort(write("patient,crp\nXQ,4711x\nb,2\n"))
    with pytest.raises(InputError) as caught:
        require_sound(cohort, hides=True)
    assert str(caught.value).startswith("cohort.csv cannot be analysed: 1 error; run crmo validate")
    with pytest.raises(InputError, match="4711x"):
        require_sound(cohort)


def test_the_order_of_lesions_does_not_matter(write):
    patients = write("patient,crp\na,1\nb,2\nc,3\n")
    header, *rows = LESION_ROWS.splitlines(keepends=True)
    tables = [
        read_cohort(patients, lesions=write(header + "".join(some), "lesions.csv")).patients
        for some in (rows, rows[::-1])
    ]
    pd.testing.assert_frame_equal(*tables)


def test_what_is_given_is_kept_and_a_conflict_is_named(write):
    patients = write("patient,n_lesions,femur,multifocal,spine\na,3,no,,NA\nb,5,no,yes,\n")
    lesions = write("".join(LESION_ROWS.splitlines(keepends=True)[:6]), "lesions.csv")
    cohort = read_cohort(patients, lesions=lesions)
    assert {(problem.row, problem.column, problem.value) for problem in cohort.errors} == {
        (2, "femur", "no"),
        (3, "n_lesions", "5"),
    }
    assert cohort.patients["multifocal"].tolist() == [True, True]
    assert cohort.patients["spine"].isna().tolist() == [True, False]


def test_keys_of_both_tables_are_checked(write):
    cohort = read_cohort(
        write("patient,crp\na,1\n"), lesions=write("patient,bone\nb,rib\n,rib\n", "lesions.csv")
    )
    assert [(problem.row, problem.value) for problem in cohort.errors] == [(3, ""), (2, "b")]
    cohort = read_cohort(write("crp\n1\n"), lesions=write("patient,bone\n1,rib\n", "lesions.csv"))
    assert "row 1, column patient: is missing; both tables need it" in messages(cohort)[0]


# ---- the mapping file --------------------------------------------------------------------------------------


def test_a_mapping_renames_recodes_converts_and_ignores(write):
    mapping = """
columns: {Pat ID: patient, "CRP (mg/l)": crp, sex: male}
values: {male: {m: yes, 2: no, x: no}, crp: {"<5": 2.5, -9: NR}}
units: {crp: 0.1}
ignore: [address]
lesions: {columns: {Id: patient, where: bone}, values: {bone: {OS: femur}}}
"""
    patients = write("Pat ID;CRP (mg/l);sex;address\nA1;12;m;x\nA2;<5;2;y\nA3;-9;q;\nA4;5000;m;\n")
    lesions = write("Id,where\nA1,OS\n", "lesions.csv")
    cohort = read_cohort(patients, mapping=write(mapping, "map.yaml"), lesions=lesions)
    assert cohort.patients["male"].tolist()[:2] == [True, False]
    assert cohort.patients["crp"].tolist()[:2] == [1.2, 0.25]
    assert cohort.kinds["crp"].tolist()[2] == "not_reported"
    assert cohort.patients["femur"].tolist()[0] is True
    assert [(problem.row, problem.column, problem.value) for problem in cohort.errors] == [
        (4, "sex", "q"),
        (5, "CRP (mg/l)", "5000"),
    ]
    assert "of 0 to 100 mg/dl, after multiplying by 0.1" in messages(cohort)[1]
    notes = [note.partition(".csv: ")[2] for note in cohort.notes]
    assert [note for note in notes if not note.startswith("derived from the lesions")] == [
        "read as: Pat ID → patient, CRP (mg/l) → crp, sex → male",
        "left out, as the mapping file says: address",
        "column sex has no value 'x', which the mapping file changes",
        "read as: Id → patient, where → bone",
        "patients without a row, for whom nothing is derived: 3",
    ]


def test_every_error_of_a_mapping_is_named(write):
    mapping = """
columns: {a: patiend, b: crp, c: crp, d: nsaid_trial_months}
values: {xx: {a: b}, crp: 3}
units: {crp: -1, male: 2, hemoglobin: yes, esr: .inf}
ignore: a
extra: 1
lesions: [1]
"""
    lines = refusal(write(csv_of()), mapping=write(mapping, "map.yaml")).splitlines()
    assert len(lines) == 13
    for expected in (
        "map.yaml: columns, a: 'patiend' is not in the codebook; is 'patient' meant?",
        "columns, c: another column becomes crp as well",
        "columns, d: 'nsaid_trial_months' is not in the codebook",
        "values, crp: expected a mapping of a text in the file to its meaning",
        "units, crp: the factor is -1, expected a number above 0",
        "units, male: is no number of the codebook",
        "ignore: expected a list",
        "extra: is not known; expected one of columns, values, units, ignore, decimal, dates, sheet",
        "lesions: expected a mapping",
    ):
        assert any(expected in line for line in lines), expected


def test_a_variable_of_the_other_table_is_sent_there(write):
    mapping = """
columns: {Seite: side, Signal: signal}
values: {Seite: {li: left}}
units: {size: 10}
lesions: {columns: {CRP: crp}}
"""
    assert [
        line.partition("yaml: ")[2]
        for line in refusal(write(csv_of()), write(mapping, "map.yaml")).splitlines()
    ] == [
        "columns, Seite: 'side' is a variable of lesions; put it below lesions: in the map",
        "columns, Signal: 'signal' is a variable of lesions; put it below lesions: in the map",
        "values, Seite: 'side' is a variable of lesions; put it below lesions: in the map",
        "units, size: 'size' is a variable of lesions; put it below lesions: in the map",
        "lesions, columns, CRP: 'crp' is a variable of patients; put it outside of lesions: in the map",
    ]


def test_a_table_of_lesions_that_the_map_forgets_is_answered_with_the_section(write):
    patients, lesions = write("Nr,crp\na,1\n"), write("Nr,signal\na,1\n", "lesions.csv")
    cohort = read_cohort(patients, write("columns: {Nr: patient}", "map.yaml"), lesions=lesions)
    [message] = messages(cohort)
    assert message.endswith("put together; in a mapping file, rename its columns below lesions:")
    mapping = write("columns: {Nr: patient}\nlesions: {columns: {Nr: patient}}", "map.yaml")
    assert require_sound(read_cohort(patients, mapping, lesions=lesions)).patients["signal_sum"].tolist() == [
        1
    ]
    cohort = read_cohort(patients, mapping)
    assert any(note.endswith("there is no such table; give it with --lesions") for note in cohort.notes)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("c_reactive_prot", "crp"),
        ("CRP [mg/l]", "crp"),
        ("Erythrocyte sedimentation", "esr"),
        ("Haemoglobin", "hemoglobin"),
        ("patiend", "patient"),
        ("active_dispite", "active_despite"),
        ("remarks", ""),
        ("Adresse", ""),
    ],
)
def test_a_variable_is_suggested_by_its_name_or_label_if_it_is_close(name, meant):
    assert near(name, PATIENTS) == meant


def test_a_wrong_meaning_is_the_mapping_files_fault(write):
    mapping = write("values: {sex: {m: maybe, w: no}, crp: {'<5': 500}}\ncolumns: {sex: male}", "map.yaml")
    cohort = read_cohort(write("patient,sex,crp\n1,m,<5\n2,m,<5\n3,w,1\n4,x,2\n"), mapping)
    assert [message.removeprefix(f"{mapping.parent}/") for message in messages(cohort)] == [
        "cohort.csv, row 5, column sex, value 'x': expected yes or no (or true and false, 1 and 0); in a "
        "mapping: values: {sex: {x: …}}",
        "map.yaml: values, sex: 'm' becomes 'maybe': expected yes or no (or true and false, 1 and 0)",
        "map.yaml: values, crp: '<5' becomes '500': expected a number of 0 to 100 mg/dl",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "columns: {crp: esr, crp: crp}",
            "line 1: the key 'crp' stands in line 1 already; keep one of the two",
        ),
        ("units: {crp: 1}\nvalues: {}\nunits: {}", "line 3: the key 'units' stands in line 1 already"),
        ("values:\n  male:\n    m: yes\n    m: no", "line 4: the key 'm' stands in line 3 already"),
        ("values: {age_diagnosis: {133: 13,3}}", "values, age_diagnosis: '3' has no meaning; write '3': NA"),
        (
            "values: {male: {1: yes, yes: yes}}",
            "line 1: the key 'yes' is the same as '1' in line 1; put one of",
        ),
        (
            "values: {male: {1: yes, '1': no}}",
            "values, male: '1' stands there twice, in quotes and without them",
        ),
        (
            "columns: {Sex: male}\nvalues: {Sex: {m: yes}, male: {w: no}}",
            "values, male: the values of male stand",
        ),
    ],
)
def test_a_key_that_stands_twice_is_refused(write, content, expected):
    assert f"map.yaml: {expected}" in refusal(write(csv_of()), mapping=write(content, "map.yaml"))


def test_a_mapping_of_columns_that_are_not_there_is_named(write):
    cohort = read_cohort(write(csv_of()), mapping=write("columns: {CRB: crp}\nignore: [mal]\n", "map.yaml"))
    assert [message.partition(": ")[2] for message in messages(cohort)] == [
        f"CRB: {cohort.file} has no such column; is 'crp' meant?",
        f"mal: {cohort.file} has no such column; is 'male' meant?",
    ]


@pytest.mark.parametrize(
    "content", ["- 1", "a: [b", "x: !!python/object/apply:os.system ['true']", "\0", b"\xff\xfe\xfa"]
)
def test_a_mapping_that_is_no_plain_yaml_is_refused(write, content):
    assert "map.yaml: " in refusal(write(csv_of()), mapping=write(content, "map.yaml"))


def test_a_mapping_that_unfolds_without_end_is_refused(write):
    lines = [
        "values: {crp: {a: &a0 [x, x]}}",
        *(f"k{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)),
    ]
    mapping = "\n".join([*lines, "columns: {b: *a11}", "units: {crp: *a11}"])
    assert "a reference (*) to another part is not read" in refusal(
        write(csv_of()), mapping=write(mapping, "map.yaml")
    )


def test_a_mapping_that_is_not_there_is_refused(write, tmp_path):
    assert "there is no such file" in refusal(write(csv_of()), mapping=tmp_path / "map.yaml")


# ---- what validate says ------------------------------------------------------------------------------------


def test_validate_counts_and_warns_once_and_says_what_to_do(write):
    path = write(column("crp", *["9"] * 5, "x"))
    result = CliRunner().invoke(main, ["validate", str(path)])
    [unit, *thin_ones] = [line for line in result.output.splitlines() if line.startswith("warning: ")]
    assert unit.startswith(f"warning: {path}, column crp: the median of 5 values is 9, expected 0 to 4 mg/dl")
    assert thin_ones == [
        f"warning: {path}: 6 patients are too few for a regression of an outcome; a description is what they "
        f"allow"
    ]
    assert re.search(r"crp +crp +5 +1 +9 to 9 mg/dl +9\n", result.output)
    assert "6 patients, 1 variable of the codebook\n1 error, 2 warnings\n" in result.output
    assert "Put the errors right, or map its columns with --map." in " ".join(result.output.split())
    mapping = write("ignore: [crp]", "map.yaml")
    result = CliRunner().invoke(main, ["validate", str(path), "--map", str(mapping)])
    assert f"Put the errors right there or in {mapping}." in " ".join(result.output.split())


# ---- writing -----------------------------------------------------------------------------------------------


def column_of(variable, n):
    """Values of a variable, some missing."""
    low = 0 if variable.minimum is None else float(variable.minimum)
    high = 1000 if variable.maximum is None else float(variable.maximum)
    match variable.type:
        case "boolean":
            values, kind = st.booleans(), "boolean"
        case "category":
            values, kind = st.sampled_from(variable.categories), "string"
        case "date":
            days = st.dates(datetime.date(1900, 1, 1), datetime.date.today())
            values, kind = days.map(lambda day: np.datetime64(day, "s")), "datetime64[s]"
        case "integer":
            values, kind = st.integers(int(low), int(high)), "Int64"
            values = values.filter(lambda value: value not in variable.impossible)
        case _:
            values, kind = st.floats(low, high), "Float64"
    return st.lists(st.none() | values, min_size=n, max_size=n).map(
        lambda given: pd.Series(pd.array(given, dtype=kind))
    )


@st.composite
def tables(draw):
    n = draw(st.integers(1, 5))
    names = draw(
        st.sets(
            st.sampled_from([n for n, v in PATIENTS.items() if v.level == "patient"]), min_size=1, max_size=8
        )
    )
    keys = st.just(pd.Series(range(1, n + 1))) | st.just(
        pd.Series([f'A;{i}, "x"' for i in range(n)], dtype="string")
    )
    table = pd.DataFrame(
        {"patient": draw(keys)}
        | {name: draw(column_of(PATIENTS[name], n)) for name in PATIENTS if name in names}
    )
    if draw(st.booleans()):
        table["reconstructed"] = pd.Series([True] * n, dtype="boolean")
    return table


@MANY
@given(table=tables())
def test_what_is_written_is_read_back(tmp_path, table):
    before = table.copy()
    cohort = read_cohort(write_cohort(table, tmp_path / "out" / "cohort.csv"))
    pd.testing.assert_frame_equal(cohort.patients, table)
    pd.testing.assert_frame_equal(table, before)
    assert cohort.is_reconstructed == ("reconstructed" in table)


def test_kinds_of_missing_values_are_written_back(write, tmp_path):
    path = write("patient,crp,male\n1,NA,yes\n2,NR,\n3,1.0,NA\n")
    cohort = read_cohort(path)
    assert write_cohort(cohort.patients, tmp_path / "again.csv", cohort.kinds).read_bytes() == (
        b"patient,male,crp\n1,yes,NA\n2,,NR\n3,NA,1.0\n"
    )


def test_lesions_are_written_and_read_back(write, tmp_path):
    patients, lesions = write("patient,crp\na,1\nb,2\nc,3\n"), write(LESION_ROWS, "lesions.csv")
    first = read_cohort(patients, lesions=lesions)
    again = read_cohort(
        write_cohort(first.patients, tmp_path / "p.csv"),
        lesions=write_cohort(first.lesions, tmp_path / "l.csv"),
    )
    require_sound(again)
    pd.testing.assert_frame_equal(again.lesions, first.lesions)
    pd.testing.assert_frame_equal(again.patients, first.patients)


def test_only_csv_is_written(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.csv"):
        write_cohort(pd.DataFrame({"patient": [1]}), tmp_path / "cohort.xlsx")


def test_a_table_is_made_up_altogether_or_not_at_all(write):
    cohort = read_cohort(write("patient,male,reconstructed\n1,yes,yes\n2,no,no\n3,yes,\n"))
    assert cohort.is_reconstructed
    assert [problem.row for problem in cohort.errors] == [3, 4]
    assert not read_cohort(write("patient,male,reconstructed\n1,yes,no\n")).is_reconstructed


@pytest.mark.parametrize("path", sorted(files.COHORTS.glob("*.csv")), ids=lambda path: path.stem)
def test_the_projects_reconstructed_cohorts_are_recognised(path, tmp_path):
    cohort = read_cohort(path, codebook=read_study(path.stem).codebook)
    assert isinstance(cohort, Cohort)
    assert cohort.is_reconstructed
    assert not cohort.notes
    assert write_cohort(cohort.patients, tmp_path / "again.csv").read_bytes() == path.read_bytes()


# ---- the codebook's further parts --------------------------------------------------------------------------


def test_bones_are_those_of_a_lesion_and_lead_to_variables_of_a_patient():
    bones = read_section("bones")
    assert list(bones) == list(LESIONS["bone"].categories)
    for fields in bones.values():
        assert set(fields) <= {"counted_in", "involves"}
        assert PATIENTS[fields["counted_in"]].type == "integer"
        assert all(PATIENTS[name].type == "boolean" for name in fields.get("involves", ()))


def test_units_and_rules_are_of_variables_that_there_are():
    both = PATIENTS | LESIONS
    assert not set(PATIENTS) & set(LESIONS)
    for name, usual in read_section("units").items():
        low, high = usual["median"]
        assert both[name].minimum <= low < high <= both[name].maximum
        assert all(factor > 0 for factor in usual["instead"].values())
    for rule in read_section("rules"):
        assert rule["about"] in expressions.variables(expressions.parse(rule["always"], PATIENTS))
        assert rule["because"]


# ---- cells that a spreadsheet would run --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2+3", "'-2+3"),
        (" =1", "' =1"),
        ("-2", "-2"),
        ("+3.5", "+3.5"),
        ("-1.2e-5", "-1.2e-5"),
        ("-12,5 %", "-12,5 %"),
        ("-0.06 (-0.32 to 0.22)", "-0.06 (-0.32 to 0.22)"),
        ("P=1", "P=1"),
        ("", ""),
        (-2.5, -2.5),
    ],
)
def test_what_looks_like_a_formula_is_text_and_numbers_are_left_alone(cell, expected):
    assert neutral(cell) == expected


def test_ids_that_look_like_formulas_are_exported_as_text_and_read_back(tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("patient,n_lesions\n=1+1,3\n-7,4\n@x,5\n", encoding="utf-8")
    read = read_cohort(first)
    write_cohort(read.patients, second)
    assert second.read_text(encoding="utf-8") == "patient,n_lesions\n'=1+1,3\n-7,4\n'@x,5\n"
    assert list(read_cohort(second).patients["patient"]) == ["=1+1", "-7", "@x"]
    assert "'=1+1" in csv_text(pd.DataFrame({"left_out": ["=1+1"], "estimate": [-0.5]}))
    assert "-0.5" in csv_text(pd.DataFrame({"left_out": ["=1+1"], "estimate": [-0.5]}))
