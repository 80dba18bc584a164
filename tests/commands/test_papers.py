"""A paper beside you: a folder is begun, its table drafted, audited, and removed again."""

import csv

import pytest
from click.testing import CliRunner

from crmo_analysis import files
from crmo_analysis.commands import main
from crmo_analysis.commands.proposals import Draft
from crmo_analysis.joint import ledger
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import read_codebook, read_study

TABLE = """\
Characteristic,All (n = 40),Boys (n = 18),Girls (n = 22),P
"Age at diagnosis, years, median (range)",9.1 (3.0–15.2),9.5 (3.0-15.0),8.8 (3.4–15.2),0.62
Sex,,,,
Female,22 (55.0%),,,
"Back pain, n (%)",12 (30.0 %),5 (27.8%),7 (31.8%),0.78
"ESR, mm/h, mean ± SD",35.2 ± 14.1,30.2 ± 12.1,39.3 ± 14.3,0.04
Without relapse (%),75.0%,,,
"""
TYPED = """\
claim_id,where,statistic,of,among,printed,unit
m.n,"t, heading",count,everyone,,40,patients
m.boys,"t, heading",count,male,,18,patients
m.girls,"t, heading",count,~male,,22,patients
m.age,"t, age","median, min, max",age_diagnosis,,9.1 (3.0-15.2),years
m.age.b,"t, age","median, min, max",age_diagnosis,male,9.5 (3.0-15.0),years
m.age.g,"t, age","median, min, max",age_diagnosis,~male,8.8 (3.4-15.2),years
m.age.p,"t, age",p_value,"age_diagnosis, male",,0.62,
m.f,"t, sex","count, percent",~male,,22 (55.0%),
m.pain,"t, pain","count, percent",back_pain,,12 (30.0%),
m.pain.b,"t, pain","count, percent",back_pain,male,5 (27.8%),
m.pain.g,"t, pain","count, percent",back_pain,~male,7 (31.8%),
m.pain.p,"t, pain",p_value,"back_pain, male",,0.78,
m.esr,"t, esr","mean, sd",esr,,35.2 ± 14.1,mm/h
m.esr.b,"t, esr","mean, sd",esr,male,30.2 ± 12.1,mm/h
m.esr.g,"t, esr","mean, sd",esr,~male,39.3 ± 14.3,mm/h
m.esr.p,"t, esr",p_value,"esr, male",,0.04,
m.relapse,"t, relapse",percent,~relapse,,75.0,%
"""


def crmo(*args, **options):
    return CliRunner().invoke(main, args, **options)


def verdicts(folder):
    read_study.cache_clear()
    return [
        (each.claim.printed, each.verdict, each.recomputed) for each in audit_jointly(read_study(str(folder)))
    ]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A study that was begun in a folder of its own, and the table of a paper beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8")
    assert crmo("new", "study", "./m").exit_code == 0
    read_study.cache_clear()
    assert "study.yaml: 'citation' is missing" in crmo("audit", "./m").output
    head = (tmp_path / "m/study.yaml").read_text(encoding="utf-8")
    for name in ("title", "citation", "design", "question"):
        head = head.replace(f'{name}: ""', f"{name}: made up")
    (tmp_path / "m/study.yaml").write_text(head, encoding="utf-8")
    read_study.cache_clear()
    return tmp_path / "m"


def test_a_new_study_says_what_to_fill_in(made):
    said = crmo("audit", "./m")
    assert said.exit_code == 2
    assert "claims.csv, row 2, column printed, value '': must not be empty" in said.output
    text = (made / "claims.csv").read_text().replace(",,,patients", ",,12,patients")
    (made / "claims.csv").write_text(text)
    read_study.cache_clear()
    assert "1 claims: " in crmo("audit", "./m").output


def test_a_new_study_needs_a_name_and_a_free_place(made):
    assert "is there already" in crmo("new", "study", "./m").output
    assert "is no name of a study" in crmo("new", "study", "./2020-beck").output


@pytest.mark.slow
def test_a_drafted_table_gives_the_ledger_of_one_typed_by_hand(made):
    said = crmo("claims", "draft", "table.csv", "--study", "./m")
    assert said.exit_code == 0, said.output
    assert "19 rows" not in said.output
    (made / "claims_draft.csv").rename(made / "claims.csv")
    drafted = verdicts(made)
    (made / "claims.csv").write_text(TYPED, encoding="utf-8")
    typed = verdicts(made)
    assert drafted == typed
    assert {verdict for _, verdict, _ in typed} <= {"matches", "stated", "unfinished"}


def test_what_a_draft_cannot_tell_is_asked_and_not_guessed(made):
    (made.parent / "table.csv").write_text(
        'Characteristic,All (n = 40),Responders (n=9)\nCRP (mg/l),12 (3-40),\n"Swollen joints, mean ± SD",1.5 ± 1,2 ± 1\n'
    )
    said = crmo("claims", "draft", "table.csv", "--study", "./m").output
    assert "row 2, column 'All (n = 40)': '12 (3-40)': which statistics?" in said
    assert "heading 'Responders (n=9)': the group is taken as 'responders' (made up)" in said
    limits = "step: 0.1, minimum: 0, maximum: 20"  # without which a table of patients has no end
    assert f"swollen_joints: {{label: Swollen joints, type: decimal, {limits}}}" in said
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        assert [row["statistic"] for row in csv.DictReader(file)][2] == "?"


TRIAL = """\
Characteristic,"Drug A, baseline (n = 21)","Drug A, 6 months (n = 21)",P†,"Drug B, baseline (n = 19)","Drug B, 6 months (n = 19)",P†
"Raised ESR, n (%)",12 (57.1),5 (23.8),0.023‡,13 (68.4),4 (21.1),0.008‡
Tibia,9 (42.9),NA,,7 (36.8)*,—,
"Age at onset (y), range",3–17,,,4–16,,
"""


def test_visits_groups_and_marks_of_a_trial_are_read(made):
    (made.parent / "table.csv").write_text(TRIAL, encoding="utf-8")
    said = crmo("claims", "draft", "table.csv", "--study", "./m").output
    assert "group: {label: Group, type: category, categories: [drug_a, drug_b]}" in said
    assert "no heading has all patients: add a count of everyone (the groups add up to 40)" in said
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        rows = [(r["statistic"], r["of"], r["among"], r["at"], r["printed"]) for r in csv.DictReader(file)]
    assert ("count", "group == drug_b", "", "", "19") in rows
    assert ("count, percent", "esr_elevated", "group == drug_a", "6 months", "5 (23.8)") in rows
    assert ("p_value", "esr_elevated, esr_elevated_at_6_months", "group == drug_b", "", "0.008‡") in rows
    assert ("count, percent", "tibia", "group == drug_b", "baseline", "7 (36.8)*") in rows
    assert ("min, max", "age_onset", "group == drug_a", "baseline", "3–17") in rows
    assert len(rows) == 2 + 6 + 2 + 2


THRESHOLDS = {
    "ESR ≥ 40 mm/h, n (%)": "esr >= 40",
    "CRP > 2 mg/dl, n (%)": "crp > 2",
    "WBC > 12,000 /mm3": "white_blood_cells > 12000",
    "CRP > 0,5 mg/dl": "crp > 0.5",
    "At least 5 lesions": "n_lesions >= 5",
    "5 or more lesions": "n_lesions >= 5",
    "Age at onset < 10 years, n (%)": "age_onset < 10",
    "Lesions (p < 0.05), n (%)": "n_lesions >= 1",
    "ESR, n (%)": "esr ?",
}


def test_a_threshold_in_a_label_is_the_one_that_is_counted(made):
    lines = "".join(f'"{label}",12 (30),0.04\n' for label in THRESHOLDS)
    (made.parent / "table.csv").write_text(f"Characteristic,Boys (n = 40),p\n{lines}", encoding="utf-8")
    said = crmo("claims", "draft", "table.csv", "--study", "./m").output
    assert "'CRP > 2 mg/dl, n (%)': taken as those with 'crp > 2', which is in mg/dl" in said
    assert "'esr ?'; from which value on?" in said
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        rows = [(r["statistic"], r["of"]) for r in csv.DictReader(file)][1:]
    assert [of for statistic, of in rows if statistic == "count, percent"] == [*THRESHOLDS.values()]
    assert [of for statistic, of in rows if statistic == "p_value"] == [
        f"{of}, male" for of in THRESHOLDS.values()
    ]


def test_sizes_and_sexes_in_rows_are_counts(made):
    (made.parent / "table.csv").write_text(
        "Variable,Group A,Group B,p value\nNumber of patients,21,19,\nSex (M/F),8/13,6/13,0.67\n"
        '"Age at onset, y, mean (SD) [range]",10.6 (2.9) [3–17],9.9 (3.1) [2–16],\nTibia,9 (42.9),7 (36.8),\n',
        encoding="utf-8",
    )
    assert crmo("claims", "draft", "table.csv", "--study", "./m").exit_code == 0
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        rows = [(r["statistic"], r["of"], r["among"], r["printed"]) for r in csv.DictReader(file)]
    assert rows[0] == ("count", "group == group_a", "", "21")
    assert rows[3] == ("count", "~male", "group == group_a", "13")
    assert ("p_value", "male, group", "", "0.67") in rows
    assert ("mean, sd, min, max", "age_onset", "group == group_a", "10.6 (2.9) [3–17]") in rows
    assert rows[-1] == ("count, percent", "tibia", "group == group_b", "7 (36.8)")


def test_a_group_and_those_without_it_are_one_variable(made):
    heading = "Characteristic,No second-line treatment (n=60),Second-line treatment (n=52),P-value\n"
    (made.parent / "table.csv").write_text(heading + "Fever,14 (23.3%),18 (34.6%),0.19\n", encoding="utf-8")
    assert crmo("claims", "draft", "table.csv", "--study", "./m").exit_code == 0
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["among"] for row in rows[2:4]] == ["~second_line_treatment", "second_line_treatment"]
    assert rows[4]["of"] == "fever, second_line_treatment"


def test_a_removed_study_leaves_nothing(tmp_path, monkeypatch):
    for name in ("PUBLISHED", "FIGURES", "COHORTS", "RESULTS"):
        monkeypatch.setattr(files, name, tmp_path / name)
    for place in ("PUBLISHED/gone", "FIGURES/gone", "COHORTS"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "PUBLISHED/gone/study.yaml").write_text("study: gone\n")
    (tmp_path / "COHORTS/gone.csv").write_text("patient\n")
    monkeypatch.setattr("crmo_analysis.commands.messages.study_names", lambda: ["gone"])
    said = crmo("remove", "study", "gone", "--yes")
    assert said.exit_code == 0, said.output
    assert not list(tmp_path.rglob("*gone*"))


def test_a_study_that_is_wrong_in_one_cell_does_not_stop_the_others(monkeypatch, write_study):
    folder = write_study('x,"a, b",own,count,spline,,3,,,')
    names = files.study_names()[:1]
    said = crmo("audit", *names, str(folder / "small"))
    assert said.exit_code == 2
    assert "value 'spline': 'spline' is not in the codebook; is 'spine' meant?" in said.output
    assert "claims: " in said.output


def test_what_is_about_all_studies_goes_on_without_one_that_cannot_be_read(monkeypatch, write_study):
    folder = write_study('x,"a, b",own,count,everyone,,3,patients,,')
    (folder / "broken").mkdir()
    (folder / "broken/study.yaml").write_text("title: [oops\n")
    for place in ("unnamed/study.yml", "unnamed/claims.csv", "scans/page.pdf"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).touch()
    read, problems = ledger.read_each(folder)
    assert [study.study for study in read] == ["small"]
    assert "has no study.yaml, so that it is no study" in problems.pop("unnamed")
    assert list(problems) == ["broken"]
    assert "cannot be read as YAML" in problems["broken"]
    assert "\n" not in problems["broken"], "what follows from one mistake is not told"
    everything = [read_study(study) for study in files.study_names()]
    monkeypatch.setattr(ledger, "read_each", lambda: (everything, problems))
    example = files.DATA / "example"
    said = crmo("compare", str(example / "registry.csv"), "--map", str(example / "map.yaml"))
    assert said.exit_code == 2
    assert "percentage points" in said.output or "differ" in said.output
    assert f"left out: {problems['broken']}" in said.output


GROUPS = """Merkmal;Alle (n = 41);Pamidronat (n = 22);NSAR (n = 19);p
Läsionen, Median (Min–Max);4 (1–14);5 (2–14);3 (1–9);0,012‡
CRP > 5 mg/l, n (%);17 (41,5 %);12 (54,5 %);5 (26,3 %);0,067†
Knie, n (%);8 (%19,5);5 (%22,7);3 (%15,8);0,58a
† χ²-Test; ‡ Kruskal-Wallis test;;;;
a: Fisher's exact test;;;;
"""


def test_footnotes_units_and_a_heading_of_all_are_read_in_any_language(made):
    (made.parent / "table.csv").write_text(GROUPS, encoding="utf-8")
    said = crmo("claims", "draft", "table.csv", "--study", "./m")
    assert "heading 'Alle (n = 41)': taken as all patients, as the others add up to it" in said.output
    assert "note ‡: 'Kruskal-Wallis test', taken as the test of P values" in said.output
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        rows = {row["claim_id"]: row for row in csv.DictReader(file)}
    assert rows["m.lasionen.alle"]["of"] == "n_lesions"
    assert (rows["m.alle.n"]["of"], rows["m.knie.alle"]["statistic"]) == ("everyone", "count, percent")
    assert rows["m.crp_5_mg_l.nsar"]["of"] == "crp > 0.5"  # mg/dl
    methods = [rows[f"m.{name}.p"]["method"] for name in ("lasionen", "crp_5_mg_l", "knie")]
    assert methods == ["Kruskal-Wallis test", "χ²-Test", "Fisher's exact test"]


NOTES = {
    "P values by Fisher's exact test.": (
        "note 'Fisher's exact test': taken as the test of all P values that it can give",
        True,
    ),
    "P values by Fisher's exact or t test.": ("note not used: P values by Fisher's exact or t test\n", False),
    "Values are those of files": ("note not used: Values are those of files\n", False),
}


@pytest.mark.parametrize("note", NOTES)
def test_a_note_without_a_mark_is_used_or_named(made, note):
    sexes = "Sex (M/F),18/22,18/0,0/22,1\n"
    (made.parent / "table.csv").write_text(f'{TABLE}{sexes}"{note}"\n', encoding="utf-8")
    said = crmo("claims", "draft", "table.csv", "--study", "./m").output
    check, is_used = NOTES[note]
    assert f"check: {check}" in said
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["statistic"] == "p_value"]
    methods = {row["of"]: row["method"] for row in rows}
    test = "Fisher's exact test" if is_used else ""
    assert methods == {
        "back_pain, male": test,
        "male, male": test,
        "age_diagnosis, male": "",
        "esr, male": "",
    }


def test_a_row_with_a_mark_before_its_label_is_no_note(made):
    (made.parent / "table.csv").write_text(",All (n = 30)\nTibia (n),6\n*Femur (n),5\n", encoding="utf-8")
    said = crmo("claims", "draft", "table.csv", "--study", "./m").output
    assert "note" not in said
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        assert [row["of"] for row in csv.DictReader(file)] == ["everyone", "tibia", "femur"]


def test_a_draft_that_somebody_edited_is_not_overwritten(made):
    draft = ("claims", "draft", "table.csv", "--study", "./m")
    assert [crmo(*draft).exit_code for _ in range(2)] == [0, 0]
    path = made / "claims_draft.csv"
    edited = path.read_text(encoding="utf-8").replace("0.62", "0.26")
    path.write_text(edited, encoding="utf-8")
    said = crmo(*draft)
    assert said.exit_code != 0
    assert "claims_draft.csv is there already, with other rows" in said.output
    assert "name another file with --out" in said.output
    assert path.read_text(encoding="utf-8") == edited
    assert crmo(*draft, "--out", "other.csv").exit_code == 0


def drafted(made, text):
    """Return what a draft asks of a table, and its rows by id."""
    (made.parent / "table.csv").write_text(text, encoding="utf-8")
    said = crmo("claims", "draft", "table.csv", "--study", "./m")
    assert said.exit_code == 0, said.output
    with (made / "claims_draft.csv").open(encoding="utf-8") as file:
        return said.output, {row["claim_id"].partition(".")[2]: row for row in csv.DictReader(file)}


def test_visits_below_a_heading_are_of_what_it_names(made):
    table = "Outcome,Drug (n = 30),Placebo (n = 30),P*\n"
    table += '"CHAQ, median [IQR]",,,\n  Baseline,0.88 [0.41–1.22],0.88 [0.50–1.34],\n'
    table += '  Week 12,0.50 [0.00–0.94],0.75 [0.50–1.25],0.099\n"  Change, mean (95 % CI)",−0.3 (−0.5 to −0.1),,0.01\n'
    table += '"Remission at month 6, n (%)",20 (67),14 (47),0.12\n* Fisher or Mann-Whitney test\n'
    said, rows = drafted(made, table)
    assert [rows[f"chaq_{at}.drug"]["at"] for at in ("baseline", "week_12")] == [
        "baseline",
        "Week 12".lower(),
    ]
    assert rows["chaq_week_12.drug"]["statistic"] == "median, quartile_1, quartile_3"
    assert rows["chaq_week_12.p"]["of"] == "chaq_at_week_12, group"
    change = rows["chaq_change.drug"]
    assert (change["statistic"], change["of"]) == ("mean_change, ci_lower, ci_upper", "chaq, ?")
    assert "a change from which visit to which?" in said
    assert (rows["remission_month_6.placebo"]["of"], rows["remission_month_6.p"]["of"]) == (
        *("remission", "remission_at_month_6, group"),
    )
    assert "note * not used: Fisher or Mann-Whitney test" in said
    assert {row["method"] for row in rows.values()} == {""}


def test_a_note_says_what_cells_print(made):
    table = (
        "Characteristic,All (n = 40)\nESR (mm/h),22 (12–40)\nHaemoglobin (g/dl),12.1 (1.3)\nTibia,9 (22.5)\n"
    )
    _, rows = drafted(made, table + '"Values are n (%), mean (SD) or median (IQR)."\n')
    assert [row["statistic"] for row in rows.values()][1:] == [
        *("median, quartile_1, quartile_3", "mean, sd", "count, percent")
    ]
    _, rows = drafted_again(made, table + "Median (range) or median (IQR)\n")
    assert rows["esr.all"]["statistic"] == "?"


def drafted_again(made, text):
    (made / "claims_draft.csv").unlink()
    return drafted(made, text)


def test_columns_of_a_model_are_of_an_outcome_to_be_named(made):
    table = "Variable,Univariable OR (95% CI),P,Adjusted OR (95% CI),P\n"
    table += "Spine,10.2 (2.1–49.1),0.004,9.4 (1.9–47.3),0.006\nMale sex,1 (reference),,Ref.,\n"
    said, rows = drafted(made, table)
    assert {(row["statistic"], row["of"]) for row in rows.values()} == {
        *(("odds_ratio, ci_lower, ci_upper", "?, spine"), ("p_value", "?, spine")),
        *(("odds_ratio, ci_lower, ci_upper", "?, spine, ?"), ("p_value", "?, spine, ?")),
    }
    assert len(rows) == 4
    assert (
        "heading 'Adjusted OR (95% CI)': the model is taken as of all rows that have a number there" in said
    )
    assert "of which outcome?" in said and "no heading has all patients" not in said


def test_fewer_patients_at_a_visit_are_a_group_of_their_own(made):
    table = "Parameter,Before treatment (n = 24),After 6 months (n = 22),P value\n"
    table += (
        '"ESR > 20 mm/h, n (%)",14 (58),5 (23),.02\nAnakinra,2 (8),0,\nSpine: cervical,1 (4),1 (5),0.9,x\n'
    )
    said, rows = drafted(made, table)
    assert (rows["all.n"]["printed"], rows["seen_at_6_months.n"]["printed"]) == ("24", "22")
    assert rows["esr_20_mm_h.6_months"]["among"] == "seen_at_6_months"
    assert rows["esr_20_mm_h.p"]["of"] == "esr > 20, esr_at_6_months > 20"
    assert rows["anakinra.6_months"]["statistic"] == "count"
    assert "label: 'Spine: cervical'" in said
    assert "row 4 has 5 cells, and the headings are 4: does one with a comma lack quotes?" in said


def test_a_bracket_tells_which_statistic_of_a_note_a_cell_prints(made):
    table = "Characteristic,All (n = 40)\nESR (mm/h),22 [12–40]\nCRP (mg/l),12 (4–31)\n"
    _, rows = drafted(made, table + '"Median [IQR] or median (range)."\n')
    assert [row["statistic"] for row in rows.values()][1:] == [
        *("median, quartile_1, quartile_3", "median, min, max")
    ]


def test_an_estimate_and_its_interval_can_stand_in_two_columns(made):
    _, rows = drafted(made, "Variable,HR,95% CI,p\nSpine,1.62,1.31–2.00,<0.001\n")
    assert [row["statistic"] for row in rows.values()] == ["hazard_ratio", "ci_lower, ci_upper", "p_value"]


CASES = """\
Patient,Sex,Age at onset (y),CRP (mg/dL),Sites,Remission
1,M,12,0.8,"femur, tibia",Yes
2,F,8,n/a,tibia,No
3,F,4,<0.5,spine and femur,Yes
Median (range),,8 (4–12),,,
"""


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_table_with_a_row_for_each_patient_becomes_lists(made, is_turned):
    text = CASES
    if is_turned:
        turned = zip(*csv.reader(CASES.splitlines()[:4]), strict=True)
        text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in turned)
    _, rows = drafted(made, text)
    printed = {(row["statistic"], row["of"]): row["printed"] for row in rows.values()}
    assert printed["values", "age_onset"] == "12; 8; 4"
    assert printed["values", "crp"] == "0.8; NA; <0.5"
    assert printed["patients", "femur"] == "1, 3"
    assert (printed["patients", "male"], printed["patients", "remission"]) == ("1", "1, 3")
    assert ("median, min, max", "age_onset") in printed or is_turned
    (made / "claims_draft.csv").rename(made / "claims.csv")
    assert {verdict for _, verdict, _ in verdicts(made)} <= {"matches", "stated"}
    wrong = (made / "claims.csv").read_text() + "m.girls,abstract,own,count,~male,,3,,,,,\n"
    (made / "claims.csv").write_text(wrong)
    assert "conflicts" in {verdict for _, verdict, _ in verdicts(made)}


LABELS = {
    "Femoral lesion": "femur",
    "Lesions of the femur": "femur",
    "Tibial involvement": "tibia",
    "Clavicular lesions": "clavicle",
    "Pelvic bones": "pelvis",
    "Elevated ESR": "esr_elevated",
    "Delay to diagnosis": "diagnostic_delay",
    "Bone lesions": "n_lesions",
    "Spinal lesions": "n_spinal_lesions",
    "HLA-B27 positivity": "hla_b27",
    "MRI lesions": "n_lesions",
    "Clavicel": "clavicle",
    "Skin lesions": "",
    "Femoral fracture": "",
}


@pytest.mark.parametrize("label", LABELS)
def test_a_variable_is_proposed_by_the_words_of_the_codebook(label):
    found = Draft(read_codebook(), "m", "table 1").expression(label.casefold())
    assert found[0] == LABELS[label]
