"""Kinds of statement that papers of this disease and its neighbours print; each right, and wrong by a digit.

The studies are made up; R 4.2 gave the numbers, by the line beside each.
"""

import pytest

from crmo_analysis.files import InputError
from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import read_study

HEAD = "claim_id;where;statistic;of;among;printed;unit;at;method\n"
VARIABLES = """
  arm: {label: Arm, type: category, categories: [anakinra, placebo]}
  response: {label: Response, type: boolean}
  test: {label: Test, type: boolean}
  disease: {label: Disease, type: boolean}
  course: {label: Course, type: category, categories: [responder, resistant, recrudescent]}
  score: {label: Score, type: decimal, unit: points, step: 0.1}
  proxy: {label: Score by a parent, type: decimal, unit: points, step: 0.1}
  flares: {label: Flares, type: integer, unit: flares, step: 1}
  observed: {label: Observed, type: decimal, unit: years, step: 0.1}
"""
TRIAL = "n;t;count;everyone;;60;;;\na;t;count;arm == anakinra;;30;;;\n"
TRIAL += "ra;t;count;response;arm == anakinra;20;;;\nrp;t;count;response;arm == placebo;11;;;\n"
ACCURACY = "se;t;count, n, sensitivity;test, disease;;58/67 (86.6%);;;\n"
ACCURACY += "sp;t;count, n, specificity;test, disease;;92/113 (81.4%);;;\n"
PAIRS = "n;t;count;everyone;;48;;;\n"
KINDS = {  # rows that a statement stands beside, the statement, and a slip
    # 1/(20/30 - 11/30)
    "number needed to treat": (TRIAL, "x;t;nnt;response, arm;;{};;;", "3.3", "4.7"),
    # chisq.test(matrix(c(20, 10, 11, 19), 2), correct = FALSE); sqrt(5.406/60)
    "Cramér's V": (TRIAL, "x;t;cramers_v;response, arm;;{};;;", "0.30", "0.33"),
    # exp(log(58*92/9/21) + c(-1.96, 0, 1.96) * sqrt(1/58 + 1/9 + 1/21 + 1/92)) = 12.101, 28.233, 65.871
    "diagnostic odds ratio": (
        ACCURACY,
        "x;t;diagnostic_odds_ratio, ci_lower, ci_upper;test, disease;;{};;;",
        "28.2 (95% CI 12.1-65.9)",
        "28.2 (95% CI 12.1-56.9)",
    ),
    # binom.test(58, 67, conf.level = 0.99)$conf.int = 0.7255, 0.9514; with 0.95 it is 0.7603, 0.9367
    "an interval of 99 %": (
        ACCURACY,
        "x;t;sensitivity, ci_lower, ci_upper;test, disease;;{};;;",
        "86.6 % (99 % CI 72.5–95.1)",
        "86.6 % (99 % CI 76.0–93.7)",
    ),
    "Youden's index": (ACCURACY, "x;t;youden;test, disease;;{};;;", "0.68", "0.86"),
    "agreement": (ACCURACY, "x;t;percent_agreement;test, disease;;{};;;", "83.3%", "88.3%"),
    # 0.8 + c(-1.96, 1.96) * 4.2
    "limits of agreement": (
        PAIRS,
        "x;t;bias, sd_change, limit_lower, limit_upper;score, proxy;;{};;;",
        "0.8 (SD 4.2, limits of agreement -7.4 to 9.0)",
        "0.8 (SD 4.2, limits of agreement -4.7 to 9.0)",
    ),
    "limits around the bias": (
        PAIRS,
        "x;t;bias, loa_lower, loa_upper;score, proxy;;{};;;",
        "0.3 (−2.1 to 2.7)",
        "0.3 (−1.2 to 2.7)",
    ),
    "standardised response mean": (
        PAIRS + "d;t;mean_change, sd_change;score, score_at_6_months;;9.1 ± 10.5;;;\n"
        "v;t;mean;score;;70;points;6 months;\n",
        "x;t;srm;score, score_at_6_months;;{};;;",
        "0.87",
        "0.78",
    ),
    # pt(-3.0/1.2, Inf) * 2; -3.0 + c(-1, 1) * 1.96 * 1.2
    "adjusted difference": (
        TRIAL,
        "x;t;mean_difference, se, ci_lower, ci_upper;score, arm, male;;{};;;ANCOVA",
        "-3.0 (SE 1.2) (95% CI -5.4 to -0.6)",
        "-3.0 (SE 2.1) (95% CI -5.4 to -0.6)",
    ),
    # 2 * pnorm(log(.41)/((log(.82) - log(.21))/3.92)) = 0.0103; pchisq(6.9, 1, lower = FALSE) = 0.00862
    "Cox beside log-rank": (
        TRIAL + "h;t;hazard_ratio, ci_lower, ci_upper, p_value;response, male;;"
        "0.41 (0.21 to 0.82), P = 0.010;;;Cox\n",
        "x;t;test_statistic, p_value;response, male;;{};;;log-rank test",
        "χ2 = 6.9, P = 0.009",
        "χ2 = 6.9, P = 0.090",
    ),
    # pf(4.28, 2, 57, lower = FALSE) = 0.0186; pchisq(9.2, 2, lower = FALSE) = 0.01005
    "Kruskal-Wallis beside ANOVA": (
        "f;t;df, df_2, test_statistic, p_value;score, course;;F(2, 57) = 4.28, p = 0.019;;;one-way ANOVA\n",
        "x;t;test_statistic, df, p_value;score, course;;{};;;Kruskal-Wallis test",
        "H = 9.20, df = 2, p = 0.010",
        "H = 9.20, df = 2, p = 0.040",
    ),
    "a difference beside a ratio": (
        TRIAL + "d;t;risk_difference, ci_lower, ci_upper;response, arm;;30.0 (4.8 to 50.4);;;Newcombe\n",
        "x;t;risk_ratio, ci_lower, ci_upper;response, arm;;{};;;",
        "1.82 (1.07-3.10)",
        "1.82 (1.07-3.01)",
    ),
    # t.test(..., var.equal = TRUE) of 11.2 (4.1) and 9.3 (3.9): t(58) = 1.839, p = 0.0710
    "a hyphen in a test": (
        TRIAL + "m;t;mean, sd;score;arm == anakinra;11.2 (4.1);points;;\n"
        "o;t;mean, sd;score;arm == placebo;9.3 (3.9);points;;\n",
        "x;t;p_value;score, arm;;{};;;two-sided unpaired Student's t-test",
        "p = 0.071",
        "p = 0.017",
    ),
    # binom.test(16, 56)$conf.int = 0.173 to 0.422
    "an interval of a share without its count": (
        "n;t;count;everyone;;56;;;\n",
        "x;t;percent, ci_lower, ci_upper;response;;{};;;exact",
        "28.6 % (95 % CI 17.3–42.2 %)",
        "28.6 % (95 % CI 17.3–44.2 %)",
    ),
    "a rate of eyes": (
        "f;t;sum;flares;;51;flares;;\no;t;sum;observed;;214.6;eye-years;;\n",
        "x;t;rate;flares, observed;;{};;;",
        "0.24 per eye-year",
        "0.42 per eye-year",
    ),
    # -7 + c(-1, 1) * qt(.975, 58) * sqrt((8^2 + 9^2) / 30) = -11.401, -2.599
    "a difference at a visit between groups of the start": (
        TRIAL + "b;t;mean, sd;score;arm == anakinra;21.0 (8.0);points;6 months;\n"
        "c;t;mean, sd;score;arm == placebo;28.0 (9.0);points;6 months;\n",
        "x;t;mean_difference, ci_lower, ci_upper;score, arm;;{};;6 months;",
        "-7.0 (-11.4 to -2.6)",
        "-7.0 (-11.4 to -6.2)",
    ),
    # 1.14 and 0.42 leave 0.415/1.145 to 0.425/1.135; round(110 / 96.8, 2); round(47 / 112.1, 2)
    "a ratio of two rates": (
        "a;t;rate;flares, observed;arm == placebo;1.14 per patient-year;;;\n"
        "b;t;rate;flares, observed;arm == anakinra;0.42 per patient-year;;;\n",
        "x;t;rate_ratio;flares, arm;;{};;;",
        "0.37",
        "0.73",
    ),
    # poisson.test(3, 4.55)$conf.int[2] = 1.927, poisson.test(3, 4.65)$conf.int[2] = 1.885
    "an interval of a rate of a time that is rounded": (
        "f;t;sum;flares;;3;flares;;\no;t;sum;observed;;4.6;eye-years;;\n",
        "x;t;rate, ci_lower, ci_upper;flares, observed;;{};;;",
        "0.65 (0.13–1.92) per eye-year",
        "0.65 (0.13–1.29) per eye-year",
    ),
    "a share of all, with its parts": (
        "n;t;count;everyone;;31;;;\n",
        "x;t;count, n, percent_of_total;n_spinal_lesions, n_lesions;;{};;;",
        "34/85 (40%)",
        "34/85 (48%)",
    ),
    "a cumulative incidence": (
        "n;t;count;everyone;;31;;;\n",
        "x;t;cumulative_incidence, ci_lower, ci_upper;relapse;;{};;24 months;Kaplan-Meier",
        "55.1% (95%-CI 38.0–72.2%)",
        "75.1% (95%-CI 38.0–72.2%)",
    ),
    # 1.8 + 1.9 = 3.7
    "an SD of changes": (
        TRIAL + "b;t;mean, sd;score;;5.5 (1.8);points;;\nc;t;mean, sd;score;;3.1 (1.9);points;6 months;\n",
        "x;t;mean_change, sd_change;score, score_at_6_months;;{};;;",
        "-2.4 (1.4)",
        "-2.4 (4.4)",
    ),
    "a curve that does not rise": (
        TRIAL + "y;t;survival;relapse;;74.9%;;12 months;\n",
        "x;t;survival;relapse;;{};;2 years;",
        "50.4 %",
        "80.4 %",
    ),
    "a coefficient with a name": (
        "n;t;count;everyone;;31;;;\nm;t;mean, sd;score;;3.6 (0.9);points;;\n",
        "x;t;other, ci_lower, ci_upper;score;;{};points;;Cronbach's alpha",
        "0.84 (0.78–0.89)",
        "0.48 (0.78–0.89)",
    ),
    # chisq.test(rbind(c(35, 58, 27), c(6, 40, 94)))$statistic = 59.73; pchisq(42.7, 2, lower = FALSE) = 5e-10
    "a power of ten": (
        TRIAL,
        "x;t;df, test_statistic, p_value;score, course;;{};;;chi-square test",
        "χ²(2) = 59.7, p < 10^-10",
        "χ²(2) = 42.7, p < 10^-10",
    ),
}


def verdicts(tmp_path, rows, printed=""):
    (tmp_path / "study.yaml").write_text(
        f"study: {tmp_path.name}\ntitle: T\nshort: T\ncitation: C\ndesign: D\nquestion: Q\nvariables:{VARIABLES}"
    )
    (tmp_path / "claims.csv").write_text(HEAD + rows.replace("{}", printed) + "\n", encoding="utf-8")
    return {a.claim.claim_id: a for a in audit_jointly(read_study.__wrapped__(str(tmp_path)))}


@pytest.mark.parametrize("kind", KINDS)
def test_what_papers_print_is_read_and_a_slip_is_found(kind, tmp_path):
    beside, row, right, wrong = KINDS[kind]
    for printed, is_right in ((right, True), (wrong, False)):
        found = {each.verdict for each in verdicts(tmp_path, beside + row, printed).values()}
        assert bool(found & {"differs", "conflicts"}) is not is_right


def test_an_interval_of_a_curve_has_its_middle_on_log_log(tmp_path):
    # exp(-sqrt(log(.592) * log(.852))) = 0.7485
    rows = "x;t;survival, ci_lower, ci_upper;relapse;;74.9 % (59.2–85.2);;12 months;"
    found = verdicts(tmp_path, "n;t;count;everyone;;44;;;\n" + rows)
    assert {found[f"x.ci_{end}"].verdict for end in ("lower", "upper")} == {"matches"}
    assert "is the middle of 59.2 to 85.2 on log(-log)" in found["x.ci_lower"].reason

    found = verdicts(
        tmp_path, "n;t;count;everyone;;44;;;\n" + rows.replace("74.9 % (59.2–85.2)", ".749 (.592–.852)")
    )
    assert {found[f"x.ci_{end}"].verdict for end in ("lower", "upper")} == {"matches"}


@pytest.mark.parametrize(
    ("earlier", "later", "is_right"),
    [
        ("0.95;;6 months", "90;%;12 months", True),  # a share and a percentage
        ("80.0;%;52 weeks", "80.4;%;12 months", True),  # the same time
        ("90.0;%;30 days", "90.5;%;1 month", True),
        ("0.90;;6 months", "95;%;12 months", False),
        ("90;%;26 weeks", "95;%;12 months", False),
    ],
)
def test_a_curve_does_not_rise_in_whatever_units(tmp_path, earlier, later, is_right):
    rows = f"n;t;count;everyone;;60;;;\ne;t;survival;remission;;{earlier};\nl;t;survival;remission;;{later};"
    found = {each.verdict for each in verdicts(tmp_path, rows).values()}
    assert ("conflicts" in found) is not is_right
    assert "differs" not in found


def test_an_sd_of_changes_in_percent_is_not_held_against_sds(tmp_path):
    rows = "b;t;mean, sd;esr;;30.0 ± 4.0;mm/h;;\nc;t;mean, sd;esr;;20.0 ± 3.0;mm/h;6 months;\n"
    rows += "x;t;percent_change, sd_change;esr, esr_at_6_months;;-33 ± 18;%;;"
    found = verdicts(tmp_path, "n;t;count;everyone;;40;;;\n" + rows)
    assert found["x.sd_change"].verdict == "stated"


def test_what_is_not_reached_has_no_claim(tmp_path):
    rows = "x;t;median_survival, ci_lower, ci_upper;relapse, observed;;31.2 (24.0–not reached);;;\n"
    rows += "y;t;median_survival;relapse, observed;arm == placebo;not reached;;;"
    assert [*verdicts(tmp_path, rows)] == ["x.median_survival", "x.ci_lower"]


def test_tests_of_two_names_are_two_statements(tmp_path):
    """chisq.test(matrix(c(20, 10, 11, 19), 2), correct = FALSE) gives 5.41; a log-rank test is another."""
    rows = (
        TRIAL + "x;t;test_statistic;response, arm;;{};;;\ny;t;test_statistic;response, arm;;4.87;;;log-rank"
    )
    assert verdicts(tmp_path, rows, "5.41")["x"].verdict == "matches"
    assert verdicts(tmp_path, rows, "5.14")["x"].verdict == "differs"
    again = rows.replace(";;;log-rank", ";;;")
    assert {verdicts(tmp_path, again, "5.41")[each].verdict for each in "xy"} == {"conflicts"}


def test_an_end_belongs_to_the_estimate_of_its_cell(tmp_path):
    rows = "x;t;median_survival, ci_lower, ci_upper;relapse, observed;;8.1 (7.2–NR);;;\n"
    rows += "y;t;rate, ci_lower, ci_upper;relapse, observed;;68.4 (61.9 to 75.4) per 1,000 patient-years;;;"
    assert "75.4" not in verdicts(tmp_path, rows)["x.ci_lower"].reason


def test_a_cell_can_print_agreement_and_kappa(tmp_path):
    """vcd::Kappa(matrix(c(38, 3, 4, 55), 2)) gives 0.856."""
    rows = "n;t;count;everyone;;100;;;\nb;t;count;test & disease;;38;;;\n"
    rows += "t;t;count;test & ~disease;;4;;;\nd;t;count;~test & disease;;3;;;\n"
    rows += "o;t;count;~test & ~disease;;55;;;\n"
    rows += "x;t;percent_agreement, kappa;test, disease;;{};;;"
    found = verdicts(tmp_path, rows, "93 % (κ 0.86)")
    assert [found[f"x.{each}"].verdict for each in ("accuracy", "kappa")] == ["matches", "matches"]
    assert verdicts(tmp_path, rows, "93 % (κ 0.68)")["x.kappa"].verdict == "differs"


def test_a_cell_can_print_sensitivity_and_specificity(tmp_path):
    rows = ACCURACY + "x;t;sensitivity, specificity;test, disease;;{};;;"
    flagged = {
        printed: {
            i for i, a in verdicts(tmp_path, rows, printed).items() if a.verdict in ("differs", "conflicts")
        }
        for printed in ("87 % and 81 %", "87 % and 18 %")
    }
    assert flagged["87 % and 81 %"] == set() and "x.specificity" in flagged["87 % and 18 %"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x;t;pabak;test, disease;;0.79;;;", "is 'other', with its name in column method"),
        ("x;t;other;test, disease;;0.79;;;", "expected the name of the coefficient"),
        ("x;t;percent;test;;response rate 36;;;", "write 36"),
        ("x;t;ratio;~male, male;;female:male 1.9:1;;;", "write 1.9:1"),
        ("x;t;median;observed;;ninety-one days;years;;", "write ninety-one"),
        ("x;t;median;observed;;3;;;", "expected 'years'"),
        (
            "x;t;risk_ratio;test;;3;;;",
            "expected two variables with a comma between, then others of the model",
        ),
    ],
)
def test_a_refusal_says_what_to_write(tmp_path, row, said):
    with pytest.raises(InputError) as error:
        verdicts(tmp_path, row)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_lesions_are_not_called_patients(tmp_path):
    rows = "n;t;count;everyone;;12;;;\np;t;percent;spine;;41.7;%;;"
    assert "12 patients" in verdicts(tmp_path, rows)["p"].reason
    claims = (
        (tmp_path / "claims.csv").read_text().replace(";t;", ";t;lesions;").replace("where;", "where;about;")
    )
    (tmp_path / "claims.csv").write_text(claims)
    with (tmp_path / "study.yaml").open("a") as facts:
        facts.write("units: {lesions: all lesions}\n")
    found = {a.claim.claim_id: a for a in audit_jointly(read_study.__wrapped__(str(tmp_path)))}
    assert "12 lesions" in found["p"].reason and "patients" not in found["p"].reason


def test_an_end_that_is_cut_off_says_so(tmp_path):
    """exp(log(78*52/34/4) + c(-1.96, 1.96) * sqrt(1/78 + 1/4 + 1/34 + 1/52)) = 9.99, 89.04."""
    rows = "n;t;count;everyone;;168;;;\nm;t;count;male;;82;;;\na;t;count;test;male;78;;;\n"
    rows += "b;t;count;test;~male;34;;;\nx;t;odds_ratio, ci_lower, ci_upper;test, male;;{};;;"
    for printed, said in (
        ("29.8 (10.0–89.0)", ""),
        ("29.8 (9.9–89.0)", "cut off"),
        ("29.8 (10.0–89.1)", "rounded up"),
    ):
        found = verdicts(tmp_path, rows, printed).values()
        assert {each.verdict for each in found} <= {"matches", "stated"}
        reasons = " ".join(each.reason for each in found)
        assert (said or "wald") in reasons
        assert ("cut off" in reasons, "rounded up" in reasons) == (said == "cut off", said == "rounded up")


@pytest.mark.parametrize(("one", "other", "verdict"), [
    ("1.14 per patient-year", "0.42 per patient-year", "differs"),
    ("1.14", "42", "stated"),  # of years, or of a hundred
])  # fmt: skip
def test_a_ratio_is_of_one_rate_of_each_group(tmp_path, one, other, verdict):
    rate = "{};{};rate;flares, observed;arm == {};{};;;\n"
    rows = rate.format("a", "t", "placebo", one) + rate.format("b", "abstract", "placebo", one)
    ratio = "x;t;rate_ratio;flares, arm;;{};;;"
    assert verdicts(tmp_path, rows + ratio, "0.61")["x"].verdict == "stated"
    rows += rate.format("c", "t", "anakinra", other)
    assert verdicts(tmp_path, rows + ratio, "0.61")["x"].verdict == verdict


@pytest.mark.parametrize(("printed", "verdict"), [
    ("25.0 per 1,000 person-months", "matches"), ("30 per 100 patient-years", "matches"),
    ("0.025 per patient-month", "matches"), ("300 per 1,000 person-months", "differs"),
])  # fmt: skip
def test_a_rate_is_per_the_time_that_its_unit_names(tmp_path, printed, verdict):
    rows = "f;t;sum;flares;;30;flares;;\no;t;sum;observed;;100.0;years;;\n"
    rows += "x;t;rate;flares, observed;;{};;;"
    assert verdicts(tmp_path, rows, printed)["x"].verdict == verdict


@pytest.mark.parametrize("counted", ["age_onset > 30", "diagnostic_delay > 240", "age_diagnosis >= 41"])
def test_a_limit_of_the_codebook_accuses_nobody_who_is_counted(tmp_path, counted):
    rows = "n;t;count;everyone;;20;;;\nb;t;max;age_onset;male;20;years;;\nd;t;max;age_diagnosis;;42;years;;\n"
    found = verdicts(tmp_path, f"{rows}x;t;count;{counted};;{{}};;;", "3")
    assert {each.verdict for each in found.values()} == {"stated"}
