"""REDCap: the dictionary that sets a registry up, and what comes back from it."""

import csv
import io
import re
from collections import Counter

import pandas as pd
import pytest

from crmo_analysis.files import InputError
from crmo_analysis.patients.cohort import read_cohort, require_sound
from crmo_analysis.patients.redcap import COLUMNS, dictionary
from crmo_analysis.study import read_codebook

PATIENTS = read_codebook()
LESIONS = read_codebook(section="lesions")
FIELDS = list(csv.DictReader(io.StringIO(dictionary(PATIENTS, LESIONS), newline="")))
BY_NAME = {field["Variable / Field Name"]: field for field in FIELDS}
RAW = """record_id,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,male,presenting_symptom,\
n_lesions,crp,patients_complete,bone,side,signal,periosteal,lesions_complete
A1,,,centre,1,unifocal_pain,2,0.5,2,,,,,
A1,lesions,1,centre,,,,,,femur,left,2,1,2
A1,lesions,2,centre,,,,,,thoracic_vertebra,midline,1,0,2
A2,,,centre,0,limping,NA,NR,0,,,,,
"""
LABELLED = """Patient,Repeat Instrument,Repeat Instance,Data Access Group,Male sex,Presenting symptom,Lesions (lesions),\
C-reactive protein (mg/dl),Complete?,Bone,Side,Marrow signal as graded by the reader (grades),\
Periosteal reaction of the lesion,Complete?
A1,,,Centre,Yes,Unifocal pain,2,0.5,Complete,,,,,
A1,Lesions,1,Centre,,,,,,Femur,Left,2,Yes,Complete
A1,Lesions,2,Centre,,,,,,Thoracic vertebra,Midline,1,No,Complete
A2,,,Centre,No,Limping,Not assessed,Not reported,Incomplete,,,,,
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a text as the file of an export."""

    def read(text, said="", **options):
        path, mapping = tmp_path / "export.csv", tmp_path / "said.yaml"
        path.write_text(text, encoding="utf-8")
        mapping.write_text(said, encoding="utf-8")
        return read_cohort(path, **({"mapping": mapping} if said else options))

    return read


# ---- the dictionary ----------------------------------------------------------------------------------------


def test_the_dictionary_has_redcaps_18_columns_in_their_order():
    text = dictionary(PATIENTS, LESIONS)
    assert list(COLUMNS) == [
        "Variable / Field Name",
        "Form Name",
        "Section Header",
        "Field Type",
        "Field Label",
        "Choices, Calculations, OR Slider Labels",
        "Field Note",
        "Text Validation Type OR Show Slider Number",
        "Text Validation Min",
        "Text Validation Max",
        "Identifier?",
        "Branching Logic (Show field only if...)",
        "Required Field?",
        "Custom Alignment",
        "Question Number (surveys only)",
        "Matrix Group Name",
        "Matrix Ranking?",
        "Field Annotation",
    ]
    assert {len(row) for row in csv.reader(io.StringIO(text, newline=""))} == {18}
    assert next(csv.reader(io.StringIO(text, newline=""))) == list(COLUMNS)


def test_every_variable_of_a_patient_and_of_a_lesion_is_a_field_once():
    names = [field["Variable / Field Name"] for field in FIELDS]
    of_patients = [name for name, variable in PATIENTS.items() if variable.level == "patient"]
    assert names == ["patient", *of_patients, *LESIONS]
    assert len(set(names)) == len(names)
    assert [field["Form Name"] for field in FIELDS] == ["patients"] * (1 + len(of_patients)) + [
        "lesions"
    ] * len(LESIONS)


def test_fields_are_what_redcap_takes():
    for field in FIELDS:
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,99}", field["Variable / Field Name"])
        assert field["Field Type"] in {"text", "yesno", "dropdown"}
        assert field["Field Label"]
        assert field["Branching Logic (Show field only if...)"] == ""
        assert field["Text Validation Type OR Show Slider Number"] in {"", "number", "integer", "date_ymd"}
        choices = field["Choices, Calculations, OR Slider Labels"]
        assert bool(choices) == (field["Field Type"] == "dropdown")
        for choice in choices.split(" | ") if choices else ():
            assert re.fullmatch(r"[A-Za-z0-9_]+, [^|]+", choice)


def test_labels_tell_fields_apart_so_that_an_export_with_labels_can_be_read():
    assert max(Counter(field["Field Label"] for field in FIELDS).values()) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("male", {"Field Type": "yesno", "Field Label": "Male sex"}),
        (
            "crp",
            {
                "Field Label": "C-reactive protein (mg/dl)",
                "Text Validation Min": "0",
                "Text Validation Max": "100",
            },
        ),
        ("crp", {"Field Type": "text", "Text Validation Type OR Show Slider Number": "number"}),
        ("n_lesions", {"Text Validation Type OR Show Slider Number": "integer"}),
        ("platelets", {"Text Validation Max": "2000000"}),
        (
            "biopsy_date",
            {"Text Validation Type OR Show Slider Number": "date_ymd", "Text Validation Min": ""},
        ),
        ("chaq", {"Field Note": "In steps of 0.125"}),
        ("side", {"Choices, Calculations, OR Slider Labels": "left, Left | right, Right | midline, Midline"}),
    ],
)
def test_a_field_says_what_the_codebook_says(name, expected):
    assert {column: BY_NAME[name][column] for column in expected} == expected


# ---- exports -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [RAW, LABELLED, RAW.replace("record_id", "patient")], ids=["raw", "labels", "own id"]
)
def test_an_export_is_read_without_a_mapping(read, text):
    cohort = require_sound(read(text))
    table = cohort.patients.set_index("patient")
    assert table.loc["A1", ["male", "presenting_symptom", "n_lesions", "crp"]].tolist() == [
        True,
        "unifocal_pain",
        2,
        0.5,
    ]
    assert table.loc["A1", ["femur", "spine", "multifocal", "signal_sum"]].tolist() == [True, True, True, 3]
    assert table.loc["A2", ["n_lesions", "crp", "femur"]].isna().all()
    assert cohort.kinds.loc[1, ["n_lesions", "crp"]].tolist() == ["not_assessed", "not_reported"]
    assert cohort.lesions["bone"].tolist() == ["femur", "thoracic_vertebra"]
    assert cohort.lesions["periosteal"].tolist() == [True, False]
    assert any("an export of REDCap" in note for note in cohort.notes)


def test_both_ways_to_export_give_the_same(read):
    raw, labelled = read(RAW), read(LABELLED)
    assert raw.patients.equals(labelled.patients)
    assert raw.lesions.equals(labelled.lesions)


def test_a_project_of_ones_own_may_need_a_mapping(read, tmp_path):
    mapping = tmp_path / "map.yaml"
    mapping.write_text(
        "columns: {record_id: patient, sex: male}\nvalues: {male: {1: yes, 2: no}}\n", encoding="utf-8"
    )
    cohort = require_sound(read("record_id,sex,patients_complete\n7,1,2\n8,2,2\n", mapping=mapping))
    assert cohort.patients["patient"].tolist() == [7, 8]
    assert cohort.patients["male"].tolist() == [True, False]


def test_rows_are_counted_in_the_export(read):
    cohort = read(RAW.replace(",NA,NR,", ",x,NR,").replace("femur,left,2", "femur,left,9"))
    assert [(problem.row, problem.column, problem.value) for problem in cohort.errors] == [
        (5, "n_lesions", "x"),
        (3, "signal", "9"),
    ]


def test_without_a_lesion_there_is_no_table_of_lesions(read):
    cohort = require_sound(read("patient,male,patients_complete\n1,1,2\n2,0,2\n"))
    assert cohort.lesions is None
    assert cohort.patients["male"].tolist() == [True, False]


def test_rows_of_another_instrument_are_named(read):
    cohort = read(RAW + "A2,visits,1,centre,,,,,,,,,,\n")
    assert (
        "value 'visits': warning: is no instrument of patients or lesions; 1 rows are left out, the first is row 6"
        in str(cohort.warnings[0])
    )
    assert len(cohort.patients) == 2


def test_lesions_have_to_be_a_repeating_instrument(read):
    cohort = read("patient,patients_complete,male,bone\n1,2,1,femur\n")
    assert "row 2, column bone: has a value in the row of a patient; enable lesions as a repeating" in str(
        cohort.errors[0]
    )


def test_an_export_without_a_patient_is_refused(read):
    with pytest.raises(InputError, match="has no row of patients"):
        read("patient,redcap_repeat_instrument,bone\n1,lesions,femur\n")


def test_several_events_are_refused(read):
    text = "patient,redcap_event_name,male\n1,start_arm_1,1\n1,end_arm_1,1\n"
    with pytest.raises(
        InputError, match=r"has several events of one patient .*in a mapping file, as in event: start"
    ):
        read(text)


BOXES = """patient,affected_bone___1,affected_bone___femur,affected_bone___na,site___tibia,site___9,patients_complete
1,1,0,0,0,0,0
2,0,0,0,0,0,0
3,0,0,0,0,0,2
4,0,0,1,0,0,0
5,0,1,0,1,0,2
"""


def test_boxes_become_yes_and_no_where_somebody_looked(read):
    cohort = read(BOXES)
    found = {
        name: [
            None if value is not True and value is not False else value
            for value in cohort.patients[name].astype(object)
        ]
        for name in ("femur", "tibia")
    }
    assert "vertebra" not in cohort.patients
    assert "boxes affected_bone___1 have no label that is a variable" in str(cohort.warnings[0])
    assert found["femur"] == [False, None, False, None, True]
    assert found["tibia"] == [None, None, False, None, True]
    assert cohort.kinds["femur"].tolist()[3] == "not_assessed"
    assert any(note.endswith(", site___9") for note in cohort.notes)


def test_boxes_of_an_export_with_labels(read):
    text = "Patient,Bones (choice=Femur),Bones (choice=Tibia),Complete?\n1,Checked,Unchecked,Incomplete\n"
    cohort = require_sound(read(text))
    assert cohort.patients[["femur", "tibia"]].loc[0].tolist() == [True, False]


def test_the_dictionary_of_the_project_reads_its_own_exports_as_they_are(read, tmp_path):
    (tmp_path / "dictionary.csv").write_text(dictionary(PATIENTS, LESIONS), encoding="utf-8")
    (tmp_path / "map.yaml").write_text("dictionary: dictionary.csv\n", encoding="utf-8")
    for text in (RAW, LABELLED):
        told, plain = read(text, mapping=tmp_path / "map.yaml"), read(text)
        assert told.patients.equals(plain.patients)
        assert told.lesions.equals(plain.lesions)


def test_what_redcap_adds_to_every_form_may_stand_twice(read):
    cohort = read(
        "Record ID,Survey Timestamp,Male sex,Complete?,Survey Timestamp\n1,[not completed],Yes,Complete,2024-01-02\n"
    )
    assert not cohort.errors
    assert cohort.patients["male"].tolist() == [True]


def test_an_event_that_repeats_is_told_by_its_number(read):
    text = "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,crp\n"
    text += "".join(f"{patient},visit,,{at},{at}\n" for patient in (1, 2) for at in (1, 2))
    with pytest.raises(InputError, match=r"several events of one patient \(visit 1, visit 2\)"):
        read(text)
    assert read(text, "event: visit 2").patients["crp"].tolist() == [2, 2]


def test_boxes_that_branching_logic_may_hide_are_missing_where_none_is_ticked(read, tmp_path):
    field = dict.fromkeys(COLUMNS, "")
    field |= {
        "Variable / Field Name": "seen",
        "Field Label": "Findings",
        "Choices, Calculations, OR Slider Labels": "1, Bone marrow oedema | 2, Osteitis",
    }
    text = "record_id,seen___1,seen___2,mri_complete\n1,1,0,2\n2,0,0,2\n"
    for logic, osteitis in (("", [False, False]), ("[mri] = '1'", [False, None])):
        field["Branching Logic (Show field only if...)"] = logic
        pd.DataFrame([field]).to_csv(tmp_path / "dictionary.csv", index=False)
        cohort = read(text, "dictionary: dictionary.csv")
        found = cohort.patients["osteitis"].astype(object)
        assert found.where(found.notna(), None).tolist() == osteitis
        assert any("branching logic may hide them" in note for note in cohort.notes) == bool(logic)
