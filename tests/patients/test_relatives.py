"""Small made-up files of every kind that clinics keep: none is read otherwise than it says without a word."""

import datetime
import io
import re

import openpyxl
import pandas as pd
import pytest

from crmo_analysis.files import InputError
from crmo_analysis.patients import mapping_skeleton, read_cohort

HEADER = ["patient", "n_lesions", "clinical_severity", "age_diagnosis", "crp"]
ROWS = [
    [f"P{i:02}", (1, 2, 5, 3, 8)[i % 5], (4, 2, 6, 3, 7, 0, 5)[i % 7], 4 + (i * 7) % 11, 0.1 * (1 + i % 9)]
    for i in range(1, 13)
]


def csv(*rows, d=","):
    return "\n".join(
        d.join(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row) for row in rows
    )


TABLE = csv(HEADER, *ROWS)
PATIENTS = "patient,clinical_severity\nA,3\nB,4\n"


@pytest.fixture
def answer(tmp_path):
    """Return a function that reads files: the cohort, or the text of the refusal."""

    def answer(content, mapping="", lesions="", name="c.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options = {}
        for key, text in (("mapping", mapping), ("lesions", lesions)):
            if text:
                options[key] = tmp_path / (f"{key}.yaml" if key == "mapping" else f"{key}.csv")
                options[key].write_text(text, encoding="utf-8")
        try:
            return read_cohort(path, **options)
        except InputError as refused:
            return str(refused)

    return answer


def said(found):
    return found if isinstance(found, str) else "\n".join([*map(str, found.problems), *found.notes])


# ---- rows that are no patients -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{TABLE}\nMittelwert,3.8,3.9,8,0.5\nSD,2,2,3,1", "row 15, value 'SD': warning: is left out"),
        (f"{TABLE}\nN=12,,,,", "row 14, value 'N=12': warning: is left out: it is a total"),
        (f"{csv(HEADER, *ROWS[:6])}\nSubtotal,20,,,\n{csv(*ROWS[6:])}", "row 8, value 'Subtotal'"),
        (f"{TABLE}\n* crp in mg/dl\nSource: the registry of 1 March", "row 15, value 'Source: the"),
        (f"# exported by a tool\n{TABLE}", "row 1, value '# exported by a tool': warning"),
        (f"Stand: 1, 2, 3 und mehr\n\n{csv(HEADER, *ROWS, d=';')}", "stands above the header"),
        (f"{csv(HEADER, *ROWS[:6])}\n{csv(HEADER, *ROWS[6:])}", "the header stands here again"),
        (csv(HEADER, ["", "", "points", "(years)", "mg/dl"], *ROWS), "is left out: it holds units"),
        (
            csv(["", *HEADER], *[[3 * i, *row] for i, row in enumerate(ROWS)]),
            "column A has no name and numbers",
        ),
        (
            f"{csv(HEADER, *ROWS[:6])}\nZentrum B,,,,\n{csv(*ROWS[6:])}",
            "row 8, value 'Zentrum B': warning: is left out",
        ),
        (f"{TABLE}\n,,,,\nStatistik,,,,\nMittelwert,3.8,,,", "value 'Statistik': warning: is left out"),
        (f"{TABLE}\n , ,,,\n , ,,,\nP13,1,2,5,0.2", "2 empty rows are left out, rows 14, 15"),
        (
            csv(["nr", *HEADER], *[[i, *row] for i, row in enumerate(ROWS)], [12, "Total", 47, "", "", ""]),
            "a total",
        ),
        (f"Klinik,Klinik,MRT,,\n{TABLE}", "row 1, value 'Klinik, Klinik, …': warning"),
        (f"{TABLE}\nMoyenne,3.8,3.9,8,0.5\nÉcart-type,2,2,3,1", "value 'Écart-type': warning: is left out"),
        (f"{TABLE}\nMW,3.8,3.9,8,0.5\nStandardabweichung,2,2,3,1", "row 14, value 'MW': warning"),
        (f"{TABLE}\nToplam,47,47,99,6", "value 'Toplam': warning: is left out: it is a total"),
        (
            csv(HEADER, ["ID", "Lesions", "Severity", "Age", "CRP in mg/dl"], *ROWS),
            "holds labels of the columns",
        ),
        (
            f"{csv(HEADER, *ROWS[:6])}\nPage 1 of 2,,,,\n{csv([*map(str.upper, HEADER)], *ROWS[6:])}",
            "row 8, value 'Page 1 of 2': warning: is left out: it numbers a page",
        ),
    ],
)
def test_what_is_no_patient_is_left_out_and_said(answer, text, expected):
    found = answer(text)
    assert expected in said(found)
    assert not found.errors
    assert found.patients["n_lesions"].tolist()[:12] == [row[1] for row in ROWS]
    assert found.patients["patient"].iloc[-1] == ("P13" if "P13" in text else "P12")


@pytest.mark.parametrize(
    ("last", "what"),
    [
        ([13, sum(row[1] for row in ROWS), sum(row[2] for row in ROWS), "", ""], "sum"),
        (
            [
                "x",
                4,
                4,
                round(sum(row[3] for row in ROWS) / 12, 1),
                round(sum(row[4] for row in ROWS) / 12, 2),
            ],
            "mean",
        ),
    ],
)
def test_a_last_row_that_adds_up_the_others_is_refused_whatever_its_name(answer, last, what):
    found = answer(csv(HEADER, *ROWS, last))
    assert f"row 14: every number is the {what} of the rows above" in said(found)


def test_names_that_could_be_statistics_are_patients(answer):
    assert len(answer(csv(HEADER, ["Max", 1, 2, 7, 1], ["Min", 2, 3, 8, 1])).patients) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            csv(["", *HEADER[1:]], *ROWS),
            "call it 'column A' in a mapping, as in columns: {column A: patient}",
        ),
        (csv(HEADER, *[[i, *row] for i, row in enumerate(ROWS)], d="\t"), "row names of R's write.table"),
        ("patient,crp,n_lesions\nA,0,5,3\nB,1,2,4", "save it with semicolons"),
        (csv(HEADER, *ROWS, d="^"), "Cells are separated by comma, semicolon, tab or bar"),
        ("'patient','crp'\n'A','1'", "quotation marks of another kind"),
        ("patient;Ödem\nA;1".encode("mac_roman"), "has letters that seem to have been written otherwise"),
        (
            "patient;Ödem\nA;1".encode().decode("cp1252").encode(),
            "has letters that seem to have been written",
        ),
    ],
)
def test_a_table_in_another_shape_is_answered_with_what_to_do(answer, text, expected):
    assert expected in said(answer(text))


def test_a_column_without_a_name_can_be_mapped(answer):
    found = answer(csv(["", *HEADER[1:]], *ROWS), "columns: {column A: patient}")
    assert found.patients["patient"].tolist() == [row[0] for row in ROWS]


# ---- numbers, units, codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mapping", "name", "expected"),
    [
        ("patient;platelets;crp\na;250.000;0,5\nb;310.500;1,5", "", "platelets", [250_000, 310_500]),
        ("patient;size_sum;crp\na;1.250;0,5\nb;2.500;1,5", "", "size_sum", [1250, 2500]),
        ("patient;size_sum\na;1.250\nb;2.500", "decimal: comma", "size_sum", [1250, 2500]),
        ("patient;size_sum\na;1,250\nb;2,500", "decimal: comma", "size_sum", [1.25, 2.5]),
        ("patient;size_sum\na;1,250\nb;2,500", "decimal: point", "size_sum", [1250, 2500]),
        ("patient;size_sum\na;1.234,5\nb;1.350.000,0", "", "size_sum", [1234.5, None]),
        (
            "patient;size_sum\na;1.250\nb;2.500",
            "",
            "size_sum",
            "read with a decimal point; if it stands between",
        ),
        (
            "patient;size_sum\na;1,250\nb;2,500",
            "",
            "size_sum",
            "say so in a mapping file, as in decimal: comma",
        ),
        (
            "patient;age_onset;crp\na;7,5;1.250\nb;8,5;2.500",
            "",
            "crp",
            "the mark can be a decimal one or stand",
        ),
        (
            "patient;crp\na;1,5\nb;0.5",
            "decimal: comma",
            "crp",
            "expected a decimal comma, as the mapping file says",
        ),
        ("patient;crp\na;03. Mai\nb;2", "", "crp", "not a date, which Excel makes of a text"),
        ("patient;biopsy_date\na;43555", "", "biopsy_date", "as a number of Excel it is 2019-03-31"),
        ("patient;biopsy_date\na;1900-01-01", "", "biopsy_date", "is where a program begins to count days"),
        ("patient;biopsy_date\na;01/02/2020", "", "biopsy_date", "in a mapping: dates: day"),
        ("patient;male\na;1\nb;2", "", "male", "in a mapping: values: {male: {1: …, 2: …}}"),
        ("patient;sex\na;1\nb;0", "columns: {sex: male}", "male", "values: {sex: {1: yes, 0: no}}"),
        ("patient;CRP (mg/l)\na;12", "columns: {CRP (mg/l): crp}", "crp", "units: {'CRP (mg/l)': 0.1}"),
        ("patient;CRP (mg/l)\na;12", "columns: {CRP (mg/l): crp}\nunits: {crp: 0.1}", "crp", [1.2]),
        ("patient;CRP in mg/l\na;12", "columns: {CRP in mg/l: crp}", "crp", "units: {'CRP in mg/l': 0.1}"),
        (
            "patient;age_months\na;12",
            "columns: {age_months: age_onset}",
            "age_onset",
            "says months, the codebook years",
        ),
        ("patient;crp\na;0,5\nb;<0,6\nc;1,5", "values: {crp: {'<0,6': 0.3}}", "crp", [0.5, 0.3, 1.5]),
        ("patient;crp\na;0,5\nb;<0,6\nc;1,5", "values: {crp: {'<0,6': '0,3'}}", "crp", [0.5, 0.3, 1.5]),
        ("patient;fever\na;yes\nb;\nc;\nd;yes\ne;", "", "fever", "in a mapping: values: {fever: {'': no}}"),
        ("patient;fever\na;x\nb;", "values: {fever: {x: yes, '': no}}", "fever", [True, False]),
        ("patient;crp\na;k.A.\nb;1", "", "crp", "in a mapping: values: {crp: {'k.A.': NR}}"),
        ("patient;n_lesions\na;-1\nb;999", "", "n_lesions", "values: {n_lesions: {'-1': NR, 999: NR}}"),
        ("patient;platelets;crp\na;250 000;0,5\nb;1\u202f310 500;1,5", "", "platelets", [250_000, 1_310_500]),
        ("patient;platelets;crp\na;250'000;0.5\nb;310’500;1.5", "", "platelets", [250_000, 310_500]),
        (
            "patient;platelets\na;250 000",
            "",
            "platelets",
            "read with a blank or an apostrophe between thousands",
        ),
        ("patient;platelets\na;25 00", "", "platelets", "value '25 00': expected a number"),
        ("patient;n_lesions\na;2-3\nb;>10", "", "n_lesions", "values: {n_lesions: {'2-3': …, '>10': …}}"),
        ("patient;n_lesions\na;5+\nb;4?", "", "n_lesions", "values: {n_lesions: {'5+': …, '4?': …}}"),
        ("patient,age_onset\na,5 y 3 m\nb,5;3\nc,7 Jahre", "", "age_onset", "{'5 y 3 m': 5.25, '5;3': 5.25"),
        ("patient,age_onset\na,63 Monate", "", "age_onset", "{'63 Monate': 5.25}"),
        ("patient;age_onset\na;2010-01-01", "", "age_onset", "expected an age in years, not a date"),
        ("patient;biopsy_date\na;2019/03/31\nb;20200501", "", "biopsy_date", ["2019-03-31", "2020-05-01"]),
        ("patient;biopsy_date\na;2019-03-31 14:20", "", "biopsy_date", "the time of day is left out"),
        (
            "patient;fever\na;1.0\nb;0.0",
            "",
            "fever",
            "in a mapping: values: {fever: {'1.0': yes, '0.0': no}}",
        ),
        ("patient;fever\na;-1\nb;0", "", "fever", "in a mapping: values: {fever: {'-1': …}}"),
        ("patient;fever\na;evet\nb;hayır\nc;nej", "", "fever", "{evet: yes, hayır: no, nej: no}"),
        ("patient;n_lesions\na;3\nb;99\nc;2", "", "n_lesions", "values: {n_lesions: {99: NR}}"),
        ("patient;n_lesions\na;.a\nb;#N/A", "", "n_lesions", "values: {n_lesions: {'.a': NR, '#N/A': NR}}"),
    ],
)
def test_a_number_is_what_the_file_says_or_asked_about(answer, text, mapping, name, expected):
    found = answer(text, mapping)
    if isinstance(expected, str):
        assert expected in said(found)
    else:
        values = found.patients[name].astype(str if name.endswith("date") else object)
        assert [
            None if value is None or value != value else value for value in values.where(values.notna(), None)
        ] == expected


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        (
            "crp",
            [0.1, 0.3, 0.5, 0.4, 1.2, 0.2, 12, 25, 33, 0.6, 0.8, 15],
            "4 of 12 values are 12 to 33 mg/dl, as in mg/l",
        ),
        (
            "hemoglobin",
            [12.1, 11.3, 13, 7.1, 7.8, 12.2, 6.9, 12.4, 7.5],
            "4 of 9 values are 6.9 to 7.8 g/dl, as in mmol/l",
        ),
        ("age_diagnosis", [90, 120, 144, 60, 72], "as in months (times 0.083333)"),
        ("follow_up", [24, 36, 12, 60, 48], "as in months (times 0.083333)"),
        ("physician_global", [1, 2, 3, 2, 1, 0, 4, 9, 9], "values: {physician_global: {9: NR}}"),
        ("esr", [10, 20, 30, 12, 15, 99, 99, 40], "values: {esr: {99: NR}}"),
        ("esr", [10, 20, 80, 12, 15, 99, 85, 90], ""),
        ("esr", [60, 70, 98], ""),
        ("crp", [0.1, 0.3, 0.5, 0.4, 62, 70, 85, 90], "4 are within: are there two units in the column?"),
        ("age_diagnosis", [90, 120, 144, 60, 72], "in a mapping: units: {age_diagnosis: 0.083333} (or 1)"),
        ("crp", [0.1, 0.3, 0.5, 11, 0.2, 2, 4, 0.6, 0.8, 1, 0.4], ""),
    ],
)
def test_what_a_column_as_a_whole_says_is_asked_about(answer, name, values, expected):
    found = answer(csv(["patient", name], *[[i, float(value)] for i, value in enumerate(values)]))
    assert expected in said(found)
    assert bool(found.problems) == bool(expected)


def test_ages_beyond_the_limits_are_explained_by_another_unit(answer):
    ages = [5.5, 7, 8, 9, 10, 11, 12, 13, 4, 6, 7.5, 8.5] * 3 + [84, 134, 35]  # a twelfth is in months
    found = answer(csv(["patient", "age_onset"], *[[i, age] for i, age in enumerate(ages)]))
    assert "values: {age_onset: {84: 7, 134: 11.1667, 35: 2.91667}}" in said(found)
    assert "Which of the other values are in months, the source tells alone" in said(found)
    assert "weeks" not in said(found)
    converted = answer(
        csv(["patient", "age_onset"], *[[i, 12 * age] for i, age in enumerate(ages[:36])]),
        "units: {age_onset: 0.083333}",
    )
    assert converted.patients["age_onset"].tolist() == ages[:36]


# ---- keys and lesions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patients", "lesions", "expected"),
    [
        (("p01", "B"), ("P01",), "one there is the same but for"),
        (("1", "2"), ("1.0",), "one there is the same but for"),
        (("P-01", "2"), ("P01",), "one there is the same but for"),
        (("007", "2"), ("7",), "one there is the same but for"),
        (("1", "2"), ("3",), "value '3': is no patient"),
        (
            ("1", "01"),
            (),
            "row 3, column patient, value '01': warning: is the same as an earlier patient but for",
        ),
        (("1.2E+11", "1.3E+11"), (), "looks like a long number that Excel shortened"),
        (("2024-03-05", "2"), (), "looks like a date that Excel made"),
        (("nan", "2"), (), "value 'nan': warning: is a word for a missing value"),
    ],
)
def test_keys_that_are_nearly_alike_are_said(answer, patients, lesions, expected):
    table = csv(["patient", "crp"], *[[key, 1] for key in patients])
    assert expected in said(
        answer(table, lesions=csv(["patient", "bone"], *[[k, "rib"] for k in lesions]) * bool(lesions))
    )


@pytest.mark.parametrize("key", ["P\u00a001", "P 01\u200b", '="P 01"'])
def test_what_cannot_be_seen_in_a_key_is_taken_off(answer, key):
    found = answer("patient,crp\nP 01,1", lesions=f"patient,bone\n{key},rib")
    assert found.patients["n_lesions"].tolist() == [1]


@pytest.mark.parametrize(
    ("rows", "mapping", "expected"),
    [
        (
            "A,femur,left,2020-01-01\nA,rib,left,2021-01-01",
            "",
            "say in a mapping which one counts: lesions: {scan: last}",
        ),
        (
            "A,femur,left,2020-01-01\nA,rib,left,2021-01-01\nA,rib,right,2021-01-01",
            "lesions: {scan: last}",
            2,
        ),
        (
            "A,femur,left,2020-01-01\nA,rib,left,2021-01-01\nA,rib,right,2021-01-01",
            "lesions: {scan: first}",
            1,
        ),
        ("A,femur,left,2020-01-01\nA,femur,left,2021-01-01", "", 1),
        ("A,femur,left,2020-01-01\nA,femur,left,2020-01-01", "", "is a lesion counted twice"),
        (
            "A,femur,left,2020-01-01\nA,rib,left,",
            "",
            "is missing, while other lesions of the patient have one",
        ),
        ("A,femur,both,\nB,rib,L,", "", "{both: both, L: left}"),
        ("A,,,\nB,rib,left,", "", "1 row without a value of a lesion, left out: 2"),
        ("A,femur,left,\nTotal,,,", "", "'Total': warning: is left out"),
        ("A,femur,bilateral,", "", "of a lesion on both sides, which is two, a mapping says both"),
        (
            "A,femur,bds.,\nB,rib,left,",
            "lesions: {values: {side: {bds.: both}}}",
            "1 lesion on both sides, each",
        ),
        ("A,femur,bds.,\nB,rib,left,", "lesions: {values: {side: {bds.: both}}}", 2),
        ("A,femur,left,\nA,femur,right,", "lesions: {values: {side: {bds.: both}}}", 2),
        ("A,none,,\nB,rib,,", "", "lesions: {values: {bone: {none: ''}}}"),
        ("A,none,,\nB,rib,,", "lesions: {values: {bone: {none: ''}}}", None),
    ],
)
def test_a_lesion_is_counted_once_or_asked_about(answer, rows, mapping, expected):
    found = answer(PATIENTS, mapping, f"patient,bone,side,mri_date\n{rows}")
    if isinstance(expected, str):
        assert expected in said(found)
    else:
        n = found.patients["n_lesions"][0]
        assert n is pd.NA if expected is None else n == expected


def test_a_column_of_counts_beside_lesions_is_asked_about(answer):
    found = answer(PATIENTS, lesions="patient,bone,count\nA,rib,3\nB,rib,1")
    assert "column count: warning: is left out, so that each row is one lesion" in said(found)
    assert "is left out, so" not in said(answer(PATIENTS, lesions="patient,bone,count\nA,rib,1\nB,rib,1"))


def test_rows_that_differ_in_what_is_not_read_are_asked_about(answer):
    found = answer(PATIENTS, lesions="patient,bone,visit\nA,rib,1\nA,rib,2")
    assert "differ only in what is left out (visit)" in said(found)


SEEN = "patient,bone,side,Visite\nA,rib,left,first\nA,rib,left,later\nA,femur,left,later\nB,rib,left,later"


@pytest.mark.parametrize(
    ("mapping", "n", "expected"),
    [
        ("", 3, "in a mapping: lesions: {columns: {Visite: event}, event: first}"),
        ("lesions: {ignore: [Visite]}", 3, "column Visite: warning: tells visits of a patient apart"),
        ("lesions: {columns: {Visite: event}, event: first}", 1, "2 rows"),
        (
            "lesions: {columns: {Visite: event}, event: later}",
            2,
            "left out, as the mapping file says: 1 row, 2",
        ),
    ],
)
def test_lesions_of_several_visits_are_counted_at_one_or_asked_about(answer, mapping, n, expected):
    lesions = SEEN if n != 1 else SEEN.replace("B,rib,left,later", "B,rib,left,first")
    found = answer(PATIENTS, mapping, lesions)
    assert found.patients["n_lesions"].tolist()[0] == n
    assert expected in said(found)
    assert bool(found.errors) == (mapping == "")


def test_which_visit_counts_is_asked_for_where_nobody_says_it(answer):
    assert "as in lesions: {event: first}" in said(
        answer(PATIENTS, "lesions: {columns: {Visite: event}}", SEEN)
    )
    wrong = answer(PATIENTS, "lesions: {columns: {Visite: event}, event: last}", SEEN)
    assert "there is no event 'last'; there are first, later" in wrong
    assert not answer(PATIENTS, "", SEEN.replace("first", "later")).errors
    apart = answer("patient,event,crp\nA,1 May,0.5\nB,2 May,0.7")
    assert "each patient is in one of 2 events; all are read" in said(apart)
    assert "2 May" not in said(apart)


def test_of_patients_with_a_row_a_visit_one_is_read(answer):
    table = "patient,Visite,n_lesions,count\nA,V1,3,4\nA,V2,1,5\nB,V1,2,6"
    assert "in a mapping: columns: {Visite: event}, event: …" in said(answer(table))
    found = answer(table, "columns: {Visite: event}\nevent: V1")
    assert not found.errors
    assert found.patients.columns.tolist() == ["patient", "n_lesions"]
    assert found.patients["n_lesions"].tolist() == [3, 2]


# ---- workbooks ---------------------------------------------------------------------------------------------


def workbook(change=None, **sheets):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    if change:
        change(made)
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def test_a_sheet_of_lesions_may_have_another_name_and_two_are_refused(answer):
    lesions = [["patient", "bone"], ["P01", "rib"], ["P01", "femur"]]
    found = answer(workbook(A=[["patient", "crp"], ["P01", 1]], MRT=lesions), name="c.xlsx")
    assert "sheet MRT is read as lesions" in said(found)
    assert found.patients["n_lesions"].tolist() == [2]
    two = answer(workbook(A=[["patient", "crp"], ["P01", 1]], MRT=lesions, Late=lesions), name="c.xlsx")
    assert "as in lesions: {sheet: MRT}" in two


def test_a_patient_under_two_names_is_asked_about(answer):
    assert "row 14, column patient, value 'P99': warning: has all values of an earlier patient" in said(
        answer(
            csv(HEADER, *[[*row[:4], row[4] + i / 7] for i, row in enumerate(ROWS)], ["P99", *ROWS[0][1:]])
        )
    )
    coarse = csv(["patient", "male"], *[[i, "yes"] for i in range(9)])
    assert "has all values" not in said(answer(coarse))


def hide(title):
    return lambda made: setattr(made[title], "sheet_state", "hidden")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            workbook(A=[HEADER, *ROWS], B=[HEADER, *ROWS]),
            "sheets A, B have columns of the codebook; name the one",
        ),
        (workbook(hide("A"), A=[HEADER, *ROWS], Cover=[["x"]]), "only the hidden sheet A has columns"),
        (workbook(hide("B"), A=[HEADER, *ROWS], B=[HEADER, *ROWS]), "not read: B (hidden)"),
        (workbook(lambda w: w["A"].merge_cells("A2:A3"), A=[HEADER, *ROWS]), "cells A2:A3 are merged"),
        (
            workbook(lambda w: w["A"].merge_cells("A1:E1"), A=[["x"], HEADER, *ROWS]),
            "stands above the header",
        ),
        (
            workbook(lambda w: setattr(w["A"].row_dimensions[5], "hidden", True), A=[HEADER, *ROWS]),
            "1 row hidden",
        ),
        (
            workbook(lambda w: setattr(w["A"].column_dimensions["B"], "hidden", True), A=[HEADER, *ROWS]),
            "1 column hidden in the sheet, but read: B",
        ),
        (
            workbook(A=[HEADER, ["x", datetime.datetime(2024, 5, 3), 3, 7, 1]]),
            "not a date, which Excel makes",
        ),
        (workbook(A=[HEADER, ["x", "=1+2", 3, 7, 1]]), "1 cell with a formula without a value"),
        (workbook(A=[HEADER, ["x", "#DIV/0!", 3, 7, 1]]), "value '#DIV/0!': expected a number"),
        (workbook(A=[HEADER, *ROWS, [], ["Summe", 99]]), "'Summe': warning: is left out"),
    ],
)
def test_what_a_workbook_does_not_show_is_said(answer, content, expected):
    assert expected in said(answer(content, name="c.xlsx"))


# ---- REDCap ------------------------------------------------------------------------------------------------

EVENTS = """record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,male,bone
1,base_arm_1,,,1,
1,base_arm_1,lesions,1,,femur
1,late_arm_1,lesions,1,,femur
1,late_arm_1,lesions,2,,tibia
"""


def test_lesions_of_several_events_are_refused_with_the_line_that_chooses_one(answer):
    assert "as in lesions: {event: base_arm_1}" in answer(EVENTS)
    assert answer(EVENTS, "lesions: {event: late_arm_1}").patients["n_lesions"].tolist() == [2]


def test_another_instrument_with_lesions_is_read_and_said(answer):
    found = answer("record_id,redcap_repeat_instrument,male,bone\n1,,1,\n1,bone_lesions,,femur\n")
    assert "the instrument bone_lesions is read as the lesions" in said(found)
    assert found.patients["n_lesions"].tolist() == [1]


def test_the_study_id_of_a_patient_reaches_the_lesions(answer):
    text = "record_id,redcap_repeat_instrument,study_id,male,bone\n1,,S1,1,\n1,lesions,,,femur\n"
    found = answer(text, "columns: {study_id: patient}")
    assert found.patients[["patient", "n_lesions"]].to_numpy().tolist() == [["S1", 1]]


DICTIONARY = """Variable / Field Name,Field Label,"Choices, Calculations, OR Slider Labels"
mf,Findings,"1, Lytic lesion | 2, Bone expansion | 3, Other"
les,Lesions (lesions),
presenting_symptom,Symptom,"1, Limping | 2, Unifocal pain"
sex,Sex,"1, Male | 2, Female"
"""


def test_a_data_dictionary_decides_what_boxes_codes_and_fields_mean(answer, tmp_path):
    (tmp_path / "dictionary.csv").write_text(DICTIONARY, encoding="utf-8")
    text = "record_id,sex,presenting_symptom,les,mf___1,mf___2,mf___3,mri_complete\n1,1,1,3,1,0,0,2\n2,2,2,4,0,1,1,0\n"
    mapping = "dictionary: dictionary.csv\ncolumns: {sex: male}\nvalues: {sex: {Male: yes, Female: no}}"
    table = answer(text, mapping).patients
    assert table["lytic_lesion"].tolist() == [True, False]
    assert table["bone_expansion"].tolist() == [False, True]
    assert table["presenting_symptom"].tolist() == ["limping", "unifocal_pain"]
    assert table["male"].tolist() == [True, False]
    assert table["n_lesions"].tolist() == [3, 4]
    assert "cannot be read as a data dictionary" in answer(text, "dictionary: other.csv")


def test_a_box_for_not_known_is_missing_not_no(answer):
    text = "record_id,mf___lytic_lesion,mf___99,mri_complete\n1,1,0,2\n2,0,1,2\n3,0,0,2\n"
    found = answer(text)
    assert found.patients["lytic_lesion"].isna().tolist() == [False, True, False]
    assert "mf___99 → NR" in said(found)


@pytest.mark.parametrize(
    ("yes", "no"), [("Checked", "Unchecked"), ("Ausgewählt", "Nicht ausgewählt"), ("Valgt", "-1")]
)
def test_a_box_says_in_a_known_word_that_it_is_ticked_or_is_refused(answer, yes, no):
    head = "record_id,Befunde (choice=femur),Complete?\n"
    found = answer(f"{head}1,{yes},Complete\n2,{no},Complete\n3,,Complete\n")
    if yes == "Valgt":
        assert "value 'Valgt': is neither ticked nor not" in said(found)
    else:
        assert not found.errors
        assert found.patients["femur"].tolist() == [True, False, False]


def test_a_ticked_box_is_yes_beside_one_for_not_known(answer):
    found = answer("record_id,mf___lytic_lesion,mf___femur,mf___99,mri_complete\n1,1,0,1,2\n")
    assert found.patients["lytic_lesion"].tolist() == [True]
    assert found.patients["femur"].tolist() == [pd.NA]


def test_two_fields_of_boxes_for_one_variable_are_refused(answer):
    found = answer("record_id,a___femur,pain___femur,c_complete\n1,1,0,2\n")
    assert "ignore one of the two in a mapping, as in ignore: ['pain___femur']" in said(found)


# ---- the mapping file to fill in ---------------------------------------------------------------------------

GERMAN = """Register;;;;;
Pat-Nr;Geschlecht;Anzahl Läsionen;CRP (mg/l);Ödem;Adresse
001;m;3;12;ja;X
002;w;5;<5;k.A.;Y
"""


def test_a_mapping_file_is_made_to_be_filled_in(tmp_path):
    path, mapping = tmp_path / "c.csv", tmp_path / "map.yaml"
    path.write_text(GERMAN, encoding="utf-8")
    text = mapping_skeleton(path)
    assert all(line.lstrip().startswith("#") or line.endswith(":") for line in text.splitlines())
    mapping.write_text(text, encoding="utf-8")
    assert read_cohort(path, mapping).patients.columns.tolist() == ["patient"]
    wanted = [line for line in text.splitlines() if "Adresse: " not in line]
    taken = "\n".join(re.sub("^( +)# ", r"\1", line).replace("'<5': …", "'<5': 2.5") for line in wanted)
    mapping.write_text(taken, encoding="utf-8")
    found = read_cohort(path, mapping)
    assert not found.errors
    assert found.patients["male"].tolist() == [True, False]
    assert found.patients["crp"].tolist() == [1.2, 0.25]
    assert found.kinds["marrow_edema"].tolist()[1] == "not_reported"


def test_a_workbook_of_a_clinic_is_read_with_the_suggestions_alone(tmp_path):
    table = [["Pat.-Nr.", "Thrombozyten (G/l)", "HLA-B27"], *[[f"0{i}", 200 + i, "neg."] for i in range(12)]]
    lesions = [["Pat.-Nr.", "Lokalisation", "Seite"], *[[f"0{i % 9}", "Klavikula", "re"] for i in range(12)]]
    path, mapping = tmp_path / "c.xlsx", tmp_path / "map.yaml"
    path.write_bytes(workbook(Register=table, MRT=lesions))
    mapping.write_text(re.sub("(?m)^( +)# ", r"\1", mapping_skeleton(path)), encoding="utf-8")
    found = read_cohort(path, mapping)
    assert not found.errors
    assert found.patients["n_lesions"].tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 1, pd.NA, pd.NA, pd.NA]
    assert found.patients["platelets"].tolist() == [200_000 + 1000 * i for i in range(12)]
    assert found.patients["hla_b27"].tolist() == [False] * 12


def test_nothing_is_to_be_filled_in_where_all_is_recognised(tmp_path):
    (tmp_path / "c.csv").write_text(TABLE, encoding="utf-8")
    assert mapping_skeleton(tmp_path / "c.csv") == ""


@pytest.mark.parametrize(("first", "expected"), [("day", "2020-02-01"), ("month", "2020-01-02")])
def test_a_mapping_says_what_stands_first_in_a_date(answer, first, expected):
    found = answer("patient,biopsy_date\na,01/02/2020\nb,03/04/2020", f"dates: {first}")
    assert str(found.patients["biopsy_date"][0].date()) == expected
    assert not found.errors


def test_a_skeleton_with_every_line_taken_up_reads_columns_in_capitals(tmp_path):
    place = tmp_path / "clinic.csv"
    lines = [
        "Patient;N_Lesions;Clinical_Severity;Remission",
        *(f"P{i};{i % 4};{i % 6};{'jein'[i % 2 * 2 :]}" for i in range(8)),
    ]
    place.write_text("\n".join(lines).replace("jein", "ja").replace(";in", ";nein") + "\n", encoding="utf-8")
    mapped = tmp_path / "map.yaml"
    mapped.write_text("values: {Remission: {ja: yes, nein: no}}\n", encoding="utf-8")
    cohort = read_cohort(place, mapped)
    assert not cohort.errors
    assert cohort.patients["remission"].sum() == 4


# ---- dates of birth, a clinic's own words ------------------------------------------------------------------

DATED = "Pseudonym;Geburtsdatum;Symptombeginn;CRP;Hb\n0007;03.04.2009;02.04.2019;0,5;12,1\n0012;;01.10.2020;1,5;13\n"
BIRTH = "columns: {Pseudonym: patient, Geburtsdatum: birth_date, Symptombeginn: age_onset, Hb: hemoglobin}\n"


@pytest.mark.parametrize("decimal", ["", "decimal: comma\n"])
def test_ages_are_worked_out_of_dates_and_the_date_of_birth_goes_no_further(answer, decimal):
    found = answer(DATED, BIRTH + decimal)
    assert not found.errors
    assert found.patients["age_onset"].tolist() == [10.0, pd.NA]
    assert "Symptombeginn: ages, worked out of the dates of birth to 0.1 years" in said(found)
    assert "birth_date" not in found.patients


@pytest.mark.parametrize(
    ("text", "mapping", "expected"),
    [
        (
            DATED,
            BIRTH.replace("Geburtsdatum: birth_date, ", ""),
            "in a mapping: columns: {Date of birth: birth_date}",
        ),
        (DATED.replace("03.04.2009", "03/04/2009"), BIRTH, "the day or the month may stand first"),
        (DATED.replace("02.04.2019", "02.04.2031"), BIRTH, "is no day from 1900 until today"),
        (
            DATED.replace("01.10.2020", "2020-10-01"),
            BIRTH,
            "value '2020-10-01': the column has dates in several",
        ),
        (DATED.replace("02.04.2019", "02.04.2001"), BIRTH, "value '02.04.2001': is before the date of birth"),
    ],
)
def test_dates_that_give_no_age_are_refused_once_of_a_column(answer, text, mapping, expected):
    found = answer(text, mapping)
    assert said(found).count(expected) == 1
    assert found.errors


def test_a_date_of_a_follow_up_is_no_age_and_dates_of_a_workbook_are_dates(answer):
    found = answer("patient,follow_up\nA,2020-01-01\nB,2021-01-01")
    assert "value '2020-01-01': expected years, not a date" in said(found)
    rows = [["patient", "DOB", "Onset"], ["A", datetime.date(2009, 4, 3), datetime.datetime(2019, 4, 2)]]
    found = answer(workbook(Sheet=rows), "columns: {DOB: birth_date, Onset: age_onset}", name="c.xlsx")
    assert found.patients["age_onset"].tolist() == [10.0]


def test_a_mark_of_its_own_for_a_millionth_names_the_unit_as_the_greek_letter_does(answer):
    for sign in "\u00b5\u03bc":
        found = answer(
            f"patient,Leukos (Tsd/{sign}l)\nA,7\nB,8", f"columns: {{Leukos (Tsd/{sign}l): white_blood_cells}}"
        )
        assert "says 10^9/l, the codebook /mm3" in said(found)


@pytest.mark.parametrize(
    ("onset", "diagnosis", "is_wrong"),
    [
        ("9.4", "9", False),
        ("10.2", "9", True),
        ("9.43", "9.4", False),
        ("9.53", "9.4", True),
        ("9.5", "9.4", True),
    ],
)
def test_an_age_is_before_another_whatever_digits_either_was_written_with(answer, onset, diagnosis, is_wrong):
    found = answer(f"patient,age_onset,age_diagnosis\nA,{onset},{diagnosis}")
    assert bool(found.errors) == is_wrong


def test_scans_with_sizes_that_are_not_known_are_compared(answer):
    rows = "A,rib,2020-01-01,5\nA,rib,2021-01-01,\nB,rib,2020-01-01,"
    found = answer(PATIENTS, lesions=f"patient,bone,mri_date,size\n{rows}")
    assert "several scans of 1 patient differ" in said(found)


def test_a_name_is_suggested_for_what_it_says_before_what_looks_like_it(tmp_path):
    path = tmp_path / "c.xlsx"
    lesions = [
        ["Pseudonym", "Visite", "Lokalisation", "Seite"],
        ["01", "1", "BWK 7", "bds."],
        ["02", "2", "Becken (Ilium)", "li"],
    ]
    path.write_bytes(
        workbook(Register=[["Pseudonym", "Alter bei Diagnose"], ["01", 8], ["02", 9]], MRT=lesions)
    )
    text = mapping_skeleton(path)
    assert "# Visite: event" in text
    assert "# Lokalisation: bone" in text
    assert "# Lokalisation: {BWK 7: thoracic_vertebra, 'Becken (Ilium)': ilium}" in text
    assert "# Seite: {'bds.': both, li: left}" in text


LABELLED = """Record ID,Repeat Instrument,Repeat Instance,Schweregrad,Therapie (choice=NSAR),Therapie (choice=unbekannt),Complete?,Lokalisation,Seite
1,,,4,Checked,Checked,Complete,,
1,Herde,1,,,,,Femur,Links
2,,,6,Unchecked,Checked,Complete,,
3,,,6,Unchecked,Unchecked,Complete,,
"""


def test_a_german_export_is_read_with_the_suggestions_alone(answer, tmp_path):
    found = answer(LABELLED)
    assert "as in columns: {'Therapie (choice=NSAR)': nsaid}" in said(found)
    mapping = ""
    for _ in range(2):  # of a form that nobody has named, the texts are seen once its columns are
        text = mapping_skeleton(tmp_path / "c.csv", mapping=tmp_path / "map.yaml" if mapping else None)
        mapping += re.sub("(?m)^( +)# ", r"\1", text)
        (tmp_path / "map.yaml").write_text(merged(mapping), encoding="utf-8")
    found = answer(LABELLED, merged(mapping))
    assert not found.errors
    assert found.patients["nsaid"].tolist() == [True, pd.NA, False]
    assert found.patients["n_lesions"].tolist() == [1, pd.NA, pd.NA]
    assert found.lesions["side"].tolist() == ["left"]


def merged(text):
    """Put sections of a mapping file that stand there twice together, as a person does."""
    first, _, second = text.partition("# How c.csv")[2].partition("# How c.csv")
    inner = second.partition("lesions:\n")[2]
    return "# " + first.replace("lesions:\n", f"lesions:\n{inner}", 1) if inner else text


# ---- further files of clinics ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "years"), [("7y3m", 7.25), ("8J6M", 8.5), ("7 J 3 M", 7.25), ("12 y 0 m", 12), ("7;3", 7.25)]
)
def test_an_age_in_words_is_suggested_with_its_months(answer, age, years):
    text = f"patient,age_onset\nA,{age}\nB,5\n"
    line = re.search(r"in a mapping: (values: .*)", said(answer(text)))[1]
    assert answer(text, line).patients["age_onset"].tolist() == [years, 5]


@pytest.mark.parametrize(
    ("content", "mapping", "expected"),
    [
        ("patient,female,crp\nA,1,1\nB,0,2", "columns: {female: male}", "values: {female: {0: yes, 1: no}}"),
        ("patient,weiblich\nA,Yes\nB,no", "columns: {weiblich: male}", "{'Yes': no, 'no': yes}"),
        ("patient,spine,fever\nA,1,1\nB,2,1", "values: {spine: {1: no, 2: yes}}", "values: {fever: {1: …}}"),
        ("patient,crp\nA,1\nB,2", "event: baseline", "c.csv has no column of events"),
        ("record_id,crp,a_complete\nA,1,2\nB,2,2", "event: base", "c.csv has no column of events"),
        ("patient;Analyt;Ergebnis\nA;CRP;1\nA;BSG;2", "", "has a row a value"),
        ("patient,crp\nA,-99.0\nB,1.0", "", "values: {crp: {'-99.0': NR}}"),
        ("patient,fever\nA,1 = ja\nB,2 = nein", "", "{'1 = ja': yes, '2 = nein': no}"),
        ("patient,birth_date\nA,38031", "", "as a number of Excel it is 2004-02-14 or 2008-02-15"),
        ("patient,birth_date,age_onset\nA,2010-01-31,03/04/18", "", "value '03/04/18': the day or the month"),
        ("patient,age_onset\nA,03/04/18", "", "expected an age in years, not a date"),
        ("$FL2@(#) SPSS DATA FILE\0", "", "is a file of SPSS; save it there as CSV"),
        ('[{"patient": "A", "crp": 0.5}]', "", "is JSON, XML or a web page"),
        ("<html><table><tr><td>patient</td></tr></table></html>", "", "is JSON, XML or a web page"),
    ],
)
def test_what_a_file_leaves_open_is_refused_with_what_settles_it(answer, content, mapping, expected):
    found = answer(content, mapping)
    assert expected in said(found)
    assert isinstance(found, str) or found.errors


def test_a_code_for_missing_that_a_program_wrote_as_a_decimal_is_asked_about(answer):
    values = ["1.0", "2.0", "99.0", "3.0", "99.0", "4.0", "5.0"]
    text = csv(["patient", "n_lesions"], *([f"P{i}", value] for i, value in enumerate(values)))
    assert "value '99.0': warning: stands there 2 times" in said(answer(text))


def test_a_time_in_a_zone_is_the_day_that_is_written_and_said(answer):
    found = answer("patient,biopsy_date\nA,2015-03-01T23:30:00+02:00\nB,2015-03-02T00:30:00Z")
    assert found.patients["biopsy_date"].dt.day.tolist() == [1, 2]
    assert "the day is the one that is written, in whichever zone" in said(found)


def test_who_and_what_is_left_out_with_other_events_is_said(answer):
    rows = ["A,first,1,", "A,later,2,5", "B,later,3,6", "C,first,4,", ",later,,7"]
    plain = answer(
        csv(["patient,Visite,crp,esr"], *([row] for row in rows)), "columns: {Visite: event}\nevent: first"
    )
    head = "patient,redcap_event_name,crp,esr"
    exported = answer(csv([head], *([row] for row in rows)), "event: first")
    for found in (plain, exported):
        assert found.patients["crp"].tolist() == [1, 4]
        assert "warning: 1 patient without a row of the event first, left out" in said(found)
        assert "warning: esr: have values in rows that are left out alone" in said(found)


SEVERAL = ["patient,Visite,crp,esr,n_lesions", "A,first,1,5,", "A,mri,,6,3", "B,mri,,,999", "C,first,2,9,"]


def test_a_variable_is_read_of_the_first_event_at_which_it_has_values(answer):
    found = answer("\n".join(SEVERAL), "columns: {Visite: event}\nevent: [first, mri]")
    table = found.patients.astype(object).where(found.patients.notna(), None)
    assert table["patient"].tolist() == ["A", "B", "C"]
    assert table["crp"].tolist() == [1, None, 2]
    assert table["esr"].tolist() == [5, None, 9]
    assert table["n_lesions"].tolist() == [3, None, None]
    assert "column esr: warning: is read of the event first; its values at mri are not" in said(found)
    assert "read of the event mri: n_lesions" in said(found)
    assert [(problem.row, problem.value) for problem in found.errors] == [(4, "999")]
    lacking = [row.replace(",5,", ",NA,").replace(",9,", ",8888,") for row in SEVERAL]
    found = answer(
        "\n".join(lacking), "columns: {Visite: event}\nevent: [first, mri]\nvalues: {esr: {8888: NA}}"
    )
    assert found.patients["esr"].dropna().tolist() == [6]  # a code for a missing value is none
    other = answer("\n".join(SEVERAL), "columns: {Visite: event}\nevent: [mri, first]")
    assert other.patients["esr"].dropna().tolist() == [6]
    nobody = answer("Visite,crp\nfirst,1\nmri,2", "columns: {Visite: event}\nevent: [first, mri]")
    assert "has no column patient, by which rows of several events are joined" in nobody


@pytest.mark.parametrize(
    ("rows", "event", "expected"),
    [
        (
            ["A,mri,3,,"],
            "[first, mri]",
            "row 6, column patient, value 'A': is once more in a row of the event mri",
        ),
        ([], "[first, last]", "there is no event 'last'; there are first, mri"),
        ([], "[first, first]", "event: expected a name, or a list of different ones"),
        ([], "[first, [mri]]", "event: expected a name, or a list of different ones"),
        ([], "first", "name several, as in event: [first, …]"),
    ],
)
def test_events_that_cannot_be_joined_are_refused(answer, rows, event, expected):
    found = answer("\n".join([*SEVERAL, *rows]), f"columns: {{Visite: event}}\nevent: {event}")
    assert expected in said(found)


def test_the_study_id_of_a_patient_is_known_at_every_event(answer):
    rows = ["1,base,S7,1,", "1,late,,,2", "2,base,S8,3,", "2,late,,,4"]
    found = answer(
        csv(["record_id,redcap_event_name,study_id,crp,esr"], *([row] for row in rows)),
        "columns: {study_id: patient}\nignore: [record_id]\nevent: late",
    )
    assert found.patients["patient"].tolist() == ["S7", "S8"]
    assert found.patients["esr"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("first", "rows", "mapping", "patients", "errors"),
    [
        ("record_id", ["1,base,S1,1", "1,late,S9,2", "2,base,S2,3"], "", ["S1", "S2"], ["S9"]),
        ("record_id", ["1,base,S1,1", "1,late,S9,2"], "values: {patient: {S9: S1}}", ["S1"], []),
        ("male", ["1,base,S1,1", "0,base,S2,2", "1,late,S3,3", "1,base,S4,4"], "", ["S1", "S2", "S4"], []),
        ("hospital", ["1,base,S1,1", "1,base,S2,2", "2,base,S3,3"], "", ["S1", "S2", "S3"], []),
        ("seen", ["1,base,S1,1", "2,late,S1,2", "2,base,S2,3", "1,late,S2,4"], "", ["S1", "S2"], []),
    ],
)
def test_a_patient_of_an_export_keeps_the_key_that_was_typed(answer, first, rows, mapping, patients, errors):
    head = f"{first},redcap_event_name,patient,crp"
    found = answer(csv([head], *([row] for row in rows)), f"event: base\n{mapping}")
    assert found.patients["patient"].tolist() == patients
    assert [(problem.row, problem.value) for problem in found.errors] == [(3, value) for value in errors]
    assert "is in one record with 'S1', row 2" in said(found) or not errors


def test_columns_that_redcap_adds_are_read_where_a_mapping_names_them(answer):
    text = "record_id,redcap_data_access_group,crp,a_complete\n1,munich,1,2\n2,ulm,2,2"
    found = answer(text, "columns: {redcap_data_access_group: centre}")
    assert found.patients["centre"].tolist() == ["munich", "ulm"]


def test_values_of_another_repeating_form_are_said_to_be_left_out(answer):
    text = "record_id,redcap_repeat_instrument,redcap_repeat_instance,male,crp\n1,,,1,\n1,visit,1,,5\n"
    assert "with them values of crp" in said(answer(text))


def test_a_nested_column_stops_only_where_it_is_read(answer):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, is_refused in (("notes", False), ("crp", True)):
        buffer = io.BytesIO()
        pq.write_table(pa.table({"patient": ["A"], "esr": [5], name: [[0.5, 0.6]]}), buffer)
        found = answer(buffer.getvalue(), name="c.parquet")
        assert f"column {name}: " in said(found)
        assert bool(found.errors) == is_refused
