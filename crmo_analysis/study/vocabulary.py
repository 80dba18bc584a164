"""The words of column statistic, what each is of, the methods beside it, and the kinds of figures."""

import difflib
import re

from crmo_analysis.files import InputError
from crmo_analysis.study.codebook import OF_A_YEAR
from crmo_analysis.study.printed import plain

OF_PATIENTS = ("count", "percent", "fraction", "rank")  # `of` says which patients
OF_VALUES = (  # `of` is one variable
    *("median", "mean", "sd", "min", "max", "sum", "value", "date"),
    *("quartile_1", "quartile_3", "iqr", "range"),
)
OF_PAIRS = (  # `of` is two, with a comma between them
    *("p_value", "correlation", "ratio", "test_statistic", "df", "df_2", "percent_of_total"),
    *("mean_difference", "mean_change", "sd_change", "median_change", "percent_change"),
    *("coefficient", "odds_ratio", "risk_ratio", "hazard_ratio", "rate_ratio", "r_squared"),
    *("risk_difference", "standardised_mean_difference", "rate", "median_survival"),
    *("kappa", "icc", "auc", "positive_likelihood_ratio", "negative_likelihood_ratio"),
    *("number_needed_to_treat", "cramers_v", "limit_lower", "limit_upper"),
)
OF_ANY = (  # of a mean, of a share, or of what is said of a pair; other is what column method names
    *("se", "ci_lower", "ci_upper", "survival", "cumulative_incidence", "other"),
)
ACCURACY = {  # of a test and a reference: a percentage of whom, among whom
    "sensitivity": ("{0}", "{1}"), "specificity": ("~({0})", "~({1})"),
    "ppv": ("{1}", "{0}"), "npv": ("~({1})", "~({0})"),
    "accuracy": ("({0}) & ({1}) | ~({0}) & ~({1})", ""),
}  # fmt: skip
PERCENTAGES = ("percent", "percent_of_total", "percent_change", "risk_difference", *OF_ANY)
OF_MODELS = (  # of which others can be in the model
    *("coefficient", "odds_ratio", "hazard_ratio", "risk_ratio", "rate_ratio", "r_squared", "p_value"),
    *("mean_difference", "risk_difference", "test_statistic", "df", *OF_ANY),
)
OF_NUMBERS = (
    *("mean_change", "sd_change", "median_change", "percent_change", "percent_of_total"),
    *("correlation", "r_squared"),
)
SINGLE_VALUES = ("median", "min", "max", "value", "quartile_1", "quartile_3")
STATISTICS = OF_PATIENTS + OF_VALUES + OF_PAIRS + OF_ANY
DEFINITIONS = (  # of a difference in SDs, each a method of its own
    *("cohens_d", "hedges_g", "srm", "standardised_response_mean", "standardized_response_mean"),
    "effect_size",
)
SYNONYMS = {
    "q1": "quartile_1", "q3": "quartile_3", "percentile_25": "quartile_1", "percentile_75": "quartile_3",
    "percentile_50": "median", "p": "p_value", "percentage": "percent", "%": "percent", "minimum": "min",
    "maximum": "max", "average": "mean", "std": "sd", "sem": "se", "odds ratio": "odds_ratio",
    "p value": "p_value", "p-value": "p_value", "or": "odds_ratio", "rr": "risk_ratio", "hr": "hazard_ratio",
    "irr": "rate_ratio", "incidence_rate": "rate", "smd": "standardised_mean_difference",
    "standardized_mean_difference": "standardised_mean_difference",
    "roc_auc": "auc", "cohens_kappa": "kappa", "beta": "coefficient",
    "positive_predictive_value": "ppv", "negative_predictive_value": "npv", "n": "count", "r": "correlation",
    "rho": "correlation", "lr+": "positive_likelihood_ratio", "lr-": "negative_likelihood_ratio",
    "survival_percent": "survival", "lower": "ci_lower", "upper": "ci_upper", "r2": "r_squared",
    "diagnostic_odds_ratio": "odds_ratio", "dor": "odds_ratio", "youden": "risk_difference",
    "nnt": "number_needed_to_treat", "loa_lower": "limit_lower", "loa_upper": "limit_upper",
    "percent_agreement": "accuracy", "bias": "mean_change", "cramer's v": "cramers_v",
    **dict.fromkeys(DEFINITIONS, "standardised_mean_difference"),
}  # fmt: skip
LIMITS = {
    "count": (0, None), "percent": (0, 100), "fraction": (0, 1), "p_value": (0, 1), "correlation": (-1, 1),
    "r_squared": (0, 1), "kappa": (-1, 1), "icc": (-1, 1), "auc": (0, 1),
    **dict.fromkeys(("survival", "cumulative_incidence"), (0, 100)), "cramers_v": (0, 1),
    **dict.fromkeys(("sd", "sd_change", "se", "iqr", "range", "df", "df_2"), (0, None)),
    **dict.fromkeys(("odds_ratio", "risk_ratio", "hazard_ratio", "rate_ratio", "ratio", "rate"), (0, None)),
}  # fmt: skip
METHODS = {  # hyphens are blanks here
    "t": r"(?:(?:student|unpaired|two sample|independent(?: samples?)?)(?:'?s)? ?)*t(?: ?test)?",
    "welch": r".*welch.*",
    "paired t": r"paired(?: samples?)?(?: student'?s?)? t(?: ?test)?",
    "chi2": r"(?:pearson'?s? )?(?:chi|χ) ?(?:2|squared?)(?: test)?",
    "yates": r".*(?:yates|continuity).*",
    "fisher": r"fisher(?:'?s)?(?: exact)?(?: test)?",
    "mcnemar": r"(?:exact )?mcnemar(?:'?s)?(?: test)?",
    "mann-whitney": r"mann ?whitney.*|wilcoxon rank ?sum.*",
    "wilcoxon": r"wilcoxon(?:'?s)?(?: (?:matched pairs )?signed ?rank.*| test)?",
    "anova": r"(?:one way )?anova.*|f(?: ?test)?|one way analysis of variance",
    "kruskal-wallis": r"kruskal.*",
    "pearson": r"pearson(?:'?s)?(?: (?:r|correlation.*))?",
    "spearman": r"spearman(?:'?s)?(?: (?:r|rho|rank|correlation).*)?",
    "log-rank": r"log ?rank.*",
    "linear": r"(?:.* )?linear(?: .*)?|ancova.*|analysis of covariance",
    "logistic": r"(?:.* )?logistic(?: .*)?",
    "cox": r"(?:.* )?cox.*",
    "weighted": r".*weighted.*",
    "hedges": r"hedges.*",
    "poisson": r".*poisson.*",
    "kaplan-meier": r"kaplan.*|km",
    "exact": r"(?:clopper.*|exact)",
    "wilson": r"wilson.*",
    "wald": r"wald.*|normal.*",
    **{f"type {number}": rf"(?:r|type) ?{number}" for number in range(1, 10)},
    "hinges": r"(?:tukey'?s? )?hinges",
}
FIGURES = ("counts", "verdicts", "rounding", "implied", "correlations")  # kinds of figures of a study
_SIDED = re.compile(r"(?:one|two)[- ](?:sided|tailed)")
_LEVEL = re.compile(r"(\d\d(?:\.\d+)?) ?%(?: ci)?")


def kind(statistic: str, of: str) -> str:
    """Say what a statistic is of: `patients`, `values` of one variable, or a `pair`."""
    if statistic in OF_PATIENTS:
        return "patients"
    if statistic in OF_PAIRS or (statistic in OF_ANY and "," in of):
        return "pair"
    return "values"


def percentile(statistic: str) -> int | None:
    """Return which percentile a statistic is, if it is one."""
    match = re.fullmatch(r"percentile_(\d\d?)", statistic)
    return int(match[1]) if match else {"quartile_1": 25, "quartile_3": 75, "median": 50}.get(statistic)


def is_statistic(name: str) -> bool:
    """Say whether a word can stand in column statistic."""
    return name in STATISTICS or bool(percentile(name))


def expected(name: str) -> str:
    """Say which words can stand in column statistic: those that are in it already, or the nearest."""
    words = [SYNONYMS.get(word, word) for word in re.findall(r"[a-z]\w*|%", name)]
    several = ", ".join("quartile_1, quartile_3" if word == "iqr" else word for word in words)
    if len(words) > 1 and all(map(is_statistic, words)):
        return f"write '{several}', with commas between, in the order of the cell"
    close = difflib.get_close_matches(name, STATISTICS, n=1)
    if close:
        return f"is '{close[0]}' meant? {len(STATISTICS)} words can stand here; docs/claims.md lists them"
    listed = (
        "expected a word of docs/claims.md, as count, percent, median, odds_ratio, or several with commas"
    )
    return f"{listed}; a coefficient that is not among them is 'other', with its name in column method"


def level_of(method: str) -> float:
    """Return the level of an interval that a method names, as a share; 95 % unless it does."""
    match = _LEVEL.search(plain(method))
    return float(match[1]) / 100 if match else 0.95


def method_of(method: str) -> str:
    """Return the name of a method as `METHODS` has it, the words themselves if it is not there."""
    words = re.sub(r"[-, ]+", " ", _SIDED.sub("", _LEVEL.sub("", plain(method)))).strip()
    return next((name for name, known in METHODS.items() if words and re.fullmatch(known, words)), words)


def check_method(method: str) -> None:
    """Refuse a method that is nearly one that is known; of another, numbers are kept as printed."""
    name = method_of(method)
    near = difflib.get_close_matches(name.removesuffix(" test"), METHODS, n=1, cutoff=0.8)
    if name not in METHODS and near:
        raise InputError(
            f"is '{near[0]}' meant? expected a test or a definition of docs/claims.md, or another"
        )


def rate_scales(unit: str, time: str) -> tuple[float, ...]:
    """Return per how much time, in a unit of it, a rate is printed, as its unit says, or the usual ones."""
    found = re.search(r"per ([\d,]+)", unit)
    scales = (int(found[1].replace(",", "")),) if found else (1, 100, 1000)
    named = [re.search("|".join(OF_A_YEAR), f"{text}s") for text in (unit, time)]
    own, of_time = (OF_A_YEAR[each[0]] if each else None for each in named)
    return tuple(scale * (of_time / own if own and of_time else 1) for scale in scales)


def problems_of_figures(entries: list, claim_ids: set[str]) -> list[str]:
    """Say what is wrong with a list of figures."""
    found = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or entry.get("kind") not in FIGURES:
            found.append(f"figure {number} is {entry!r}, expected a kind: {', '.join(FIGURES)}")
            continue
        missing = [each for each in entry.get("claims") or () if each not in claim_ids]
        found += [f"figure {number}: there is no claim '{each}'" for each in missing]
        needed = {"counts": "claims", "implied": "pairs"}.get(entry["kind"])
        if needed and not entry.get(needed):
            found.append(f"figure {number}: '{needed}' is missing")
    return found
