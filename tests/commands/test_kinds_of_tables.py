"""What is proposed of tables of many kinds, as papers print them: statistic, of, among, and the cell."""

import csv

import pytest

from crmo_analysis.commands import drafting, labels
from crmo_analysis.files import InputError
from crmo_analysis.study import read_codebook

TABLES = {
    "two readers": (
        "Finding,Reader 1 n (%),Reader 2 n (%),Both,Agreement %,κ (95% CI)\nOedema,37 (57.8),36 (56.3),33,89.1,0.78 (0.62–0.93)",
        {
            ("count, percent", "oedema_reader_2", "", "36 (56.3)"),
            ("percent_agreement", "oedema_reader_1, oedema_reader_2", "", "89.1"),
            ("kappa, ci_lower, ci_upper", "oedema_reader_1, oedema_reader_2", "", "0.78 (0.62–0.93)"),
        },
    ),
    "a trial with a difference between its arms": (
        "Outcome,Drug (n = 31),Placebo (n = 33),Difference (95% CI),P\nESR\nWeek 12 mean (SD),21 (8),28 (9),−7 (−11 to −3),0.002\n"
        "Remission n (%),19 (61.3),11 (33.3),28.0 (4.4 to 51.5),0.025",
        {
            ("mean, sd", "esr", "group == drug", "21 (8)"),
            ("mean_difference, ci_lower, ci_upper", "esr, group", "", "−7 (−11 to −3)"),
            ("risk_difference, ci_lower, ci_upper", "remission, group", "", "28.0 (4.4 to 51.5)"),
            ("p_value", "esr_at_week_12, group", "", "0.002"),
        },
    ),
    "a model with the events of each row": (
        "Variable,Relapse n/N (%),OR (95% CI),P\nSpinal involvement\nNo,26/117 (22.2),1 (reference),\nYes,23/61 (37.7),2.12 (1.08–4.17),0.030",
        {
            ("count, n, percent", "relapse", "~spine", "26/117 (22.2)"),
            ("count, n, percent", "relapse", "spine", "23/61 (37.7)"),
            ("odds_ratio, ci_lower, ci_upper", "relapse, spine", "", "2.12 (1.08–4.17)"),
            ("p_value", "relapse, spine", "", "0.030"),
        },
    ),
    "a curve with numbers at risk": (
        "Relapse-free survival,A (n = 44),B (n = 46)\nMedian months (95% CI),26.7 (13.2–34.6),10.8 (7.7–14.4)\n"
        "12 months % (95% CI),74.9 (59.2–85.2),44.4 (29.0–58.7)\nNumber at risk\n12 months,31,16",
        {
            *(("median_survival, ci_lower, ci_upper", "relapse_free_survival, ?", "group == a"),),
            ("survival, ci_lower, ci_upper", "relapse_free_survival", "group == b", "44.4 (29.0–58.7)"),
            ("count", "number_at_risk", "group == b", "16"),
        },
    ),
    "answers of whom some are missing": (
        "Item,Disagree,Neutral,Agree,Missing\nIt helps,18 (17),22 (21),66 (62),6",
        {
            ("count, percent", "it_helps == neutral", "it_helps_known", "22 (21)"),
            ("count", "~it_helps_known", "", "6"),
        },
    ),
    "statistics in columns": (
        "Score,n,Missing,Mean ± SD,Range\nPhysical functioning,105,7,67.8 ± 16.4,22–100",
        {
            ("count", "physical_functioning_known", "", "105"),
            ("mean, sd", "physical_functioning", "physical_functioning_known", "67.8 ± 16.4"),
            ("min, max", "physical_functioning", "physical_functioning_known", "22–100"),
        },
    ),
    "genotypes of patients and controls": (
        "SNP,Genotype,Patients (n = 96),Controls (n = 240),OR (95% CI)\nX1,GG,66 (68.8),203 (84.6),\n,GA,30 (31.2),37 (15.4),2.49 (1.4–4.3)",
        {
            ("count", "group == patients", "", "96"),
            ("count, percent", "x1 == ga", "group == controls", "37 (15.4)"),
            ("odds_ratio, ci_lower, ci_upper", "x1 == ga, group", "", "2.49 (1.4–4.3)"),
        },
    ),
    "visits that a P value names": (
        "Finding,Baseline (n = 58),6 months (n = 51),12 months (n = 43),P 12 months vs baseline\nFever n (%),45 (77.6),21 (41.2),11 (25.6),<0.001",
        {
            ("count, percent", "fever", "seen_at_6_months", "21 (41.2)"),
            ("p_value", "fever, fever_at_12_months", "seen_at_12_months", "<0.001"),
        },
    ),
    "categories that add up": (
        "Answer,All (n = 60),Fever (n = 20),No fever (n = 40),P\nCourse,,,,0.4\n<5,30 (50),9 (45),21 (52),\n≥5,30 (50),11 (55),19 (48),",
        {
            ("count, percent", "course == below_5", "~fever", "21 (52)"),
            ("count, percent", "course == from_5", "", "30 (50)"),
            ("p_value", "course, fever", "", "0.4"),
        },
    ),
    "two, of which one is what the other is not": (
        "Course,All (n = 60)\nPattern\nUnifocal,20 (33)\nMultifocal,40 (67)",
        {("count, percent", "~multifocal", "", "20 (33)"), ("count, percent", "multifocal", "", "40 (67)")},
    ),
    "French": (
        'Caractéristiques,Total (n = 46),Filles (n = 27),Garçons (n = 19),Valeur de p\n"Âge au diagnostic, ans, moyenne (ET)","9,3 (2,4)","8,6 (2,2)","10,3 (2,3)","0,015"\n'
        '"Délai diagnostique, mois, médiane [IIQ]","9,0 [6,0 ; 13,8]",,,',
        {
            ("mean, sd", "age_diagnosis", "~male", "8,6 (2,2)"),
            ("p_value", "age_diagnosis, male", "", "0,015"),
            ("median, quartile_1, quartile_3", "diagnostic_delay", "", "9,0 [6,0 ; 13,8]"),
        },
    ),
    "German": (
        'Merkmal,Mädchen (n = 27),Jungen (n = 19),p-Wert\n"Alter bei Diagnose (Jahre), Mittelwert ± SD","8,6 ± 2,2","10,3 ± 2,3","0,015"',
        {("p_value", "age_diagnosis, male", "", "0,015"), ("count", "~male", "", "27")},
    ),
    "unifocal beside multifocal, with units in a note": (
        "Characteristic,All (n = 52),Unifocal (n = 14),Multifocal (n = 38),P\nCRP* median (range),8.9 (1.3–52.4),7.3 (1.7–27.4),9.3 (1.3–52.4),0.43\n"
        "Age at diagnosis mean (range) years,9.2 (3–15),9.0 (3–14),9.3 (4–15),0.6\n*CRP in mg/l (normal < 5)",
        {
            ("median, min, max", "crp", "~multifocal", "7.3 (1.7–27.4)"),
            ("mean, min, max", "age_diagnosis", "multifocal", "9.3 (4–15)"),
            ("p_value", "crp, multifocal", "", "0.43"),
        },
    ),
    "lines of treatment in rows": (
        "Treatment,Patients treated n,Remission n (%),No effect n (%),Duration months median (range)\nFirst-line\nNSAIDs,61,30 (49.2),16 (26.2),9 (4–31)\n"
        "Second-line\nPamidronate,16,8 (50.0),5 (31.3),11 (5–31)",
        {
            ("count", "pamidronate", "", "16"),
            ("count, percent", "remission", "nsaid", "30 (49.2)"),
            ("count, percent", "no_effect", "pamidronate", "5 (31.3)"),
        },
    ),
    "a curve of groups in rows": (
        "Factor,n,Relapse n (%),5-year RFS % (95% CI),Log-rank P\nAll patients,96,35 (36.5),72 (61–80),\nAge at diagnosis,,,,0.24\n< 3 years,31,14 (45.2),62 (42–77),\n"
        "Fever,,,,0.10\nYes,43,13 (30.2),78 (63–88),\nNo,53,22 (41.5),66 (50–78),\nRFS: relapse-free survival",
        {
            ("count", "everyone", "", "96"),
            ("count, percent", "relapse", "age_diagnosis < 3", "14 (45.2)"),
            ("survival, ci_lower, ci_upper", "relapse_free_survival", "~fever", "66 (50–78)"),
            ("survival, ci_lower, ci_upper", "relapse_free_survival", "", "72 (61–80)"),
            ("p_value", "relapse_free_survival, fever", "", "0.10"),
        },
    ),
    "a test and its accuracy": (
        "Criterion,Sensitivity % (95% CI),PPV %,AUC\nFever,84.0 (63.9–95.5),56.8,0.72",
        {
            ("sensitivity, ci_lower, ci_upper", "fever, ?", "", "84.0 (63.9–95.5)"),
            ("ppv", "fever, ?", "", "56.8"),
        },
    ),
    "coefficients beside their errors": (
        "Predictor,β,SE,OR (95% CI),P\nFever,2.13,1.25,8.40 (0.73–96.49),0.088",
        {("se", "?, fever", "", "1.25"), ("p_value", "?, fever", "", "0.088")},
    ),
    "a change between visits that its heading names": (
        "Score,Baseline,6 months,12 months,Change (baseline to 12 months),p\nPain score mean ± SD,6 ± 2,4 ± 2,3 ± 1,-3 ± 1,0.01\nn = 22",
        {
            ("count", "everyone", "", "22"),
            ("mean_change, sd_change", "pain_score, pain_score_at_12_months", "", "-3 ± 1"),
            ("p_value", "pain_score, pain_score_at_12_months", "", "0.01"),
        },
    ),
    "readers and their agreement in rows": (
        ",Femur,Tibia\nReader 1 n (%),24 (77.4),26 (83.9)\nReader 2 n (%),21 (67.7),23 (74.2)\nκ (95% CI),0.76 (0.51–1.00),0.52 (0.16–0.88)",
        {
            ("count, percent", "tibia_reader_2", "", "23 (74.2)"),
            ("kappa, ci_lower, ci_upper", "tibia_reader_1, tibia_reader_2", "", "0.52 (0.16–0.88)"),
        },
    ),
    "rates in rows": (
        ",Boys,Girls\nFlares n,110,47\nPatient-years of observation,96.8,112.1\nFlares per patient-year (95% CI),1.14 (0.93–1.37),0.42 (0.31–0.56)",
        {
            ("sum", "n_flares", "~male", "47"),
            ("sum", "observed", "male", "96.8"),
            ("rate, ci_lower, ci_upper", "n_flares, observed", "male", "1.14 (0.93–1.37)"),
        },
    ),
    "a P value of two of three groups": (
        ",CNO (n=40),Bacterial osteomyelitis (n=25),HPP (n=18),P,P CNO vs osteomyelitis\nFever n (%),16 (40.0),21 (84.0),0 (0.0),<0.001,0.001",
        {
            ("p_value", "fever, group", "", "<0.001"),
            ("p_value", "fever, group", "group == cno | group == bacterial_osteomyelitis", "0.001"),
        },
    ),
    "a title, and headings in two rows": (
        "Table 2. Symptoms,,,,,\n,Boys (n=20),,Girls (n=40),,P\nSymptom,n,%,n,%,\nFever,14,70.0,2,5.0,<0.001",
        {
            ("count", "fever", "male", "14"),
            ("percent", "fever", "~male", "5.0"),
            ("p_value", "fever, male", "", "<0.001"),
        },
    ),
    "a crude and an adjusted model": (
        "Variable,Univariable HR (95% CI),P,Multivariable HR (95% CI),P\nFever,1.50 (0.76–2.95),0.24,1.85 (0.92–3.72),0.08\n"
        "Male sex,0.85 (0.43–1.66),0.63,–,–\nTibia,2.41 (1.08–5.37),0.03,2.83 (1.24–6.48),0.01",
        {
            ("hazard_ratio, ci_lower, ci_upper", "?, fever", "", "1.50 (0.76–2.95)"),
            ("hazard_ratio, ci_lower, ci_upper", "?, fever, tibia", "", "1.85 (0.92–3.72)"),
            ("p_value", "?, tibia, fever", "", "0.01"),
        },
    ),
    "those who are lost": (
        ",Baseline (n = 40),Month 3 (n = 38),Month 6 (n = 35)\nLost to follow-up n,–,2,5\nPedCNO30 n (%),–,23 (60.5),20 (57.1)\nPedCNO50 n (%),–,11 (28.9),18 (51.4)",
        {
            ("count", "~seen_at_month_6", "", "5"),
            ("count, percent", "pedcno50", "seen_at_month_6", "18 (51.4)"),
        },
    ),
    "as many as are lost": (
        ",Baseline (n = 40),6 months (n = 30)\nFever n,20,10\nBack pain n,10,10",
        {("count", "back_pain", "", "10"), ("count", "back_pain", "seen_at_6_months", "10")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_a_kind_is_proposed_as_it_is_meant(kind):
    text, expected = TABLES[kind]
    rows = drafting.draft(list(csv.reader(text.splitlines())), read_codebook(), "m").rows
    said = {(row["statistic"], row["of"], row["among"], row["printed"]) for row in rows}
    said |= {each[:3] for each in said}
    assert expected <= said, sorted(said)


@pytest.mark.parametrize(
    ("headings", "groups"),
    [
        ("Patients (n = 30),Healthy controls (n = 20)", ["group == patients", "group == healthy_controls"]),
        ("Total (n = 50),Patients (n = 30),Controls (n = 20)", ["everyone", "group == patients"]),
        ("Patients (n = 30),P acnes (n = 12)", ["everyone", "p_acnes"]),
    ],
)
def test_who_is_everyone_is_told_by_all_headings(headings, groups):
    table = [["", *headings.split(",")], ["Fever, n (%)", "9 (30)"]]
    of = [row["of"] for row in drafting.draft(table, read_codebook(), "m").rows]
    assert of[:2] == groups


@pytest.mark.parametrize("unit", ["months", "years"])
def test_time_under_observation_is_in_the_unit_of_its_heading(unit):
    table = [
        ["Group", "Events", f"Person-{unit}", f"Rate per 1,000 person-{unit}"],
        ["Boys", "30", "100.0", "300.0"],
    ]
    found = drafting.draft(table, read_codebook(), "m")
    assert found.variables["observed"]["unit"] == unit
    assert [row["unit"] for row in found.rows if row["of"] == "observed"] == [unit]


@pytest.mark.parametrize("rows", [
    [["Characteristic"], ["Male", "5"]], [["Outcome", "All"], ["Fever", "12"], ["Mild", "ref", "1"]],
])  # fmt: skip
def test_a_table_without_columns_is_refused(rows):
    with pytest.raises(InputError, match="expected a table"):
        drafting.draft(rows, read_codebook(), "m")


def test_a_heading_over_nothing_is_no_title():
    found = drafting.draft(
        [["Characteristic", ""], ["Patients, n", "20"], ["Fever, n", "12"]], read_codebook(), "m"
    )
    assert [(row["of"], row["printed"]) for row in found.rows] == [("everyone", "20"), ("fever", "12")]


@pytest.mark.parametrize("unit", ["years", "weeks"])
def test_a_unit_at_the_end_of_a_label_is_read(unit):
    label = f"Diagnostic delay {unit}, median (range)"
    found = drafting.draft([["", "All (n = 20)"], [label, "1.5 (0.1 to 9)"]], read_codebook(), "m")
    assert (found.rows[-1]["of"], found.rows[-1]["unit"]) == ("diagnostic_delay", unit)
    assert not any("no unit" in question for question in found.questions)


def test_minutes_and_ears_are_no_statistics():
    table = [["", "All (n = 30)"], ["Walking time, min", "12 (3)"], ["Otitis media", "9 (30)"]]
    found = drafting.draft(table, read_codebook(), "m")
    assert [(row["statistic"], row["of"]) for row in found.rows[1:]] == [
        *(("?", "walking_time"), ("count, percent", "otitis_media"))
    ]


def _said(text: str) -> tuple[set, list[str]]:
    """Return what is proposed of a table, and what is asked."""
    found = drafting.draft(list(csv.reader(text.splitlines())), read_codebook(), "m")
    return {(row["statistic"], row["of"], row["among"]) for row in found.rows}, found.questions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Characteristic,n\nFever,12", {("count", "fever", "")}),
        (",N\nGirls,22", {("count", "~male", "")}),
        ("Characteristic,n,%\nFever,12,30", {("count", "fever", ""), ("percent", "fever", "")}),
        ("Finding,N,n (%)\nFever,40,12 (30)", {("count", "fever_known", "")}),
        ("Score,n,Median\nPain score,12,3", {("count", "pain_score_known", "")}),
        ("Item,n,Never,Sometimes,Often\nX,8,2 (25),2 (25),4 (50)", {("count", "x_known", "")}),
        ("Finding,Yes,No\nFemur,12 (30 %),5 (9 %)", {("count, percent", "femur", "group == v_no")}),
    ],
)
def test_n_is_of_whom_it_is_known_only_beside_what_else_is_said_of_them(text, expected):
    assert expected <= _said(text)[0]


def test_n_beside_groups_is_asked_about():
    said, asked = _said("Finding,n,Boys,Girls\nFemur,12,4,8")
    assert ("count", "femur", "") in said
    assert "heading 'n': taken as counts among all patients" in asked


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("CRP difference", "crp_difference"),
        ("ESR agreement", "esr_agreement"),
        ("AUC of CRP", "auc_of_crp"),
        ("Kappa light chains", "kappa_light_chains"),
        ("Hearing bias", "hearing_bias"),
    ],
)
def test_words_of_estimates_are_kept_in_labels_of_rows(label, name):
    said, _ = _said(f'Characteristic,Boys (n=20)\n"{label}, mean ± SD",5.1 ± 2.0')
    assert ("mean, sd", name, "male") in said


YES_AND_NO = "Characteristic,Boys (n=20),Girls (n=40),p\n{heading},,,0.03\n{one},8 (40),20 (50),\n{other},12 (60),20 (50),"


def test_yes_and_no_that_add_up_are_with_and_without():
    said, _ = _said(YES_AND_NO.format(heading="Fever", one="Yes", other="No"))
    assert {("count, percent", "fever", "male"), ("count, percent", "~fever", "male")} <= said
    assert ("p_value", "fever, male", "") in said


@pytest.mark.parametrize(
    ("heading", "one", "of"), [("Treatment", "NSAID", "nsaid, male"), ("Pain", "Mild", "pain_category, male")]
)
def test_a_p_value_beside_a_heading_is_of_its_categories(heading, one, of):
    assert ("p_value", of, "") in _said(YES_AND_NO.format(heading=heading, one=one, other="Other"))[0]


def test_a_p_value_beside_a_heading_that_is_only_near_is_asked_about():
    said, asked = _said(YES_AND_NO.format(heading="Treatment", one="NSAID", other="Spine"))
    assert ("p_value", "?, male", "") in said
    assert "row 2: of what below 'Treatment' is the P value?" in asked


def test_a_heading_that_is_repeated_for_each_row_is_one():
    said, _ = _said("Gene,Genotype,Boys (n=50)\nX1,GG,30\nX1,GA,20\nX2,TT,50")
    assert {("count", "x1 == gg", "male"), ("count", "x1 == ga", "male")} <= said


MEDIANS = 'Outcome,A (n=20),B (n=40),{} (95% CI)\n"ESR, median (IQR)",30 (20-40),31 (22-44),-1 (-5 to 3)'


def test_a_difference_of_medians_is_asked_about():
    said, asked = _said(MEDIANS.format("Difference"))
    assert ("?", "esr, group", "") in said
    assert "row 2: '-1 (-5 to 3)': a difference of which statistic?" in asked


def test_a_mean_difference_of_medians_is_what_its_heading_says():
    said, _ = _said(MEDIANS.format("Mean difference"))
    assert ("mean_difference, ci_lower, ci_upper", "esr, group", "") in said


def test_answers_are_of_a_variable_that_can_have_them():
    said, _ = _said("Item,Never,Sometimes,Often\nFever,10 (25),10 (25),20 (50)")
    assert ("count, percent", "fever_category == never", "") in said


@pytest.mark.parametrize(
    ("label", "name"), [("Difference (95% CI)", "difference"), ("OR (95% CI)", "or_95_ci")]
)
def test_a_row_that_names_only_an_estimate_has_an_id(label, name):
    table = [["", "Baseline", "6 months"], [label, "", "8 (7 to 9)"]]
    [row] = drafting.draft(table, read_codebook(), "m").rows
    assert row["claim_id"] == f"m.{name}.6_months"
    assert "percent" not in row["statistic"]


def test_the_level_of_an_interval_is_no_percentage():
    said, _ = _said("Finding,Boys (n=20)\nESR (95% CI),30 (20 to 40)\nCRP (95% CI),3.5")
    assert {("?", "esr", "male"), ("?", "crp", "male")} <= said


def test_a_finding_that_is_printed_twice_with_other_numbers_is_asked_about():
    said, asked = _said(
        "Finding,All (n=52)\nPsoriasis,5 (9.6)\nFamily history n/N (%),7/46 (15)\nof psoriasis,3/46 (7)"
    )
    assert ("count, n, percent", "?", "") in said
    assert "'of psoriasis' and 'Psoriasis': which of them is 'psoriasis'?" in asked


def test_a_unit_in_a_note_is_that_of_its_rows():
    text, _ = TABLES["unifocal beside multifocal, with units in a note"]
    rows = drafting.draft(list(csv.reader(text.splitlines())), read_codebook(), "m").rows
    assert {row["unit"] for row in rows if row["of"] == "crp"} == {"mg/l"}


@pytest.mark.parametrize(
    ("label", "statistic"),
    [
        ("Delay, mean (range)", "mean, min, max"),
        ("Delay, median (IQR; range)", "median, quartile_1, quartile_3, min, max"),
        ("Height SDS", "?"),
        ("SD", "sd"),
    ],
)
def test_words_of_a_label_say_in_their_order_what_is_printed(label, statistic):
    assert labels.statistic_of(label) == statistic


def test_a_word_that_a_note_spells_out_is_known_by_either():
    note = "NSAID, non-steroidal anti-inflammatory drug; MRI, magnetic resonance imaging; ACW, anterior chest wall"
    said, asked = _said(
        f'Finding,All (n=52)\nNSAIDs,5 (9.6)\nWhole-body MRI at diagnosis,9 (17)\nACW,3 (6)\n"{note}"'
    )
    assert {of for _, of, _ in said} == {"everyone", "nsaid", "wb_mri", "anterior_chest_wall"}
    assert not any("note" in each for each in asked)


def test_a_number_of_its_own_has_a_step_and_limits_far_around_it():
    table = [
        ["", "Boys (n=20)", "Girls (n=40)", "P"],
        ["Years in practice, median [IQR]", "11 [7–15]", "9 [5–13]", "0.62"],
    ]
    fields = drafting.draft(table, read_codebook(), "m").variables["years_in_practice"]
    assert {name: fields[name] for name in ("step", "minimum", "maximum")} == {
        "step": 1,
        "minimum": 0,
        "maximum": 150,
    }


def test_lesions_are_counted_beside_patients_and_not_among_them():
    text = "Region,Lesions n (%),Patients n (%)\nClavicle,11 (5.1),9 (29.0)\nFemur,43 (20.0),24 (77.4)"
    rows = drafting.draft(list(csv.reader(text.splitlines())), read_codebook(), "m").rows
    assert {(row["about"], row["of"], row["among"]) for row in rows} == {
        *(
            ("lesions", "clavicle", ""),
            ("lesions", "femur", ""),
            ("own", "clavicle", ""),
            ("own", "femur", ""),
        )
    }
