"""P values, statistics, estimates and intervals: the right number is not flagged, a twin wrong by a digit is."""

import pytest

from crmo_analysis.joint.ledger import audit_jointly
from crmo_analysis.study import read_study

HEADER = "claim_id,where,statistic,of,among,printed,unit,method,at"
N = "n,t,count,everyone,,40,patients,,"
BOYS = 'boys,t,"count, n",male,,18/40,,,'


@pytest.fixture
def audit(write_study):
    """Return a function that audits rows, and gives a verdict and a reason for each claim."""

    def run(*rows):
        folder = write_study(*rows, header=HEADER, base=False)
        audited = audit_jointly(read_study.__wrapped__("small", folder))
        return {each.claim.claim_id: (each.verdict, each.reason) for each in audited}

    return run


TWO_GROUPS = [
    'a,t,"mean, sd",esr,male,30.2 ± 12.1,mm/hour,,',
    'b,t,"mean, sd",esr,~male,41.5 ± 15.3,mm/hour,,',
]
THREE = [
    *(f"k{i},t,count,presenting_symptom == {name},,{n},patients,," for i, (name, n) in enumerate(
        [("unifocal_pain", 10), ("multifocal_pain", 12), ("limping", 18)])),
    *(f'c{i},t,"mean, sd",esr,presenting_symptom == {name},{cell},mm/hour,,' for i, (name, cell) in enumerate(
        [("unifocal_pain", "5.0 ± 2.0"), ("multifocal_pain", "6.0 ± 2.5"), ("limping", "8.0 ± 1.5")])),
]  # fmt: skip
TABLE = ['x,t,"count, n",spine,male,14/18,,,', 'y,t,"count, n",spine,~male,8/22,,,']
CASES = {
    # R: t <- .42 * sqrt(38 / (1 - .42^2)); 2 * pt(-t, 38) is 0.0070
    "correlation": (['r,t,correlation,"esr, crp",,0.42,,,'], 'p,t,p_value,"esr, crp",,{},,,', "0.007", "0.07"),
    "negative correlation": (['r,t,correlation,"esr, crp",,-0.42,,,'], 'p,t,p_value,"esr, crp",,"{}",,Spearman,',
                             "p = 0,007", "p = 0,7"),
    "a bound on P": (['r,t,correlation,"esr, crp",,0.42,,,'], 'p,t,p_value,"crp, esr",,{},,,', "P<0.01", "P<0.001"),
    "not significant": (['r,t,correlation,"esr, crp",,0.12,,,'], 'p,t,p_value,"crp, esr",,{},,,', "ns", "*"),
    # R: fisher.test(matrix(c(14, 4, 8, 14), 2))$p.value is 0.01216; chisq.test 0.00881, corrected 0.02146
    "2x2": (TABLE, 'p,t,p_value,"spine, male",,{},,,', "0.012", "0.12"),
    "2x2 from percentages": (['x,t,percent,spine,male,77.8,%,,', 'y,t,percent,spine,~male,36.4,%,,'],
                             'p,t,p_value,"spine, male",,{},,,', "0.012", "0.12"),
    "Fisher": (TABLE, 'p,t,p_value,"spine, male",,{},,Fisher\'s exact test,', "0.012", "0.009"),
    "Yates": (TABLE, 'p,t,p_value,"spine, male",,{},,chi-square with Yates correction,', "0.021", "0.012"),
    "chi-squared": (TABLE, 'p,t,test_statistic,"spine, male",,{},,χ2,', "6.86", "8.66"),
    "df of chi-squared": (TABLE, 'p,t,df,"spine, male",,{},,χ2,', "1", "2"),
    "odds ratio": (TABLE, 'p,t,odds_ratio,"spine, male",,{},,,', "6.1", "1.6"),
    "risk ratio": (TABLE, 'p,t,risk_ratio,"spine, male",,{},,,', "2.14", "2.41"),
    # R: exp(log(6.125) + c(-1, 1) * qnorm(.975) * sqrt(1/14 + 1/4 + 1/8 + 1/14)) is 1.495, 25.099
    "interval of an odds ratio": ([*TABLE, 'o,t,odds_ratio,"spine, male",,6.1,,,'],
                                  'p,t,ci_upper,"spine, male",,{},,,', "25.1", "52.1"),
    # R: Welch: d <- -11.3; v <- c(12.1^2 / 18, 15.3^2 / 22); t is -2.608, df 37.97, P 0.01295; Student -2.547, 0.01504
    "t": (TWO_GROUPS, 'p,t,p_value,"esr, male",,{},,Student\'s t test,', "0.015", "0.15"),
    "Welch": (TWO_GROUPS, 'p,t,p_value,"esr, male",,{},,Welch,', "0.013", "0.13"),
    "statistic of t": (TWO_GROUPS, 'p,t,test_statistic,"esr, male",,{},,t,', "2.54", "5.24"),
    "df of t": (TWO_GROUPS, 'p,t,df,"esr, male",,{},,t,', "38", "83"),
    "difference of means": (TWO_GROUPS, 'p,t,mean_difference,"esr, male",,{},,,', "11.3", "13.1"),
    # R: summary(aov(...)) of 10, 12, 18 with these means and SDs: F is 8.422, P 0.00097
    "F": (THREE, 'p,t,p_value,"esr, presenting_symptom",,{},,ANOVA,', "0.001", "0.01"),
    "statistic of F": (THREE, 'p,t,test_statistic,"esr, presenting_symptom",,{},,ANOVA,', "8.4", "4.8"),
    # R: 2 * pt(-2.31, 38) is 0.0264
    "t and df": ([], 'p,t,"df, test_statistic, p_value","esr, male",,"t(38) = 2.31, p = {}",,t,', ".026", ".062"),
    "F and df": ([], 'p,t,"df, df_2, test_statistic, p_value","esr, presenting_symptom",,'
                     '"F(2, 37) = 3.30, p = {}",,,', ".048", ".084"),  # R: pf(3.3, 2, 37, lower=F)
    "log-rank": ([], 'p,t,"test_statistic, p_value","relapse, male",,"4.20, {}",,log-rank,', "0.04", "0.4"),
    # R: wilcox.test on U = 110 of 18 and 22: P is 0.0162, 0.0167 and 0.0174 corrected
    "Mann-Whitney": ([], 'p,t,"test_statistic, p_value","esr, male",,"U = 110, P={}",,Mann-Whitney U,', "0.017", "0.17"),
    "a coefficient with its SE": ([], 'p,t,"coefficient, se, p_value","esr, n_lesions, male",,"0.31 (0.10), p = {}",,,',
                                  "0.004", "0.04"),
    "an odds ratio with its interval": ([], 'p,t,"odds_ratio, ci_lower, ci_upper, p_value","relapse, n_lesions, male",,'
                                            '"1.94 (1.17-3.21), p = {}",,logistic,', "0.010", "0.10"),
    "a hazard ratio within its interval": ([], 'p,t,"hazard_ratio, ci_lower, ci_upper","relapse, n_lesions",,'
                                               '"1.94 (1.17-{})",,Cox,', "3.21", "2.31"),
    "interval of a correlation": (['r,t,correlation,"esr, crp",,0.42,,,'], 'p,t,ci_lower,"esr, crp",,{},,,',
                                  "0.12", "0.21"),  # R: tanh(atanh(.42) - qnorm(.975) / sqrt(37))
    "R squared": (['r,t,correlation,"esr, crp",,-0.42,,,'], 'p,t,r_squared,"esr, crp",,{},,,', "0.18", "0.81"),
    "mean change": (['b,t,mean,esr,,30.2,mm/hour,,', 'l,t,mean,esr,,22.1,mm/hour,,6 months'],
                    'p,t,mean_change,"esr, esr_at_6_months",,{},,,', "−8.1", "-1.8"),
    "P of a mean change": (['b,t,"mean_change, sd_change","esr, esr_at_6_months",,-8.1 ± 20.4,,,',
                            'l,t,mean,esr,,22.1,mm/hour,,6 months'],
                           'p,t,p_value,"esr, esr_at_6_months",,{},,paired t,', "0.016", "0.16"),
    "interval of a mean": (['b,t,"mean, sd",esr,,30.2 ± 12.1,mm/hour,,'], 'p,t,ci_lower,esr,,{},mm/hour,,',
                           "26.3", "23.6"),  # 30.2 - 2.0227 * 12.1 / sqrt(40)
    "interval of a mean, 90 %": (['b,t,"mean, sd",esr,,30.2 ± 12.1,mm/hour,,'],
                                 'p,t,ci_upper,esr,,{},mm/hour,90 % t,', "33.4", "34.3"),
    "interval of a share": ([], 'p,t,ci_lower,male,,{},%,exact,', "29.3", "39.2"),  # R: binom.test(18, 40)
    "interval of a share, Wilson": ([], 'p,t,ci_upper,male,,{},%,Wilson,', "60.2", "61.5"),
    "standard error": (['b,t,"mean, sd",esr,,30.2 ± 12.1,mm/hour,,'], 'p,t,se,esr,,{},mm/hour,,', "1.91", "9.11"),
    "interquartile range": (['b,t,"median, quartile_1, quartile_3",esr,,22 (12-40),mm/hour,,'],
                            'p,t,iqr,esr,,{},mm/hour,,', "28", "82"),
    "range": (['b,t,"min, max",esr,,3-77,mm/hour,,'], 'p,t,range,esr,,{},mm/hour,,', "74", "47"),
    "quartiles in order": (['b,t,"median, quartile_1",esr,,22 (12),mm/hour,,'], 'p,t,quartile_3,esr,,{},mm/hour,,',
                           "40", "14"),
    "percentiles in order": (['b,t,median,esr,,22,mm/hour,,'], 'p,t,percentile_90,esr,,{},mm/hour,,', "40", "4"),
    # R: m <- matrix(c(14, 4, 8, 14), 2, byrow=TRUE); po <- 28/40; pe <- sum(rowSums(m) * colSums(m)) / 1600
    # (po - pe) / (1 - pe) is 0.4059; its interval by sqrt(po (1 - po) / n) / (1 - pe) 0.1247 to 0.6872
    "kappa": (TABLE, 'p,t,kappa,"spine, male",,{},,,', "0.41", "0.14"),
    "interval of kappa": (TABLE, 'p,t,"kappa, ci_lower, ci_upper","spine, male",,κ = 0.41 (95 % CI 0.12–{}),,,',
                          "0.69", "0.96"),
    "interval of an ICC": ([], 'p,t,"icc, ci_lower, ci_upper","esr, crp",,"ICC(2,1) = 0.87 (0.80 to {})",,,',
                           "0.92", "0.82"),
    # R: 14/18 - 8/22 is 0.414, by qnorm(.975) * sqrt(14 * 4 / 18^3 + 8 * 14 / 22^3) from 0.136 to 0.692
    "risk difference": (TABLE, 'p,t,"risk_difference, ci_lower, ci_upper","spine, male",,41.4 % (13.6 to {}),%,,',
                        "69.2", "62.9"),
    "sensitivity": (TABLE, 'p,t,"sensitivity, ci_lower, ci_upper","spine, male",,{} (0.52–0.94),,,', "0.78", "0.87"),
    "specificity": (TABLE, 'p,t,specificity,"spine, male",,{},,,', "63.6 %", "66.3 %"),
    "predictive value": (TABLE, 'p,t,ppv,"spine, male",,{},,,', "63.6", "66.3"),
    "accuracy": (TABLE, 'p,t,accuracy,"spine, male",,{},,,', "70.0", "77.0"),
    "likelihood ratio": (TABLE, 'p,t,LR+,"spine, male",,{},,,', "2.14", "4.12"),
    "negative likelihood ratio": (TABLE, 'p,t,LR-,"spine, male",,{},,,', "0.35", "0.53"),
    # R: d <- -11.3 / sqrt((17 * 12.1^2 + 21 * 15.3^2) / 38) is -0.809; sqrt(1/18 + 1/22 + d^2/80)
    "difference in SDs": (TWO_GROUPS, 'p,t,"SMD, ci_lower, ci_upper","esr, male",,{} (−1.46 to −0.16),,Cohen,',
                          "−0.81", "−1.80"),
    "interval of a difference in SDs": (TWO_GROUPS, 'p,t,"SMD, ci_lower, ci_upper","esr, male",,−0.81 ({} to −0.16),,,',
                                        "−1.46", "−1.64"),
    # R: -11.3 + c(-1, 1) * qt(.975, 37.97) * sqrt(12.1^2 / 18 + 15.3^2 / 22) is -20.07, -2.53
    "interval of a difference of means": (TWO_GROUPS, 'p,t,"mean_difference, ci_lower, ci_upper","esr, male",,'
                                          '−11.3 (−20.1 to {}),,Welch,', "−2.5", "−5.2"),
    # R: 100 * c(14, qchisq(.025, 28) / 2, qchisq(.975, 30) / 2) / 61.5 is 22.8, 12.4, 38.2
    "rate": ([*TABLE, 'f,t,sum,follow_up,,61.5,patient-years,,'],
             'p,t,rate,"spine & male, follow_up",,{},per 100 patient-years,,', "22.8", "28.2"),
    "rate from the mean follow-up": ([*TABLE, 'f,t,mean,follow_up,,1.54,years,,'],
                                     'p,t,rate,"spine & male, follow_up",,{} per 100 patient-years,,,', "22.7", "72.2"),
    "interval of a rate": ([*TABLE, 'f,t,sum,follow_up,,61.5,person-years,,'], 'p,t,"rate, ci_lower, ci_upper",'
                           '"spine & male, follow_up",,22.8 (12.4–{}) per 100 years,,,', "38.2", "32.8"),
    "survival within its interval": ([], 'p,t,"survival, ci_lower, ci_upper",relapse,,68 % (55–{} %),,Kaplan-Meier,2 years',
                                     "79", "59"),
    # R: fisher.test(cbind(c(7, 3, 9), c(3, 9, 9)))$p.value is 0.1189
    "Fisher of three groups": ([*THREE[:3], *(f"s{i},t,count,spine,presenting_symptom == {name},{x},patients,,"
                                for i, (name, x) in enumerate([("unifocal_pain", 7), ("multifocal_pain", 3),
                                                               ("limping", 9)]))],
                               'p,t,p_value,"spine, presenting_symptom",,{},,Fisher exact,', "0.12", "0.21"),
    # R: mcnemar.test(matrix(c(5, 7, 0, 28), 2))$p.value is 0.0233; the margins 12 and 5 leave 0.008 to 0.15
    "McNemar of margins": (['b,t,count,remission,,5,patients,,', 'l,t,count,remission,,12,patients,,6 months'],
                           'p,t,p_value,"remission, remission_at_6_months",,{},,McNemar,', "0.023", "0.32"),
    "percentage change of medians": (['b,t,median,esr,,30,mm/hour,,', 'l,t,median,esr,,20,mm/hour,,6 months'],
                                     'p,t,percent_change,"esr, esr_at_6_months",,{},,,', "-33 %", None),
    "those of whom it is known": ([], 'p,t,"count, n, percent",crp_elevated,,19/33 ({} %),,,', "57.6", "56.7"),
    "ratio": ([], 'p,t,ratio,"~male, male",,{},,,', "1.2:1", "2.1:1"),
    "lesions": (['b,t,sum,n_lesions,,279,lesions,,', 'c,t,sum,n_spinal_lesions,,96,lesions,,'],
                'p,t,percent_of_total,"n_spinal_lesions, n_lesions",,{},%,,', "34.4", "43.4"),
    "lesions by their grain": (['b,t,sum,n_lesions,,30,lesions,,'],
                               'p,t,percent_of_total,"n_spinal_lesions, n_lesions",,{},%,,', "43.3", "45.3"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_a_right_number_is_not_flagged_and_its_twin_is(audit, kind):
    beside, row, right, wrong = CASES[kind]
    for printed, is_right in ((right, True), (wrong, False))[: 1 if wrong is None else 2]:
        found = audit(N, BOYS, *beside, row.format(printed))
        name = max((name for name in found if name.startswith("p")), key=len)
        flagged = {
            key: reason for key, (verdict, reason) in found.items() if verdict in ("differs", "conflicts")
        }
        assert bool(flagged) is not is_right, (printed, found)
        if not is_right:
            assert any(key.startswith("p") for key in flagged), (name, flagged)


def test_a_p_value_that_only_another_test_gives_says_so(audit):
    verdict, reason = audit(N, BOYS, *TABLE, 'p,t,p_value,"spine, male",,0.009,,Fisher\'s exact test,')["p"]
    assert (verdict, "Only chi-squared gives it." in reason) == ("differs", True)


def test_a_one_sided_p_value_is_named(audit):
    verdict, reason = audit(N, 'r,t,correlation,"esr, crp",,0.42,,,', 'p,t,p_value,"esr, crp",,0.0035,,,')[
        "p"
    ]
    assert (verdict, "A one-sided test gives it." in reason) == ("differs", True)


def test_a_correlation_is_confirmed_by_its_p_value(audit):
    found = audit(N, 'r,t,"correlation, p_value","esr, crp",,0.42 (p=0.007),,,')
    assert [found[name][0] for name in ("r.correlation", "r.p_value")] == ["matches", "matches"]


def test_a_p_value_that_only_patients_decide_is_kept(audit):
    found = audit(N, BOYS, 'p,t,p_value,"esr, male",,0.03,,Mann-Whitney,')
    assert found["p"] == ("stated", "Kept as printed: only the patients themselves decide it.")


def test_few_patients_cannot_have_a_small_p_value_by_ranks(audit):
    rows = ["n,t,count,everyone,,6,patients,,", 'b,t,"count, n",male,,3/6,,,']
    found = audit(*rows, 'p,t,p_value,"esr, male",,P<0.01,,Mann-Whitney,')
    assert found["p"][0] == "differs"


def test_medians_do_not_overrule_means(audit):
    means = ["b,t,mean,esr,,5.0,mm/hour,,", "l,t,mean,esr,,3.0,mm/hour,,6 months"]
    medians = ["c,t,median,esr,,4,mm/hour,,", "m,t,median,esr,,2,mm/hour,,6 months"]
    verdict, reason = audit(N, *means, *medians, 'p,t,percent_change,"esr, esr_at_6_months",,50,%,,')["p"]
    assert (verdict, reason.startswith("From 5.0 to 3.0: -43.1 to -36.7;")) == ("stated", True)


def test_between_what_a_change_of_means_lies_is_shown(audit):
    means = ["b,t,mean,esr,,5.0,mm/hour,,", "l,t,mean,esr,,3.0,mm/hour,,6 months"]
    found = audit(N, *means, 'p,t,mean_change,"esr, esr_at_6_months",,-2.1,mm/hour,,')
    assert found["p"] == ("matches", "From 5.0 to 3.0: -2.2 to -1.8.")


@pytest.mark.parametrize("odd", ["odds_ratio", "ci_upper"])
@pytest.mark.parametrize("method", ["", "Wald"])
def test_what_the_counts_give_is_not_accused_for_a_wrong_number_beside_it(audit, odd, method):
    # R: exp(log(14 * 14 / (4 * 8)) + c(-1, 1) * qnorm(.975) * sqrt(1/14 + 1/4 + 1/8 + 1/14)) is 1.49 25.10
    # R: 2 * pnorm(-log(14 * 14 / (4 * 8)) / sqrt(1/14 + 1/4 + 1/8 + 1/14)) is 0.0118
    cell = {"odds_ratio": "8.1 (1.49 to 25.10), P = 0.012", "ci_upper": "6.1 (1.49 to 52.10), P = 0.012"}[odd]
    of = "odds_ratio, ci_lower, ci_upper, p_value"
    found = audit(N, *TABLE, f'o,t,"{of}","spine, male",,"{cell}",,{method},')
    names = of.split(", ")
    expected = {name: "differs" if name == odd else "matches" for name in names}
    assert {name: found[f"o.{name}"][0] for name in names} == expected


ORDERED = {  # the claims that cannot stand together, though rounding up and down would let either alone
    "8 (9–11)": ('b,t,"median, quartile_1, quartile_3",n_lesions,,8 (9–11),lesions,,', "median quartile_1"),
    "9.4 (9.5–12.3)": ('b,t,"median, quartile_1",age_onset,,9.4 (9.5),years,,', "median quartile_1"),
    "12.3 of 4.1–12.2": ('b,t,"min, max, quartile_3",age_onset,,4.1–12.2 12.3,years,,', "max quartile_3"),
    "1 of 2–13": ('b,t,"min, quartile_1, max",n_lesions,,2 1 13,lesions,,', "min quartile_1"),
    "14 of 2–13": ('b,t,"min, max, quartile_3",n_lesions,,2–13 14,lesions,,', "max quartile_3"),
    "8 (8–11)": ('b,t,"median, quartile_1, quartile_3",n_lesions,,8 (8–11),lesions,,', ""),
    "9 (9.6–11.2)": ('b,t,"median, quartile_1, quartile_3",age_onset,,9 (9.6–11.2),years,,', ""),  # cut off
    "9 (10.1–11.2)": ('b,t,"median, quartile_1",age_onset,,9 (10.1),years,,', "median quartile_1"),
}


@pytest.mark.parametrize("printed", ORDERED)
def test_quantiles_of_one_section_follow_each_other_as_printed(audit, printed):
    row, odd = ORDERED[printed]
    found = audit(N, BOYS, row)
    assert {name[2:] for name in found if found[name][0] == "conflicts"} == {*odd.split()}
    if printed == "9 (9.6–11.2)":
        assert found["b.quartile_1"][1].startswith("Above the median of 9 as printed, which rounding can")


def test_no_quantile_of_a_part_lies_beyond_the_range_of_all(audit):
    rows = [
        'b,"t, a","min, max",n_lesions,,2–10,lesions,,',
        'c,"t, b",quartile_3,n_lesions,male,{},lesions,,',
    ]
    found = audit(N, BOYS, rows[0], rows[1].format(11))
    reason = "The upper quartile of 11 of a part of the patients lies above the maximum of 10."
    assert [found[name] for name in ("b.max", "c")] == [("conflicts", reason)] * 2
    assert audit(N, BOYS, rows[0], rows[1].format(10))["c"][0] == "stated"
    elsewhere = rows[1].replace('"t, b"', "abstract").format(11)  # may be rounded in another way
    assert audit(N, BOYS, rows[0], elsewhere)["c"][0] == "stated"
