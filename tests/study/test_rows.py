"""Rows of claims as spreadsheets leave them, cells with several numbers, times and units."""

from fractions import Fraction

import pytest

from crmo_analysis.files import InputError
from crmo_analysis.study import rows
from crmo_analysis.study.claims import read_study
from crmo_analysis.study.rounding import interval

COLUMNS = "claim_id,where,about,statistic,of,among,printed,unit,reading,note"


def read(folder):
    return read_study.__wrapped__("small", folder)


def by_id(folder):
    return {claim.claim_id: claim for claim in read(folder).claims}


def problem(folder):
    with pytest.raises(InputError) as caught:
        read(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("statistic", "cell", "texts"),
    [
        ("count, percent", "12 (34.7 %)", "12 34.7"),
        ("count, percent", "Seventeen (42.5%)", "seventeen 42.5"),
        ("count, n", "7 of 15", "7 15"),
        ("count, n, percent", "7/15 (46.7%)", "7 15 46.7"),
        ("mean, sd", "10.5 ± 3.0", "10.5 3.0"),
        ("mean, sd", "−2.1 +/− 3", "-2.1 3"),
        ("median, min, max", "9.1 (3–17)", "9.1 3 17"),
        ("median, min, max", "9.1 (3,17)", "9.1 3 17"),
        ("median, min, max", "9,1 (3,2–17,5)", "9,1 3,2 17,5"),
        ("median, quartile_1, quartile_3", "22 [IQR 12-40]", "22 12 40"),
        ("correlation, p_value", "rs = 0.32, p = 0.0055", "0.32 0.0055"),
        ("correlation, p_value", "−0·32 (P<.01)", "-0.32 p<.01"),
        ("correlation, p_value", "0.41**", "0.41 **"),
        ("correlation, p_value", "0.2 (ns)", "0.2 ns"),
        ("df, test_statistic, p_value", "χ²(1) = 4.2, P=0.04", "1 4.2 0.04"),
        ("df, df_2, test_statistic, p_value", "F(2, 45) = 3.3; P = 0.046", "2 45 3.3 0.046"),
        ("odds_ratio, ci_lower, ci_upper, p_value", "2.1 (95 % CI 1.2 to 3.4), p = 0.01*", "2.1 1.2 3.4 0.01"),
        ("mean_change, ci_lower, ci_upper", "-0.3 (-1.2--0.1)", "-0.3 -1.2 -0.1"),
        ("count, percent", "24 (68·6%)*", "24 68.6"),
        ("count, percent", "12² (34.3)ᵃ", "12 34.3"),
        ("count, n, percent", "3/31 (9·7)‡", "3 31 9.7"),
        ("mean, sd", "10.5±3.0 y", "10.5 3.0"),
        ("kappa, ci_lower, ci_upper", "κ = 0.66 (95% CI 0.53 to 0.79)", "0.66 0.53 0.79"),
        ("icc, ci_lower, ci_upper", "ICC(2,1) = 0.87 (0.80-0.92)", "0.87 0.80 0.92"),
        ("rate, ci_lower, ci_upper", "8.4 (5.7–12.0) per 100 person-years", "8.4 5.7 12.0"),
        ("test_statistic, p_value", "t(38) = 2.3, p=0.03", "2.3 0.03"),
        ("hazard_ratio, ci_lower, ci_upper", "HR 0,41 (95%-KI 0,19–0,88)", "0,41 0,19 0,88"),
        ("odds_ratio, ci_lower, ci_upper", "3,2 (IC 95 % : 0,8–12,2)", "3,2 0,8 12,2"),
        ("odds_ratio, ci_lower, ci_upper", "3,2 (IC à 95 % 0,8–12,2)", "3,2 0,8 12,2"),
        ("median, quartile_1, quartile_3", "9,0 [IIQ : 6,0 ; 13,8]", "9,0 6,0 13,8"),
        ("median, quartile_1, quartile_3", "4.2 (25th–75th percentile, 2.1–7.8)", "4.2 2.1 7.8"),
        ("rate, ci_lower, ci_upper", "12.5 per 100 PY (95% CI, 8.1-18.5)", "12.5 8.1 18.5"),
        ("rate, ci_lower, ci_upper", "0.12/patient-year (0.08–0.17)", "0.12 0.08 0.17"),
        ("median, min, max", "14 months (6 months–45 months)", "14 6 45"),
        ("accuracy, kappa", "89 %, κ = −.04", "89 -.04"),
    ],
)  # fmt: skip
def test_a_cell_is_split_as_its_statistics_are_listed(statistic, cell, texts):
    row = dict.fromkeys((*rows.COLUMNS, *rows.LATER), "")
    row |= {"claim_id": "x", "statistic": statistic, "printed": cell, "of": "spine, fever"}
    problems = []
    found = [part for _, part in rows.split("row 2", row, problems)]
    assert problems == []
    assert [part["printed"] for part in found] == texts.split()
    assert [part["claim_id"] for part in found] == [f"x.{name}" for name in statistic.split(", ")]


def test_a_whole_cell_is_the_claims_that_it_prints(write_study):
    folder = write_study(
        'a,"t, 1",own,"count, n, percent",back_pain,spine,3/8 (37.5 %),,,',
        'b,"t, 1",own,"mean, sd",esr,,10.5 ± 3.0,mm/hour,,',
    )
    claims = by_id(folder)
    n = claims["a.n"]
    assert (n.statistic, n.of, n.among, n.printed) == ("count", "spine", "", "8")
    assert [claims[f"a.{name}"].unit for name in ("count", "percent")] == ["patients", "%"]
    assert (claims["b.sd"].statistic, claims["b.sd"].printed) == ("sd", "3.0")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            'a,"t, 1",own,"median, min, max",esr,,9.1 (3),mm/hour,,',
            "row 5, column printed, value '9.1 (3)': prints 2 numbers (9.1 | 3); column statistic lists 3",
        ),
        (
            'a,"t, 1",own,"count, percent",spine,,34.7 % (12),,,',
            "34.7 % stands where the count is expected",
        ),
        ('a,"t, 1",own,"mean, sd",spine,,10.5 ± 3.0,,,', "spine is of type boolean and has no mean"),
        ('a,"t, 1",own,count,spine,,7/15,,,', "x of n; write 'count, n' in column statistic"),
        ('a,"t, 1",own,mean,esr,,40%,mm/hour,,', "40%: the unit is %; write 40"),
        ('a,"t, 1",own,count,spine,,-3,,,', "a count is at least 0"),
        ('a,"t, 1",own,correlation,"esr, crp",,1.3,,,', "a correlation is at most 1"),
        ('a,"t, 1",own,quartile,esr,,3,mm/hour,,', "is 'quartile_3' meant?"),
        ('a,"t, 1",own,mean,follow_up,,3,parsecs,,', "expected 'years', the unit of follow_up in the "
                                                     "codebook, or days, weeks, months, which are converted"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_read_says_why(write_study, row, said):
    assert said in problem(write_study(row))


def test_a_sensitivity_is_a_percentage_of_those_with_the_reference(write_study):
    folder = write_study(
        'a,"t, 1",own,"count, n, sensitivity","spine, back_pain",,7/8 (87.5 %),,,',
        'b,"t, 1",own,npv,"spine, back_pain",male,0.90,,,',
    )
    claims = by_id(folder)
    assert [
        (claims[f"a.{name}"].of, claims[f"a.{name}"].among) for name in ("count", "n", "sensitivity")
    ] == [("spine", "back_pain"), ("back_pain", ""), ("spine", "back_pain")]
    assert (claims["b"].statistic, claims["b"].printed, claims["b"].among) == (
        *("percent", "90"),
        "~(spine) & (male)",
    )


def test_fewer_than_the_group_are_those_of_whom_it_is_known_and_more_are_left_to_be_found(write_study):
    folder = write_study(
        'a,"t, 1",own,"count, n, percent",fever,,3/15 (20.0),,,',
        'b,"t, 1",own,"count, n, percent",femur,,3/21 (14.3),,,',
    )
    claims = by_id(folder)
    assert (claims["a.n"].of, claims["a.count"].among) == ("fever_known", "fever_known")
    assert claims["a.n"].note == "of 20, those of whom it is known"
    assert claims["b.n"].of == "everyone"


def test_a_unit_of_analysis_is_read_as_a_cohort_of_its_own(write_study, study_text):
    row = 'a,"t, 1",lesions,count,everyone,,187,lesions,,'
    folder = write_study(row, study=study_text + "units: {lesions: all lesions}\n")
    assert by_id(folder)["a"].about == "lesions"
    assert "lesions and the like under 'units'" in problem(write_study(row))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_a_spreadsheet_does_to_a_file_is_undone(write_study, delimiter):
    folder = write_study()
    path = folder / "small" / "claims.csv"
    lines = [
        ["Claim ID", " Where ", "Statistic", "OF", "printed", "", "checked by"],
        ["n", "abstract", "count", "everyone", "'20", "", "A. N."],
        ["", "", "", "", "", "", ""],
        ["mean", "abstract", "percent", "spine", '"=""34.7"""' if delimiter != "\t" else "34.7"],
    ]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    path.write_bytes(("\ufeff" + (f"sep={delimiter}\r\n" if delimiter == ";" else "") + text).encode())
    assert [(c.claim_id, c.printed, c.about, c.among) for c in read(folder).claims] == [
        ("n", "20", "own", ""),
        ("mean", "34.7", "own", ""),
    ]


def test_a_column_that_is_nearly_known_is_named(write_study):
    folder = write_study(header="claim_id,where,about,statistic,of,amung,printed,unit,reading,note")
    assert "column 'amung' is not known; is 'among' meant?" in problem(folder)


def test_another_unit_is_converted_and_its_steps_are_known(write_study):
    folder = write_study(
        'mean,"a, 1",own,mean,follow_up,,52,months,,', 'low,"a, 1",own,min,follow_up,,6,months,,'
    )
    study = read(folder)
    mean = study.claim("mean").number
    assert (mean.value, mean.place) == (Fraction(52, 12), Fraction(1, 12))
    assert interval(mean) == (Fraction(51, 12), Fraction(53, 12))
    assert study.codebook["follow_up"].step == Fraction(1, 12)


def test_a_cell_in_two_units_is_refused(write_study):
    cell = "14 months (6 months–4 years)"
    folder = write_study(f'a,t,own,"median, min, max",diagnostic_delay,,{cell},months,,')
    assert "in months and in years, which need rows of their own" in problem(folder)


def test_a_time_that_is_nearly_one_is_named(write_study):
    row = 'a,"t, 2",own,count,remission,,9,patients,,,6 moths'
    folder = write_study(row, header=f"{COLUMNS},at")
    assert "column at, value '6 moths': 'moths' is no unit of time; is 'months' meant?" in problem(folder)


def test_a_variable_that_can_change_is_another_at_each_time(write_study):
    header = f"{COLUMNS},at"
    folder = write_study(
        *(
            'n,"t, 1",own,count,everyone,,20,patients,,,',
            'a,"t, 2",own,count,remission,,9,patients,,,month 6',
        ),
        'b,"t, 2",own,count,remission & male,remission_at_6_months,3,patients,,,1 year',
        'c,"t, 2",own,count,remission,,1,patients,,,baseline',
        header=header,
        base=False,
    )
    study = read(folder)
    of = {claim.claim_id: (claim.of, claim.among) for claim in study.claims}
    assert of["a"] == ("remission_at_6_months", "")
    assert of["b"] == ("remission_at_12_months & male", "remission_at_6_months")
    assert of["c"] == ("remission", "")
    assert study.codebook["remission_at_6_months"].label == "Clinical remission at 6 months"


def test_a_visit_can_be_named_as_papers_name_it(write_study):
    folder = write_study(
        'a,"t, 2",own,mean,esr,,9,mm/hour,,,week 12',
        'b,"t, 2",own,mean_change,"esr_at_baseline, esr_at_week_12",,-3,mm/hour,,,',
        'c,"t, 2",own,count,~male_at_12_weeks & remission,,3,patients,,,1 year',
        header=f"{COLUMNS},at",
    )
    claims = by_id(folder)
    assert [claims[each].of for each in "abc"] == [
        *("esr_at_12_weeks", "esr, esr_at_12_weeks", "~male & remission_at_12_months")
    ]


@pytest.mark.parametrize(
    ("statistic", "of", "printed", "unit", "value"),
    [
        ("count", "spine", "Eight children", "patients", 8),
        ("count", "spine", "1,204 patients", "patients", 1204),
        ("median", "diagnostic_delay", "11.3 months", "months", Fraction("11.3")),
        ("median", "diagnostic_delay", "11,3 mois", "mois", Fraction("11.3")),
        ("median", "age_onset", "9,5 Jahre", "years", Fraction("9.5")),
        ("count", "spine", "« 12 »", "patients", 12),
        ("other", "remission_drug", "0.07", "", Fraction("0.07")),
        ("mean", "platelets", "336", "×10⁹/L", 336_000),
        ("mean", "crp", "7.4", "mg/L", Fraction("0.74")),
        ("sum", "observed", "31.4", "patient-years", Fraction("31.4")),
        ("risk_difference", "spine, male", "14.2 percentage points", "", Fraction("14.2")),
    ],
)
def test_a_unit_can_stand_as_it_is_printed(write_study, study_text, statistic, of, printed, unit, value):
    own = "variables: {observed: {label: Observed, type: decimal, unit: patient-years}}\n"
    row = f'a,"t, 2",own,{statistic},"{of}",,"{printed}",{unit},,,Hardy-Weinberg'
    folder = write_study(row, study=study_text + own, header=f"{COLUMNS},method")
    assert by_id(folder)["a"].number.value == value


def test_fewer_are_known_than_a_number_with_a_comma_says(write_study):
    folder = write_study(
        'n,t,own,count,everyone,,"1,204",patients,,', 'a,t,own,"count, n",spine,,71 of 640,,,', base=False
    )
    claims = by_id(folder)
    assert (claims["a.n"].of, claims["a.count"].among) == ("spine_known", "spine_known")


def test_a_time_that_no_row_has_is_named(write_study):
    folder = write_study('a,"t, 2",own,count,spine,remission_at_6_month,3,patients,,')
    assert "no row is at '6 months'; column at has none" in problem(folder)


def test_two_visits_that_only_their_place_tells_apart_are_told_apart(write_study):
    folder = write_study(
        'r6,"t, month 6",own,count,remission,,9,patients,,', 'r12,"t, month 12",own,count,remission,,13,patients,,'
    )  # fmt: skip
    claims = by_id(folder)
    assert claims["r6"].of == "remission_at_6_months"
    assert claims["r12"].note == "read as at 12 months, which column where names and column at does not"


def test_a_study_has_variables_of_its_own(write_study, study_text):
    own = (
        study_text
        + "variables: {swollen_joints: {label: Swollen joints, type: integer, step: 1, unit: joints}}\n"
    )
    folder = write_study('a,"t, 2",own,mean,swollen_joints,,1.5,joints,,', study=own)
    assert by_id(folder)["a"].codebook["swollen_joints"].label == "Swollen joints"
    wrong = study_text + "variables: {spine: {label: Spines, type: integer}}\n"
    assert "study.yaml: variables, spine: stands in the codebook already" in problem(write_study(study=wrong))


def test_a_study_can_stand_in_any_folder(write_study):
    folder = write_study()
    assert read_study.__wrapped__(str(folder / "small")).study == "small"
    with pytest.raises(InputError, match=r"study\.yaml is missing; `crmo new study NAME` makes one"):
        read_study.__wrapped__(str(folder))


def test_fewer_than_all_are_those_of_whom_it_is_known_whatever_the_id_of_the_number_of_patients(write_study):
    folder = write_study(
        'm.n,"abstract, sentence 1",own,count,everyone,,23,patients,,',
        'm.girls,"abstract, sentence 1",own,"count, percent",~male,,14 (60.9 %),patients,,',
        'm.crp,"abstract, sentence 1",own,"count, n, percent",crp_elevated,,9/22 (40.9 %),patients,,',
        base=False,
    )
    found = by_id(folder)
    assert [found[name].among for name in ("m.crp.count", "m.crp.percent")] == ["crp_elevated_known"] * 2
    assert found["m.crp.n"].of == "crp_elevated_known"
    assert [found[name].among for name in ("m.n", "m.girls.count", "m.girls.percent")] == [""] * 3


@pytest.mark.parametrize(("printed", "among"), [("4 (25.0)", "(male) & fever_known"), ("3 (15.6)", "male")])
def test_a_share_is_of_those_known_only_where_fewer_than_the_group_can_give_it(write_study, printed, among):
    folder = write_study(
        'm,"t, 1",own,count,male,,18,patients,,',
        'a,"t, 1",own,"count, n, percent",fever,,3/15 (20.0),,,',
        f'b,"t, 1",own,"count, percent",fever,male,{printed},,,',
    )
    claims = by_id(folder)
    assert [claims[name].among for name in ("b.count", "b.percent")] == [among] * 2
