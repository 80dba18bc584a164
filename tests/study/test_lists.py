"""Lists of values, and of patients by their numbers, as rows of claims."""

import pytest

from crmo_analysis import face
from crmo_analysis.files import InputError
from crmo_analysis.study import read_study

HEADER = "claim_id,where,statistic,of,among,printed,unit,method"
N = "n,t,count,everyone,,7,patients,"


@pytest.fixture
def read(write_study):
    return lambda *rows: read_study.__wrapped__("small", write_study(N, *rows, header=HEADER, base=False))


@pytest.mark.parametrize(
    "printed",
    [
        "3, 5, 7, 8.5 and 13",
        "3; 5; 7; 8,5; 13",
        "3, 5, 7, 8.5, and 13",
        "3, 5, 7, 8·5 & 13",
        "3; 5; 7; 8,5 und 13",
    ],
)
def test_a_list_is_a_value_for_each_patient(read, printed):
    study = read(f'a,t,values,age_diagnosis,,"{printed}",years,')
    values = [claim for claim in study.claims if claim.statistic == "value"]
    assert [float(claim.number.value) for claim in values] == [3, 5, 7, 8.5, 13]
    assert [claim.among for claim in values] == [f"a_place == {k}" for k in range(1, 6)]
    told = [claim for claim in study.claims if claim.is_of_those_known]
    assert [claim.of for claim in told] == [claim.among for claim in values]
    assert not {claim for figure in study.figures for claim in figure.claims} & {c.claim_id for c in told}


def test_patients_are_named_by_number_and_lists_in_their_order_share_it(read):
    study = read(
        'a,t,values,age_diagnosis,,"3, 5, 7",years,by patient', 's,t,patients,spine,,"Patients 2, and 4",,'
    )
    claims = {claim.claim_id: claim for claim in study.claims}
    assert claims["a.2"].among == "patient_number == 2"
    assert (claims["s.count"].printed, claims["s.listed"].printed) == ("2", "2")
    assert claims["s.listed"].among == "(patient_number == 2 | patient_number == 4)"
    assert [name for name in claims if ".patient." in name] == [f"a.patient.{k}" for k in (1, 2, 3, 4)]


def test_a_list_leaves_the_short_names_of_the_other_claims(write_study):
    rows = ("br.n,t,count,everyone,,7,patients,", 'br.ages,t,values,age_diagnosis,,"3, 5, 7 and 13",years,')
    folder = write_study(*rows, 'br.s,t,patients,spine,,"2 and 5",,', header=HEADER, base=False)
    study = face.read_study(str(folder / "small"))
    assert (study.numbers["n"], study.numbers["br.n"]) == (7, 7)
    assert study.shares([("A", "of {n}", 3, 10)]).frame["label"].tolist() == ["of 7"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,t,values,age_diagnosis,,about 3,years,", "expected 2 to 200 numbers with commas between"),
        ('a,t,values,age_diagnosis,,"3, five years, 7",years,', "column printed"),
        ('a,t,values,age_diagnosis,male,"3, 5",years,by patient', "leave column among empty"),
        ('a,t,values,age_diagnosis,,"all, 3",years,', "row 3, column printed, value 'all, 3': expected 2"),
        *(
            (f'a,t,patients,spine,,"{text}",,', f"row 3, column printed, value '{text}': expected {said}")
            for text, said in (
                ("all, 2", "1 to 200 numbers"),
                ("2 and 99999", "whole numbers of patients from 1 to 200"),
                ("2, 2 and 3", "whole numbers of patients from 1 to 200, each once"),
                ("0 and 3", "whole numbers of patients from 1"),
                ("2.5 and 3", "whole numbers of patients"),
            )
        ),
    ],
)
def test_what_is_no_list_is_refused(read, row, said):
    with pytest.raises(InputError, match=said):
        read(row)
