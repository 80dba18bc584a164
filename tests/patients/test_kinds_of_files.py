"""Files of kinds that clinics keep: read as they are meant, or answered with what to do. None is read otherwise."""

import datetime
import gc
import io
import warnings
import zipfile

import openpyxl
import pandas as pd
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill

from crmo_analysis.files import InputError
from crmo_analysis.patients import mapping_skeleton, read_cohort
from crmo_analysis.patients.mapping import near
from crmo_analysis.study import read_codebook

VISITS = "patient,crp_v1,crp_v2,esr\nA,0.5,1,10\nB,0.7,1,12\n"


def answered(tmp_path, name, content, mapping=""):
    """Return a cohort and all that is said of it; None and the refusal where it cannot be read."""
    path, said = tmp_path / name, tmp_path / "map.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said.write_text(mapping, encoding="utf-8")
    try:
        cohort = read_cohort(path, said if mapping else None)
    except InputError as refused:
        return None, str(refused)
    return cohort, "\n".join([*map(str, cohort.problems), *cohort.notes])


READ = [  # what is written, what the mapping says, a variable, its values, what is said
    ("patient,presenting_symptom\nA,Limping\nB,Unifocal pain\n", "", "presenting_symptom", ["limping", "unifocal_pain"], ""),
    ("patient;platelets;crp\na;250.000;0,5\nb;1.310.500;1,5\n", "", "platelets", [250000, 1310500], "a point between thousands"),
    ("patient;Größe;crp\nMüller;1;0,5\nBjörn;2;1,5\n".encode("cp1252"), "", "patient", ["Müller", "Björn"], "read as cp1252"),
    ("patient\tcrp\nÖ1\t0,5\nÖ2\t1,5\n".encode("utf-16"), "", "crp", [0.5, 1.5], "read as utf-16"),
    ("patient;crp\rA;0,5\rB;1,5\r", "", "crp", [0.5, 1.5], "a decimal comma"),
    ("patient;crp;;;\nA;0,5;;;\nB;1,5;;;\n", "", "crp", [0.5, 1.5], ""),
    ("patient,platelets\nA,2.5E+05\nB,3.1E+05\n", "", "platelets", [250000, 310000], ""),
    ("patient,centre,crp\nA,Berlin,1\nB,,2\n", "", "centre", ["Berlin", None], ""),
    ("Klinik,,,MRT\npatient,male,crp,marrow_edema\nA,1,0.5,yes\nB,0,1.5,no\n", "", "marrow_edema", [True, False], "stands above"),
    ("Patient,,,MRT\npatient,male,crp,marrow_edema\nA,1,0.5,yes\nB,0,1.5,no\n", "", "crp", [0.5, 1.5], "stands above"),
    (VISITS, "columns: {crp_v2: crp}", "crp", [1, 1], "crp_v1 (is crp meant?)"),
    ("пациент;пол\nИ-01;м\nП-02;ж\n", "columns: {пациент: patient, пол: male}\nvalues: {male: {м: yes, ж: no}}", "male", [True, False], "пол → male"),
    ("hasta,ateş\nİ-01,Evet\nI-03,Hayır\n", "columns: {hasta: patient, ateş: fever}\nvalues: {fever: {Evet: yes, Hayır: no}}", "patient", ["İ-01", "I-03"], ""),
    ("patient,crp\nA,5 mg/l\nB,0.5 mg/dl\n", "values: {crp: {5 mg/l: 0.5, 0.5 mg/dl: 0.5}}", "crp", [0.5, 0.5], ""),
    ("record_id,redcap_repeat_instrument,geschlecht,knochen\nR1,,1,\nR1,laesionen,,Femur\nR2,,2,\n",
     "columns: {geschlecht: male}\nvalues: {male: {1: yes, 2: no}}\nlesions: {columns: {knochen: bone}}",
     "n_lesions", [1, None], "laesionen is read as the lesions"),
    ("patient,age_onset,crp\nA,8,0.5\nB,9,1.5\n,,\nn,2,2\nRange,8-9,0.5-1.5\n", "", "patient", ["A", "B"], "value 'n': warning: is left out"),
    ("patient,age_onset\nA,8\nB,9\nMean ± SD,9 ± 1\nMin,8\n", "", "patient", ["A", "B"], "value 'Min': warning: is left out"),
    ('"";"patient";"crp";"male"\n"1";"A1";0,5;TRUE\n"2";"A2";NA;FALSE\n', "", "crp", [0.5, None], "column A has no name and numbers the rows"),
    ("\ufeffsep=;\npatient;crp\nA;0,5\nB;1,5\n", "", "crp", [0.5, 1.5], "a decimal comma"),
    ("patient,n_lesions\nA,'3\nB,'4\n", "", "n_lesions", [3, 4], "an apostrophe taken off: n_lesions"),
    ("patient,crp\nTest,9\nA,0.5\n", "values: {patient: {Test: ''}}", "patient", ["A"], "as the mapping file says: 1 row, 2"),
    ("patient,crp\nTest,9\nA,0.5\n", "", "patient", ["Test", "A"], "seems to be made up: is it a patient? If not, leave the row out"),
    ("patient,crp\nA1/A2,0.5\nA3,1.5\n", "", "crp", [0.5, 1.5], "value 'A1/A2': warning: names two patients?"),
    ("patient,crp\n3 und 4,0.5\n5,1.5\n", "", "crp", [0.5, 1.5], "value '3 und 4': warning: names two patients?"),
    ('patient,crp\n"Meyer, A",0.5\n"Kurt, B",1.5\n', "", "crp", [0.5, 1.5], ""),
    ("patient,age_onset\nA,0\nB,0\nC,9\nD,8\n", "", "age_onset", [0, 0, 9, 8], "is 0, while the others begin at 8: is it missing? In a mapping: values: {age_onset: {0: NR}}"),
    ("Dataset Name:,CRMO\nSubjects:,2\nStudySubjectID,Sex,CRP_E1\nS1,yes,0.5\nS2,no,1.5\n",
     "columns: {StudySubjectID: patient, Sex: male, CRP_E1: crp}", "crp", [0.5, 1.5], "stands above the header"),
    ("patient;platelets;crp\nA;250\u2009000;0,5\n", "", "platelets", [250000], "between thousands"),
    ("patient,crp,esr\n" + "".join(f"P{i},0.5,{20 - (i == 9)}\n" for i in range(10)), "", "esr", [20] * 9 + [19], ""),
    ("patient,esr (0 = none; 9 = worst)\nA,0\nB,9\n", "columns: {esr (0 = none; 9 = worst): esr}", "esr", [0, 9], ""),
    ("patient,fever (1=ja; 0=nein)\nA,1\nB,0\n", "columns: {fever (1=ja; 0=nein): fever}", "fever", [True, False], ""),
    ("Participant Id;n_lesions\n11;3\n12;##USER_MISSING_95##\n", "columns: {Participant Id: patient}\nvalues: {n_lesions: {'##USER_MISSING_95##': NR}}",
     "n_lesions", [3, None], ""),
]  # fmt: skip


@pytest.mark.parametrize(("content", "mapping", "name", "values", "expected"), READ)
def test_it_is_read_as_it_is_meant(tmp_path, content, mapping, name, values, expected):
    cohort, said = answered(tmp_path, "c.csv", content, mapping)
    assert expected in said
    assert not cohort.errors
    found = cohort.patients[name].astype(object)
    assert found.where(found.notna(), None).tolist() == values


AGES = "patient,age_onset\n" + "".join(f"P{i},{months}\n" for i, months in enumerate(range(90, 120)))
ANSWERED = [
    ("c.csv", "patient,male,fever\nA,Male,Yes\nB,Female,Missing\n", "values: {male: {Male: yes, Female: no}}"),
    ("c.csv", VISITS, "crp_v1 (is crp meant?), crp_v2 (is crp meant?)"),
    ("c.csv", "patient,visit,crp\nA,1,0.5\nA,2,1\n", "expected one row a patient: keep those of one visit"),
    ("c.csv", "patient,biopsy_date\nA,31.03.2019\nB,43555\n", "as a number of Excel it is 2019-03-31"),
    ("c.csv", "patient,biopsy_date\nA,31.03.19\n", "expected a date as in 2020-12-31"),
    ("c.csv", "patient,age_onset\nA,8y 3m\nB,8;3\nC,8 J. 3 Mon.\n", "{'8y 3m': 8.25, '8;3': 8.25, '8 J. 3 Mon.': 8.25}"),
    ("c.csv", "patient,crp\n" + "".join(f"P{i},<0.5\n" for i in range(30)), "the same in 29 more rows: 3, 4, 5, 6, 7, …; in a mapping: values: {crp: {'<0.5': …}}"),
    ("c.csv", "patient,esr\nA,>120\n", "values: {esr: {'>120': …}}"),
    ("c.csv", "patient,hla_b27\nA,neg.\nB,pos\nC,(+)\n", "values: {hla_b27: {'neg.': no, pos: yes, '(+)': …}}"),
    ("c.csv", "patient,fever\nA,±\nB,+\nC,-\n", "values: {fever: {'±': …, '+': yes, '-': …}}"),
    ("c.csv", "patient,crp\nA,0.5 ± 0.1\n", "values: {crp: {'0.5 ± 0.1': …}}"),
    ("c.csv", ",,CRP,CRP\nPat,Sex,Baseline,Month 6\nA,m,0.5,1\n", "the header stands in two lines"),
    ("c.csv", "patient,P1,P2\nmale,yes,no\ncrp,0.5,1.2\nesr,3,5\n", "variables stand in rows (crp, esr, male); expected one row a patient; turn the table"),
    ("c.csv", "patient,crp,crp\nA,0.5,0.6\n", "is the same variable as column crp; keep one of the two"),
    ("c.csv", "patient,crp,crp.1\nA,0.5,0.6\n", "crp.1 (is crp meant?)"),
    ("c.csv", "patient,crp\n12345678Z,0.5\n12345678z,1.2\n", "is the same as an earlier patient but for"),
    ("c.csv", "Row Labels,Count of patient\nfemale,12\nGrand Total,22\n", "no column is a variable of the codebook"),
    ("c.csv", AGES, "units: {age_onset: 0.083333} (or 1)"),
    ("c.csv", "patient,crp\nA,5 mg/l\nB,12 mg/l\nC,0.5 mg/dl\n", "{'5 mg/l': 0.5, '12 mg/l': 1.2, '0.5 mg/dl': 0.5}"),
    ("c.csv", "patient,crp,esr\nA,0,5,12\nB,1,2,20\n", "commas in numbers of a table with commas between cells"),
    ("c.csv", "patient,crp\nA,٠٫٥\nB,1\n", "expected a number"),
    ("c.csv", "patient,physician_global\nA,7/10\n", "expected a number"),
    ("c.csv", "patient,crp\nA,−9\nB,–\n", "values: {crp: {'−9': NR, '–': NR}}"),
    ("c.csv", "patient,lesion1_bone,lesion2_bone\nA,femur,tibia\nB,rib,\n", "lesion1_bone, lesion2_bone; a lesion is a row of a table of its own"),
    ("c.csv", '"patient;crp"\n"A;0,5"\n', "is there one column only?"),
    ("c.csv", "record_id,redcap_repeat_instrument,male,knochen\nR1,,1,\nR1,laesionen,,Femur\n", "if it holds lesions, name its columns below lesions: in a mapping"),
    ("c.csv", "patient,biopsy_date\nA,31.12.2999\nB,01.02.2019\n", "value '31.12.2999': is no day from 1900 until today"),
    ("c.csv", "patient,biopsy_date\nA,31.12.2099\n", "is no day from 1900 until today"),
    ("c.csv", "patient,age_onset\n" + "".join(f"P{i},{3000 + 37 * i}\n" for i in range(9)), "as in days (times 0.0027379)"),
    ("c.csv", "patient,n_lesions\nA,3-5\nB,numerous\nC,ca. 5\n", "values: {n_lesions: {'3-5': …, numerous: …, 'ca. 5': …}}"),
    ("c.csv", "patient,fever\nA,Да\nB,✗\n", "values: {fever: {Да: yes, '✗': no}}"),
    ("c.csv", "patient,concept,value\nA,crp,0.5\nA,n_lesions,3\n", "variables stand in rows (crp, n_lesions); expected one row a patient; spread them"),
    ("c.csv", "patient_num,concept_cd,nval_num\n1,LOINC:1988-5,0.5\n1,X,3\n", "has a row a value; expected one row a patient"),
    ("c.csv", "Patient,Labor,,MRT\n,CRP,ESR,Anzahl\n,mg/dl,mm/h,Herde\nA,0.5,10,3\n", "the header stands in two lines"),
    ("c.csv", "patient,n_lesions\n11,3\n12,##USER_MISSING_95##\n", "values: {n_lesions: {'##USER_MISSING_95##': NR}}"),
    ("c.csv", "Hasta No;Cinsiyet;Tanı yaşı;Lezyon sayısı;Ateş\n1;Kız;8;3;Evet\n", "Lezyon sayısı (is n_lesions meant?), Ateş (is fever meant?)"),
    ("c.csv", "Paciente;Edad al diagnóstico (años);PCR (mg/l)\n1;8;3\n", "Edad al diagnóstico (años) (is age_diagnosis meant?), PCR (mg/l) (is crp meant?)"),
    ("c.csv", "Âge au diagnostic (ans);Nombre de lésions;Fièvre\n8;3;oui\n", "Nombre de lésions (is n_lesions meant?), Fièvre (is fever meant?)"),
    ("c.xls", b"\xd0\xcf\x11\xe0" + bytes(99), "is an old Excel workbook, or one with a password; save it as .xlsx"),
    ("c.xlsx", b"\xd0\xcf\x11\xe0" + bytes(99), "or one with a password; save it as .xlsx without one"),
    ("c.ods", b"PK\x03\x04", "is a sheet of LibreOffice; save it there as .xlsx"),
    ("c.rds", b"\x1f\x8b", "save it there by write.csv(patients, 'patients.csv', row.names = FALSE)"),
    ("c.sas7bdat", b"x", "save it there by proc export as CSV"),
    ("c.dta", b"<stata_dta>", "is not a readable Stata file"),
    ("c.sav", b"$FL2@(#)", "SPSS"),
    ("c.xls", b"<html><table>", "is JSON, XML or a web page; save it as CSV where it comes from, or as .xlsx"),
    ("c.xls", b"<?xml version='1.0'?>", "is JSON, XML or a web page"),
    ("c.xls", b"patient\tcrp\n", "is text; save it with the ending .csv"),
    ("c.csv", "Merkmal,P1,P2\nAlter,5,8\nFieber,ja,nein\n", "variables stand in rows (age_diagnosis, fever); expected one row a patient; turn"),
    ("c.csv", "patient,Femur li,Femur re,crp\nA,x,,1\n", "left out: Femur li, Femur re; a lesion is a row of a table of its own"),
    ("c.csv", "patient,tibia_l,crp\nA,1,1\n", "left out: tibia_l; a lesion is a row of a table of its own"),
    ("c.csv", "patient,fever (0=ja; 1=nein)\nA,1\nB,0\n", "values: {'fever (0=ja; 1=nein)': {1: no, 0: yes}}"),
    ("c.csv", "patient;sex (1=w, 2=m)\nA;1\nB;2\n", "values: {'sex (1=w, 2=m)': {1: no, 2: yes}}"),
    ("c.csv", "patient,esr (9 = unbekannt)\nA,9\nB,20\n", "its name says what 9 means; in a mapping: values: {'esr (9 = unbekannt)': {9: NR}}"),
    ("c.csv", "patient,age_onset\nA,5 6/12\nB,9 11/12 J.\n", "{'5 6/12': 5.5, '9 11/12 J.': 9.9167}"),
    ("c.csv", "patient,platelets\nA,250123 /µl\n", "{'250123 /µl': 250123}"),
    ("c.csv", "patient,crp\nA,NI\nB,\\N\nC,nicht erhoben\n", "{NI: NR, '\\N': NR, nicht erhoben: NA}"),
]  # fmt: skip


MAPPED = {"fever (0=ja; 1=nein)": "fever", "sex (1=w, 2=m)": "male", "esr (9 = unbekannt)": "esr"}


@pytest.mark.parametrize(("name", "content", "expected"), ANSWERED)
def test_it_is_answered_with_what_to_do(tmp_path, name, content, expected):
    mapping = next((f"columns: {{'{own}': {of}}}" for own, of in MAPPED.items() if own in str(content)), "")
    assert expected in answered(tmp_path, name, content, mapping)[1]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("fever#No", ""),
        ("Bone pain: no", ""),
        ("Bone pain y/n", "bone_pain"),
        ("Hasta No", "patient"),
        ("Tibia re", ""),
        ("clavicle_l", ""),
    ],
)
def test_neither_the_box_no_nor_one_side_is_suggested(name, meant):
    assert near(name, read_codebook()) == meant


def test_an_age_in_months_is_one_error_of_the_column_with_its_line(tmp_path):
    cohort, _ = answered(tmp_path, "c.csv", AGES)
    assert len(cohort.errors) == 1
    settled, _ = answered(tmp_path, "c.csv", AGES, "units: {age_onset: 0.083333}")
    assert settled.patients["age_onset"][0] == pytest.approx(7.5, abs=1e-3)
    assert not settled.errors


def test_a_number_with_its_unit_is_not_converted_twice(tmp_path):
    _, said = answered(tmp_path, "c.csv", "patient,crp\nA,5 mg/l\nB,12\n", "units: {crp: 0.1}")
    assert "values: {crp: {'5 mg/l': …}}" in said


def test_of_several_visits_none_is_suggested(tmp_path):
    (tmp_path / "c.csv").write_text("patient,crp_baseline,crp_6m,esr\nA,1,2,3\n", encoding="utf-8")
    assert "# crp_baseline: …" in (text := mapping_skeleton(tmp_path / "c.csv"))
    assert "# crp_6m: …" in text


def test_what_a_mapping_leaves_open_is_to_be_filled_in(tmp_path):
    made = openpyxl.Workbook()
    made.active.append(["patient", "crp"])
    made.active.append(["A", 0.5])
    sheet = made.create_sheet("MRT")
    sheet.append(["Pat", "Knochen", "Seite"])
    sheet.append(["A", "Femur", "links"])
    made.save(tmp_path / "c.xlsx")
    (tmp_path / "map.yaml").write_text("lesions: {sheet: MRT, columns: {Pat: patient}}", encoding="utf-8")
    text = mapping_skeleton(tmp_path / "c.xlsx", mapping=tmp_path / "map.yaml")
    assert "# Knochen: bone" in text
    assert "# Seite: {links: left}" in text
    assert "Pat:" not in text


@pytest.mark.parametrize(
    "content",
    [
        "Nummer,Alter,Medikament,Diagnose\n1,5,nsaid,psoriasis\n2,7,methotrexate,arthritis\n3,9,nsaid,psoriasis\n",
        "patient,Medikament,Begleit\n1,nsaid,psoriasis\n2,methotrexate,arthritis\n3,nsaid,\n,,\n,,\n",
        "Zentrum,Nummer,Medikament\nX,1,nsaid\nX,2,methotrexate\nY,3,nsaid\n",
    ],
)  # fmt: skip
def test_drugs_that_are_variables_are_values_where_each_row_is_a_patient(tmp_path, content):
    cohort, _ = answered(tmp_path, "c.csv", content)
    assert len(cohort.patients) == 3
    assert "# Medikament: …" in mapping_skeleton(tmp_path / "c.csv")


def test_only_sheets_that_are_seen_are_suggested_and_the_file_is_closed(tmp_path):
    made = openpyxl.Workbook()
    for row in ROWS:
        made.active.append(row)
    hidden = made.create_sheet("Alt")
    hidden.append(["Pat", "Knochen", "Seite"])
    hidden.append(["P1", "Femur", "links"])
    hidden.sheet_state = "hidden"
    made.save(tmp_path / "c.xlsx")
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always")
        assert mapping_skeleton(tmp_path / "c.xlsx") == ""
        gc.collect()
    assert not [str(one.message) for one in left if issubclass(one.category, ResourceWarning)]


def test_a_mapping_that_leaves_out_every_patient_is_refused(tmp_path):
    cohort, said = answered(tmp_path, "c.csv", "patient,crp\nTest,9\n", "values: {patient: {Test: ''}}")
    assert cohort is None
    assert "all patients of" in said
    assert "map.yaml" in said


def test_a_first_row_without_a_key_is_no_second_line_of_the_header(tmp_path):
    _, said = answered(tmp_path, "c.csv", "patient,male,\n,yes,later\nB,no,\n")
    assert "a column with values has no name" in said


@pytest.mark.parametrize("keys", [("A+1", "B2"), ('"Mueller, A"', "Kurt"), ("K+M", "12")])
def test_a_key_of_which_no_part_looks_like_another_key_is_one_patient(tmp_path, keys):
    cohort, said = answered(tmp_path, "c.csv", f"patient,crp\n{keys[0]},0.5\n{keys[1]},1.5\n")
    assert len(cohort.patients) == 2
    assert "two patients" not in said


def test_lesions_side_by_side_are_suggested_as_nothing(tmp_path):
    (tmp_path / "c.csv").write_text("patient,lesion1_bone\nA,femur\n", encoding="utf-8")
    assert "lesion1_bone: …" in mapping_skeleton(tmp_path / "c.csv")


def test_a_table_of_stata_is_read_with_its_labels(tmp_path):
    table = pd.DataFrame({
        "patient": [1, 2, 3], "male": pd.Categorical(["yes", "no", "yes"]), "crp": [0.5, None, 2],
        "biopsy_date": pd.to_datetime(["2019-03-31", None, "2020-01-01"]),
    })  # fmt: skip
    table.to_stata(tmp_path / "c.dta", write_index=False)
    found = read_cohort(tmp_path / "c.dta").patients
    assert found["male"].tolist() == [True, False, True]
    assert found["biopsy_date"][0] == datetime.datetime(2019, 3, 31)
    assert found["crp"].isna().tolist() == [False, True, False]


def workbook(change, rows):
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    change(made.active)
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def coloured(sheet):
    sheet["B3"].fill, sheet["B5"].font = PatternFill("solid", fgColor="FFFF00"), Font(strike=True)


def striped(sheet):
    for row in range(2, 8, 2):
        for cell in sheet[row]:
            cell.fill = PatternFill("solid", fgColor="DDDDDD")


ROWS = [["patient", "crp"], *[[f"P{i}", i / 2] for i in range(6)]]


@pytest.mark.parametrize(
    ("change", "rows", "expected"),
    [
        (coloured, ROWS, "2 cells coloured or struck out: B3, B5, which is not read"),
        (lambda sheet: setattr(sheet["B3"], "comment", Comment("estimated", "x")), ROWS, "comments on cells, which is not read"),
        (lambda sheet: sheet.protection.set_password("x"), ROWS, ""),
        (lambda sheet: None, [["patient", "biopsy_date"], ["A", datetime.datetime(2019, 3, 31)], ["B", "01.04.2019"]], "dates in several forms"),
        (lambda sheet: None, [["patient", "age_onset"], ["A", datetime.time(8, 3)]], "expected a number"),
    ],
)  # fmt: skip
def test_what_a_workbook_shows_beside_values_is_said(tmp_path, change, rows, expected):
    assert expected in answered(tmp_path, "c.xlsx", workbook(change, rows))[1]


def test_stripes_of_a_table_mean_nothing(tmp_path):
    assert not answered(tmp_path, "c.xlsx", workbook(striped, ROWS))[0].problems


def test_another_office_file_with_the_ending_of_excel_is_refused(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    assert "is not a readable Excel workbook" in answered(tmp_path, "c.xlsx", content.getvalue())[1]


def test_sheets_of_several_years_are_refused_with_the_line_that_chooses_one(tmp_path):
    made = openpyxl.Workbook()
    made.active.title = "2019"
    for sheet in (made["2019"], made.create_sheet("2020")):
        for row in ROWS:
            sheet.append(row)
    content = io.BytesIO()
    made.save(content)
    assert "as in sheet: 2019" in answered(tmp_path, "c.xlsx", content.getvalue())[1]
