"""What a table of twelve patients gives for every kind of statement, against R 4.2.2.

R: d <- data.frame(x=c(3,1,4,1,5,9,2,6,5,3,5,8), y=c(2,7,1,8,2,8,1,8,2,8,4,5),
R:   g=c(1,1,1,1,1,0,0,0,0,0,0,0), h=c(1,0,1,1,0,0,0,1,0,0,0,0))
"""

import numpy as np
import pandas as pd
import pytest

from crmo_analysis.study import read_codebook, reproduction
from crmo_analysis.study.claims import read_study
from crmo_analysis.study.on_table import quantiles

TABLE = pd.DataFrame({
    "esr": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8],
    "esr_at_6_months": [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5],
    "crp": [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5],
    "male": [True] * 5 + [False] * 7,
    "spine": [bool(x) for x in (1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0)],
}).astype({"esr": "Int64", "esr_at_6_months": "Int64", "crp": "Float64", "male": "boolean", "spine": "boolean"})  # fmt: skip


@pytest.fixture
def claim_of(write_study):
    """Return a function that reads one claim."""

    def read(statistic, of, printed, method="", among=""):
        header = "claim_id,where,statistic,of,among,printed,unit,method,at"
        unit = "mm/hour" if of == "esr" else ""
        rows = [
            "n,t,count,everyone,,12,patients,,",
            "m,t,count,everyone,,12,patients,,6 months",
            f'c,t,{statistic},"{of}",{among},{printed},{unit},{method},',
        ]
        folder = write_study(*rows, header=header, base=False)
        return read_study.__wrapped__("small", folder).claim("c")

    return read


@pytest.mark.parametrize(
    ("statistic", "of", "method", "right", "wrong"),
    [
        ("p_value", "esr, male", "t", "0.0737", "0.0727"),  # R: t.test(x ~ g, d, var.equal=T)$p.value
        ("p_value", "esr, male", "Welch", "0.0601", "0.0501"),  # R: t.test(x ~ g, d)$p.value
        ("p_value", "esr, male", "Mann-Whitney U", "0.0848", "0.0748"),  # R: wilcox.test(x ~ g, d, exact=F)
        ("p_value", "esr, male", "", "0.0848", "0.9848"),
        ("p_value", "esr, crp", "pearson", "0.758", "0.748"),  # R: cor.test(d$x, d$y)$p.value
        ("correlation", "esr, crp", "pearson", "0.10", "0.14"),  # R: cor(d$x, d$y)
        ("correlation", "esr, crp", "spearman", "0.142", "0.100"),  # R: cor(d$x, d$y, method="spearman")
        ("p_value", "spine, male", "Fisher", "0.222", "0.322"),  # R: fisher.test(table(d$g, d$h))$p.value
        ("p_value", "spine, male", "chi2", "0.0977", "0.2222"),  # R: chisq.test(..., correct=F)$p.value
        ("test_statistic", "spine, male", "chi2", "2.74", "2.47"),
        ("p_value", "esr, esr_at_6_months", "", "0.76", "0.98"),  # R: t.test(d$y, d$x, paired=T)$p.value
        ("sd_change", "esr, esr_at_6_months", "", "3.73", "3.37"),  # R: sd(d$y - d$x)
        ("coefficient", "esr, crp", "", "0.084", "0.064"),  # R: coef(lm(x ~ y, d))[2]
        ("coefficient", "esr, crp, male", "", "-0.0045", "0.0045"),  # R: coef(lm(x ~ y + g, d))[2]
        ("r_squared", "esr, crp", "", "0.010", "0.100"),  # R: summary(lm(x ~ y, d))$r.squared
        ("odds_ratio", "spine, esr", "", "0.79", "0.97"),  # R: exp(coef(glm(h ~ x, binomial, d))[2])
        ("odds_ratio", "spine, male", "", "9.0", "9.9"),  # 3 * 6 / (2 * 1)
        ("mean_difference", "esr, male", "", "-2.63", "-2.36"),  # 2.8 - 5.4286
        ("sd", "esr", "", "2.53", "2.35"),  # R: sd(d$x)
        ("se", "esr", "", "0.73", "0.37"),  # R: sd(d$x) / sqrt(12)
        ("ci_lower", "esr", "", "2.72", "2.27"),  # R: t.test(d$x)$conf.int
        ("ci_upper", "esr", "", "5.94", "5.49"),
        ("quartile_1", "esr", "type 6", "2.25", "2.75"),  # R: quantile(d$x, .25, type=6)
        ("quartile_3", "esr", "", "5.75", "7.55"),
        ("iqr", "esr", "type 7", "2.5", "3.5"),  # R: IQR(d$x)
        ("range", "esr", "", "8", "9"),
        ("percent_of_total", "crp, esr", "", "107.7", "170.7"),
    ],
)
def test_a_table_gives_a_claim_and_not_its_wrong_twin(claim_of, statistic, of, method, right, wrong):
    for printed, agrees in ((right, True), (wrong, False)):
        claim = claim_of(statistic, of, printed, method)
        assert reproduction.agrees(claim, TABLE) is agrees
        [row] = reproduction.reproduce([claim], TABLE, read_codebook()).to_dict("records")
        assert row["agrees"] is agrees
        assert row["from_table"]


def test_what_a_table_does_not_decide_is_left_open(claim_of):
    assert reproduction.by_method(claim_of("p_value", "esr, male", "0.03", "log-rank"), TABLE) == {}
    assert reproduction.reproduce([claim_of("hazard_ratio", "esr, male", "2")], TABLE, read_codebook()).empty


@pytest.mark.parametrize(
    ("number", "quartiles"),
    [  # R: for(t in 1:9) quantile(c(1, 2, 4, 7, 8, 11, 13, 18, 20), c(.25, .75), type=t)
        *((1, (4, 13)), (2, (4, 13)), (4, (2.5, 12.5)), (5, (3.5, 14.25)), (6, (3, 15.5)), (7, (4, 13))),
        *((8, (3.333333, 14.66667)), (9, (3.375, 14.5625))),
    ],
)
def test_quantiles_by_each_definition(number, quartiles):
    values = np.array([1, 2, 4, 7, 8, 11, 13, 18, 20.0])
    found = [quantiles(values, share)[f"type {number}"] for share in (0.25, 0.75)]
    assert found == pytest.approx(quartiles, rel=1e-6)


def test_hinges():
    values = np.array([1, 2, 4, 7, 8, 11, 13, 18.0])  # R: fivenum(c(1, 2, 4, 7, 8, 11, 13, 18))
    assert [quantiles(values, share)["hinges"] for share in (0.25, 0.75)] == [3, 12]


def test_columns_read_once_give_what_a_table_gives_whatever_is_missing(claim_of):
    table = TABLE.copy()
    table["fever"] = pd.array([True, pd.NA] + [False] * (len(table) - 2), dtype="boolean")
    read = reproduction.Rows(table)
    claims = [
        claim_of("count", "fever", "1"),
        claim_of("count", "~fever", "1"),
        claim_of("count", "male", "3"),
    ]
    assert [reproduction.value_of(claim, read) for claim in claims] == [
        reproduction.value_of(claim, table) for claim in claims
    ]
    assert [int(reproduction.value_of(claim, read)) for claim in claims[:2]] == [1, len(table) - 2]
    for claim in claims:
        pd.testing.assert_series_equal(
            reproduction.members(claim.patients, read), reproduction.members(claim.patients, table)
        )
    assert reproduction.members(claims[1].patients, read).isna().sum() == 1
