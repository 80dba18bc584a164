"""What is proposed of tables of many kinds, as papers print them: statistic, of, among, and the cell."""

import csv

import pytest

from crmo_analysis.commands import drafting
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


def test_minutes_and_ears_are_no_statistics():
    table = [["", "All (n = 30)"], ["Walking time, min", "12 (3)"], ["Otitis media", "9 (30)"]]
    found = drafting.draft(table, read_codebook(), "m")
    assert [(row["statistic"], row["of"]) for row in found.rows[1:]] == [
        *(("?", "walking_time"), ("count, percent", "otitis_media"))
    ]
