"""Reading studies.

What is refused, and that the message says file, row, column, value and what is expected.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmo_analysis.files import InputError, read_yaml, study_names
from crmo_analysis.study.claims import read_study
from crmo_analysis.study.codebook import read_codebook


def problems(folder):
    with pytest.raises(InputError) as caught:
        read_study.__wrapped__("small", folder)
    return str(caught.value)


def test_a_sound_study_is_read(write_study):
    study = read_study.__wrapped__("small", write_study())
    assert [claim.claim_id for claim in study.claims] == ["n", "spine.n", "spine.percent"]
    assert study.claims[2].printed == "40"
    assert study.claims[2].section == "abstract"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('x,"a, b",own,count,spline,,3,,,', "row 5, column of, value 'spline': 'spline' is not in the "
                                            "codebook; is 'spine' meant?"),
        ('x,"a, b",own,count,spine &,,3,,,', "row 5, column of, value 'spine &': it ends where a name is "
                                             "expected"),
        ('x,"a, b",own,count,__import__(1),,3,,,', "row 5, column of"),
        ('x,"a, b",own,count,spine,nobody,3,,,', "row 5, column among, value 'nobody'"),
        ('n,"a, b",own,count,spine,,3,,,', "row 5, column claim_id, value 'n': stands already in row 2"),
        ('x,"a, b",own,count,spine,,some,,,', "row 5, column printed, value 'some': 'some' is not a number"),
        ('x,"a, b",own,count,spine,,3.5,,,', "a count is a whole number"),
        ('x,"a, b",own,percent,spine,,140,,,', "a percent of patients is at most 100"),
        ('x,"a, b",own,median,spine,,3,,,', "spine is of type boolean and has no median"),
        ('x,"a, b",own,median,age_onset,,all,,,', "a median is a number"),
        ('x,"a, b",own,mode,age_onset,,3,,,', "row 5, column statistic, value 'mode': expected a word of "
                                              "docs/claims.md, as count, percent"),
        ('x,"a, b",them,count,spine,,3,,,', "row 5, column about, value 'them': expected 'own' or a cohort"),
        ('x,"a, b",own,count,spine,,3,,who:none,', "row 5, column reading, value 'who:none'"),
        ('x,,own,count,spine,,3,,,', "row 5, column where, value '': must not be empty"),
        ('x,"a, b",own,p_value,n_lesions,,P<0.01,,,', "expected two variables with a comma between"),
        ("x,a, b,own,count,spine,,3,,,", "row 5: expected 10 cells; quote a cell that has a comma"),
        ('x,"a, b",own,mean ± SD,age_onset,,3 ± 1,,,', "column statistic, value 'mean ± sd': write 'mean, sd'"),
        ('x,"a, b",own,median (IQR),age_onset,,3,,,', "write 'median, quartile_1, quartile_3', with commas"),
        ('x,"a, b",own,count,not spine,,3,,,', "'not' is not in the codebook; write ~ for not"),
        ('x,"a, b",own,count,spine,girls,3,,,', "'girls' is not in the codebook; write ~male"),
        ('x,"a, b",own,count,spine = 1,,3,,,', "'= 1' is not part of an expression (write ==)"),
        ('x,"a, b",own,count,remission_drug,,3,,,', "compare it with a value, as in remission_drug == none"),
        ('x,"a, b",own,sensitivity,spine,,90,,,', "column of, value 'spine': expected a test and its reference"),
        ('x,"a, b",own,"mean, sd",esr,,3,mm/h,,', "prints 1 number (3); column statistic lists 2"),
        ('x,"a, b",other,count,everyone,,0,,,', "row 5, column printed, value '0': a denominator of 0"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(write_study, row, expected):
    rows = [row, 'y,"a, b",other,percent,spine,,50,,,'] if "denominator" in expected else [row]
    message = problems(write_study(*rows))
    assert "claims.csv" in message
    assert expected in message


def test_all_problems_come_at_once(write_study):
    folder = write_study(
        'x,"a, b",own,count,spline,,3,,,',
        'y,"a, b",own,count,spine,,many,,,',
        'n,"a, b",own,count,spine,,1,,,',
    )
    assert len(problems(folder).splitlines()) == 3


def test_two_readings_of_one_claim_may_share_its_id(write_study):
    rows = ['x,"a, b",own,count,fever,,3,,who:all,', 'x,"a, b",own,count,fever,spine,3,,who:spine,']
    assert len(read_study.__wrapped__("small", write_study(*rows)).claims) == 5
    rows[1] = rows[1].replace(",3,", ",4,")
    assert "readings of one claim share where and printed" in problems(write_study(*rows))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"header": "claim_id,where,about,statistic,of,among,value,unit,reading,note"},
            "row 1: column 'printed' is missing",
        ),
        ({"base": False}, "has no claims"),
        ({"encoding": "utf-16"}, "row 1: not UTF-8"),
        ({"study": "study: small\n"}, "study.yaml: 'title' is missing"),
        ({"study": "- a\n- b\n"}, "study.yaml: expected a mapping"),
        ({"study": "a: [b\n"}, "study.yaml: cannot be read as YAML"),
        (
            {"study": "a: 1\ntitle: Pain: b\n"},
            "line 2: mapping values are not allowed in this context; a value with a colon",
        ),
        (
            {"study": "study: small\ntitle: t\nstudy: large\n"},
            "study.yaml: line 3: the key 'study' stands in line 1 already",
        ),
        ({"study": "a: !!python/object/apply:os.system ['true']\n"}, "study.yaml: cannot be read as YAML"),
    ],
)
def test_a_wrong_file_is_named(write_study, change, expected):
    assert expected in problems(write_study(**change))


def test_latin1_is_refused_with_the_row(write_study):
    folder = write_study('x,"Bicêtre, b",own,count,spine,,3,,,', encoding="latin-1")
    assert "row 5: not UTF-8 (byte 0xea); save the file as UTF-8" in problems(folder)


def test_a_wrong_rule_is_named(write_study):
    study = (
        "study: small\ntitle: t\nshort: s\ncitation: c\ndesign: d\nquestion: q\nrules:\n  - {always: "
        ""
        "spline, because: b}\n"
    )
    assert "rule 1, always: spline: 'spline' is not in the codebook" in problems(write_study(study=study))


def test_an_unknown_study_is_answered_with_those_there_are(write_study):
    with pytest.raises(InputError, match=r"there is no study 'smal'.*small"):
        read_study.__wrapped__("smal", write_study())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(write_study, content):
    folder = write_study()
    (folder / "small" / "claims.csv").write_bytes(content)
    with pytest.raises(InputError):
        read_study.__wrapped__("small", folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("variables: {a b: {label: A, type: boolean}}", "a b: a name has letters"),
        ("variables: {a: {label: A, type: bool}}", "a: type is 'bool', expected one of boolean"),
        ("variables: {a: {type: boolean}}", "a: a label is missing"),
        ("variables: {a: {label: A, type: category}}", "a: categories belong"),
        ("variables: {a: {label: A, type: integer, step: few}}", "a: step is 'few', expected a number"),
        ("variables: {a: {label: A, type: integer, size: 3}}", "a: unknown field 'size'"),
        ("variables: 3", "not a codebook"),
        (
            "variables:\n  a: {label: A, type: boolean}\n  a: {}",
            "line 3: the key 'a' stands in line 2 already",
        ),
    ],
)
def test_a_wrong_codebook_is_named(tmp_path, text, expected):
    path = tmp_path / "codebook.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_codebook(path)
    assert expected in str(caught.value)
    assert "codebook.yaml" in str(caught.value)


def test_a_key_that_another_mapping_lends_may_be_given_anew(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: {b: {<<: {x: 2}, x: 1}}\n")
    assert read_yaml(path)["a"] == {"b": {"x": 1}}


@pytest.mark.parametrize("text", ["a: &a [1]\nb: *a\n", "a: &a [*a]\n", "a: &a {x: 1}\nb: {<<: *a}\n"])
def test_a_part_is_not_repeated_by_reference(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=r"a reference \(\*\) to another part is not read"):
        read_yaml(tmp_path / "a.yaml")


def test_the_five_studies_are_there_and_their_claims_sound():
    assert set(study_names()) >= {"simm_2008", "hospach_2010", "bicetre", "menashe_2022", "sag_2019"}
    ids = [claim.claim_id for study in study_names() for claim in read_study(study).claims]
    assert len(set(ids)) > 350


def test_the_codebook_has_the_agreed_names():
    names = (
        "male age_onset age_diagnosis diagnostic_delay spine vertebral_deformity kyphoscoliosis back_pain "
        "pamidronate "
        "vertebra femur sacroiliitis esr_elevated crp_elevated marrow_edema osteitis periosteal_reaction "
        "anti_tnf dmard "
        "methotrexate remission relapse jansson_score n_lesions clinical_severity"
    )
    assert set(names.split()) <= set(read_codebook())
    # Jansson et al. 2009: points 13, 10, 10, 9, 8, 7, 6; every other total is a sum of some of them.
    totals = {0}
    for points in (13, 10, 10, 9, 8, 7, 6):
        totals |= {total + points for total in totals}
    assert read_codebook()["jansson_score"].impossible == set(range(64)) - totals


def test_problems_stand_in_the_order_of_the_rows(write_study):
    folder = write_study('x,"a, b",own,count,spline,,3,,,\ny,"a, b",own,values,age_onset,,3,years,,')
    said = problems(folder)
    assert said.index("row 5,") < said.index("row 6,")
