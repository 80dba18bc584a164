"""The audit: each check on a small study, and the five studies against a list that was made by reading."""

import pytest

from crmo_analysis.files import InputError
from crmo_analysis.joint import ledger as ledgers
from crmo_analysis.recompute.verdicts import VERDICTS
from crmo_analysis.study import read_codebook, read_study, rounding


@pytest.fixture
def verdicts(write_study):
    """Return a function from rows of claims to the audited claims by id."""

    def audit(*rows, **change):
        study = read_study.__wrapped__("small", write_study(*rows, **change))
        return {audited.claim.claim_id: audited for audited in ledgers.audit_jointly(study)}

    return audit


def row(claim_id, statistic, of, printed, among="", where="results, p1", about="own", reading=""):
    unit = (
        read_codebook()[of].unit
        if statistic in ("median", "mean", "sd", "min", "max", "sum", "value", "date")
        and of in read_codebook()
        else ""
    )
    return f'{claim_id},"{where}",{about},{statistic},"{of}",{among},"{printed}",{unit},{reading},'


@pytest.mark.parametrize(
    ("printed", "verdict", "rule"),
    [
        ("15.4", "matches", "half_up"),
        ("15.3", "matches", "down"),
        ("15.5", "differs", ""),
        ("15.39", "matches", "up"),
    ],
)
def test_a_percentage_is_held_against_its_parts(verdicts, printed, verdict, rule):
    found = verdicts(
        row("wb", "count", "wb_mri", "13"),
        row("k", "count", "osteitis", "2", "wb_mri"),
        row("p", "percent", "osteitis", printed, "wb_mri"),
    )["p"]
    assert (found.verdict, found.rule) == (verdict, rule)
    assert "2/13" in found.recomputed
    assert set(found.related) == {"k", "wb"}


def test_a_percentage_without_a_count_must_be_attainable(verdicts):
    found = verdicts(row("a", "percent", "femur", "33"), row("b", "percent", "tibia", "35"))
    assert found["a"].verdict == "differs"  # of 20 patients every percentage is a multiple of 5
    assert found["a"].recomputed == "6/20 = 30 % or 7/20 = 35 %"
    assert found["b"].verdict == "matches"


def test_a_percentage_that_any_count_could_give_is_stated(verdicts):
    found = verdicts(
        row("m", "count", "everyone", "178", about="other"), row("p", "percent", "femur", "47", about="other")
    )
    assert found["p"].verdict == "stated"


def test_one_rule_is_inferred_for_each_section_and_the_odd_one_is_named(verdicts):
    rows = [
        row(f"k{i}", "count", name, k, where=f"Table I, row {i}") for i, (name, k, _) in enumerate(ROUNDED)
    ]
    rows += [
        row(f"p{i}", "percent", name, p, where=f"Table I, row {i}") for i, (name, _, p) in enumerate(ROUNDED)
    ]
    found = verdicts(row("m", "count", "everyone", "15"), *rows, base=False)
    assert [found[f"p{i}"].rule for i in range(3)] == ["down", "up", "down"]
    assert "rounded up; Table I is otherwise cut off; it is 100 - 46.6" in found["p1"].reason
    assert "otherwise" not in found["p2"].reason


ROUNDED = [("femur", "1", "6.6"), ("tibia", "8", "53.4"), ("ulna", "5", "33.3")]


def test_parts_must_add_up_to_their_whole(verdicts):
    parts = [("a", "unifocal_pain", "8"), ("b", "multifocal_pain", "6"), ("c", "limping", "6")]
    rows = [row(name, "count", f"presenting_symptom == {value}", k) for name, value, k in parts]
    found = verdicts(*rows)
    assert [found[name].verdict for name in "abc"] == ["matches"] * 3
    assert found["c"].recomputed == "20 - 8 - 6 = 6"
    rows[2] = row("c", "count", "presenting_symptom == limping", "5")
    found = verdicts(*rows)
    assert {name for name, audited in found.items() if audited.verdict == "conflicts"} == {"a", "b", "c"}
    assert set(found["c"].related) == {"a", "b", "n"}


def test_a_part_cannot_exceed_its_whole_whatever_the_rule_calls_it(verdicts):
    found = verdicts(row("d", "count", "vertebral_deformity", "9"))
    assert found["d"].verdict == found["spine.n"].verdict == "conflicts"
    assert "make at most 8 “Vertebral deformity”, but 9 is printed" in found["d"].reason
    found = verdicts(row("d", "count", "vertebral_deformity", "8"))
    assert found["d"].verdict == "stated"
    assert found["spine.n"].verdict == "matches"  # by its percentage


def test_all_is_counted_in_its_group(verdicts):
    found = verdicts(
        row("a", "count", "fever", "all except two", "spine"),
        row("b", "count", "fever & spine", "6", where="table, row 2"),
    )
    assert found["a"].verdict == found["b"].verdict == "matches"
    assert (
        verdicts(row("a", "count", "fever", "all", "spine"), row("b", "count", "fever & spine", "6"))[
            "a"
        ].verdict
        == "conflicts"
    )


def test_the_same_quantity_is_compared_wherever_it_stands_and_a_label_is_suggested(verdicts):
    found = verdicts(
        row("x", "median", "age_diagnosis", "9.0", where="abstract, s1"),
        row("y", "median", "age_diagnosis", "10.5", where="table, row 1"),
        row("z", "median", "age_onset", "9.0", where="table, row 2"),
    )
    assert found["x"].verdict == found["y"].verdict == "conflicts"
    assert "The same number stands for Age at onset (median) (table, row 2)" in found["x"].reason
    assert found["z"].verdict == "stated"


def test_edges_of_bands_are_compared_as_values(verdicts):
    found = verdicts(
        row("a", "value", "jansson_likely_lower", "≥39"),
        row("b", "value", "jansson_likely_lower", "higher than 38"),
        row("c", "value", "jansson_unlikely_upper", "28"),
        row("d", "value", "jansson_unlikely_upper", "lower than 28"),
    )
    assert [found[name].verdict for name in "abcd"] == ["matches", "matches", "conflicts", "conflicts"]


def test_minimum_median_and_maximum_are_in_order(verdicts):
    rows = [row("lo", "min", "esr", "2"), row("mid", "median", "esr", "1"), row("hi", "max", "esr", "120")]
    found = verdicts(*rows)
    assert found["lo"].verdict == found["mid"].verdict == "conflicts"
    assert found["hi"].verdict == "stated"


def test_a_subgroup_lies_within_the_range_of_its_group(verdicts):
    found = verdicts(
        row("lo", "min", "time_to_remission", "6", "remission"),
        row("one", "value", "time_to_remission", "2", "remission & fever"),
    )
    assert found["lo"].verdict == found["one"].verdict == "conflicts"


@pytest.mark.parametrize(("n", "printed", "verdict"), [("15", "51", "differs"), ("15", "43", "stated"), ("14", "51", "stated"), ("15", "43.5", "differs"), ("14", "43.5", "stated")])  # fmt: skip
def test_a_median_can_occur(verdicts, n, printed, verdict):
    found = verdicts(
        row("m", "count", "everyone", n), row("x", "median", "jansson_score", printed), base=False
    )
    assert found["x"].verdict == verdict


@pytest.mark.parametrize(("count", "verdict"), [("10", "stated"), ("7", "conflicts")])
def test_counts_over_a_threshold_agree_with_the_median(verdicts, count, verdict):
    found = verdicts(
        row("m", "count", "everyone", "15"),
        row("x", "median", "esr", "29"),
        row("k", "count", "esr > 20", count),
        base=False,
    )
    assert found["k"].verdict == verdict
    assert ("at least 8" in found["k"].reason) == (verdict == "conflicts") or verdict == "stated"


def test_means_are_checked_for_granularity(verdicts):
    rows = [row("k", "count", "remission", "3"), row("x", "mean", "n_lesions", "17.5", "remission")]
    found = verdicts(*rows)["x"]
    assert found.verdict == "differs"
    assert found.recomputed == "52/3 = 17.333 or 53/3 = 17.667"
    rows[1] = row("x", "mean", "n_lesions", "17.3", "remission")
    assert verdicts(*rows)["x"].verdict == "matches"
    # Times are recorded as they are recorded: the codebook's step accuses nobody.
    rows[1] = row("x", "mean", "time_to_remission", "17.5", "remission")
    assert verdicts(*rows)["x"].verdict == "stated"


def test_a_mean_and_its_sd_are_checked_together(verdicts):
    rows = [
        row("k", "count", "fever", "2"),
        row("x", "mean", "n_lesions", "3.0", "fever"),
        row("s", "sd", "n_lesions", "1.0", "fever"),
    ]
    found = verdicts(*rows)
    assert found["s"].verdict == "differs"
    rows[2] = row("s", "sd", "n_lesions", "1.4", "fever")
    assert verdicts(*rows)["s"].verdict == "matches"


SCORE = [row("a", "min", "jansson_score", "28"), row("b", "max", "jansson_score", "34")]
ESR = [row("a", "min", "esr", "5"), row("b", "max", "esr", "10")]


@pytest.mark.parametrize(
    ("rows", "verdict", "recomputed"),
    [
        (
            [*SCORE, row("m", "mean", "jansson_score", "30.2"), row("s", "sd", "jansson_score", "8.8")],
            "differs",
            "3.1",
        ),
        ([*SCORE, row("s", "sd", "jansson_score", "8.8")], "differs", "at most 3.1"),  # whatever the mean
        (
            [*SCORE, row("m", "mean", "jansson_score", "33.5"), row("s", "sd", "jansson_score", "2.7")],
            "differs",
            "at most 1.7",
        ),
        (
            [*SCORE, row("m", "mean", "jansson_score", "33.5"), row("s", "sd", "jansson_score", "0.2")],
            "differs",
            "at least 1.4",
        ),
        (
            [*SCORE, row("m", "mean", "jansson_score", "30.2"), row("s", "sd", "jansson_score", "2.2")],
            "stated",
            "",
        ),
        ([*ESR, row("m", "mean", "esr", "7.0"), row("s", "sd", "esr", "6.0")], "differs", "at most 2.6"),
        (
            [*ESR, row("m", "mean", "esr", "7.0", "spine"), row("s", "sd", "esr", "4.0", "spine")],
            "differs",
            "2.7",
        ),
        ([row("m", "mean", "age_onset", "9.6"), row("s", "sd", "age_onset", "3.9")], "stated", ""),
        (
            [row("m", "mean", "age_onset", "9.6"), row("s", "sd", "age_onset", "11.9")],
            "stated",
            "",
        ),  # by the codebook
        (
            [row("m", "mean", "n_lesions", "4.5"), row("s", "sd", "n_lesions", "0.31")],
            "differs",
            "at least 0.5",
        ),
    ],
)
def test_an_sd_is_held_against_the_mean_and_the_printed_range(verdicts, rows, verdict, recomputed):
    found = verdicts(*rows)["s"]
    assert found.verdict == verdict
    assert recomputed in found.recomputed
    if verdict == "differs" and len(rows) > 2:
        assert {"a", "b"} <= {*found.related}
        assert " values from " in found.reason


def test_a_percentage_and_its_sd_are_checked_together(verdicts):
    rows = [row("p", "percent", "femur", "50"), row("s", "sd", "femur", "51.3")]
    assert verdicts(*rows)["s"].verdict == "matches"
    rows[1] = row("s", "sd", "femur", "40.0")
    assert verdicts(*rows)["s"].verdict == "differs"


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        ("about 1/3", "matches"),
        ("about half", "differs"),
        ("most", "differs"),
        ("almost all", "differs"),
        ("2/5", "matches"),
        ("1/5", "differs"),
    ],
)
def test_words_for_fractions(verdicts, printed, verdict):
    assert verdicts(row("a", "fraction", "spine", printed))["a"].verdict == verdict


@pytest.mark.parametrize(
    ("rows", "conflicting"),
    [
        # a delay longer than from the earliest onset to the latest diagnosis
        (
            [
                ("a", "min", "age_onset", "2.0"),
                ("b", "max", "age_diagnosis", "4.0"),
                ("c", "max", "diagnostic_delay", "30"),
            ],
            "abc",
        ),
        (
            [
                ("a", "min", "age_onset", "2.0"),
                ("b", "max", "age_diagnosis", "4.0"),
                ("c", "max", "diagnostic_delay", "20"),
            ],
            "",
        ),
        # fewer lesions in all than patients with one
        ([("a", "sum", "n_lesions", "7"), ("b", "count", "n_lesions >= 1", "9")], "ab"),
        ([("a", "sum", "n_lesions", "9"), ("b", "count", "n_lesions >= 1", "9")], ""),
        # the most common bone is not
        (
            [
                ("a", "rank", "femur", "most common"),
                ("b", "count", "femur", "4"),
                ("c", "count", "tibia", "5"),
            ],
            "a",
        ),
        (
            [
                ("a", "rank", "femur", "most common"),
                ("b", "count", "femur", "5"),
                ("c", "count", "tibia", "4"),
            ],
            "",
        ),
        # a maximum below which a count says that somebody lies, and above which nobody can
        ([("a", "max", "esr", "19"), ("b", "count", "esr > 20", "1")], "ab"),
        ([("a", "min", "esr", "21"), ("b", "count", "esr > 20", "19")], "ab"),
        ([("a", "min", "esr", "21"), ("b", "count", "esr > 20", "20")], ""),
        # what is printed as more or less than a number is no number
        ([("a", "count", "fever", "more than 5"), ("b", "count", "fever", "7")], ""),
        ([("a", "max", "esr", ">100"), ("b", "median", "esr", "110")], ""),
        ([("a", "percent", "femur", "30"), ("b", "percent", "femur", "70")], "ab"),
        ([("a", "median", "esr", "29"), ("b", "median", "esr", "29.4")], ""),
        # many exclusive groups that are together more than all
        ([(f"k{i}", "count", f"jansson_score == {i}", "1") for i in range(13, 43)], "everything"),
    ],
)
def test_numbers_that_cannot_hold_together(verdicts, rows, conflicting):
    found = verdicts(*[row(*parts) for parts in rows])
    conflicts = {name for name, audited in found.items() if audited.verdict == "conflicts"}
    expected = {parts[0] for parts in rows} if conflicting == "everything" else set(conflicting)
    assert conflicts == expected


def test_dates_are_held_against_the_window(verdicts, study_text):
    study = study_text + "window: {start: study_start, end: study_end, contains: [follow_up]}\n"
    edges = [
        row("from", "date", "study_start", "January 2008"),
        row("to", "date", "study_end", "January 2017"),
    ]
    found = verdicts(*edges, row("x", "max", "follow_up", "9.5"), study=study)
    assert {name for name, audited in found.items() if audited.verdict == "conflicts"} == {"from", "to", "x"}
    assert verdicts(*edges, row("x", "max", "follow_up", "9.0"), study=study)["x"].verdict == "stated"


def test_readings_that_disagree_are_ambiguous_unless_none_can_stand(verdicts):
    rows = [
        row("a", "count", "fever", "9", "", reading="who:all"),
        row("a", "count", "fever", "9", "spine", reading="who:spine"),
    ]
    assert verdicts(*rows)["a"].verdict == "ambiguous"
    again = [text.replace('"9"', '"21"') for text in rows]
    assert verdicts(*again)["a"].verdict == "conflicts"


def test_a_conflict_that_a_reading_resolves_is_not_put_on_others(verdicts):
    rows = [
        row("a", "count", "fever", "9", "", reading="who:all"),
        row("a", "count", "fever", "9", "spine", reading="who:spine"),
    ]
    found = verdicts(*rows)
    assert found["a"].verdict == "ambiguous"
    assert found["spine.n"].verdict == "matches"


def test_what_only_one_reading_recomputes_is_not_recomputed(verdicts):
    rows = [
        row("a", "count", "fever", "9", "", reading="who:all"),
        row("a", "count", "fever", "9", "spine", reading="who:spine"),
    ]
    rows.append(row("b", "count", "fever", "9"))
    found = verdicts(*[text.replace('"9"', '"8"') for text in rows])
    assert found["a"].verdict == "ambiguous"
    assert found["b"].verdict == "stated"


def test_quoted_cohorts_are_checked_alone(verdicts):
    found = verdicts(row("m", "count", "everyone", "91", about="other"), row("k", "count", "spine", "3", about="other"),
                     row("p", "percent", "spine", "3.2", about="other"))  # fmt: skip
    assert found["p"].verdict == "matches"
    assert found["p"].rule == "down"
    assert found["m"].verdict == "stated"  # other sizes would give 3.2 % too
    assert found["spine.n"].verdict == "matches"


def test_p_values_say_what_they_imply_and_whose_fact_it_is(verdicts):
    found = verdicts(
        row("m", "count", "everyone", "54"),
        row("p", "p_value", "n_lesions, clinical_severity", "P<0.01"),
        base=False,
    )["p"]
    assert found.verdict == "stated"
    assert found.reason.startswith("Derived, not printed: with 54 pairs")
    assert "0.3477" in found.reason


def test_the_order_of_rows_does_not_matter(verdicts):
    rows = [
        row("a", "count", "vertebral_deformity", "9"),
        row("b", "percent", "femur", "33"),
        row("c", "count", "fever", "all", "spine"),
    ]
    assert {k: v.verdict for k, v in verdicts(*rows).items()} == {
        k: v.verdict for k, v in verdicts(*rows[::-1]).items()
    }


def test_rules_that_contradict_each_other_are_named_with_the_file(write_study, study_text):
    study = study_text.replace(
        "rules:\n", "rules:\n  - {always: spine & ~fever, because: a}\n  - {always: fever, because: b}\n"
    )
    with pytest.raises(
        InputError, match=r"small/study.yaml, rules: the rules about .*fever.* contradict each other"
    ):
        ledgers.audit_jointly(read_study.__wrapped__("small", write_study(study=study)))


# ---- the five studies, against a list made by reading their texts ------------------------------------

FIVE = ("simm_2008", "hospach_2010", "bicetre", "menashe_2022", "sag_2019")
DIFFERS = {
    "bicetre.difficult.fraction",
    "sag.table1.remission.methotrexate.percent",
    "sag.roderick.resolution.percent",
}
CONFLICTS = {
    "age at diagnosis, abstract and Table I": [
        f"sag.{place}.age_diagnosis.{statistic}"
        for place in ("abstract", "table1")
        for statistic in ("median", "min", "max")
    ],
    "follow-up longer than the window": [
        "sag.treatments.follow_up.max",
        *(f"sag.{place}.window.{end}" for place in ("abstract", "methods") for end in ("start", "end")),
    ],
    "remission at 2 months, all within 6 to 24": [
        "sag.treatments.remission.time.min",
        "sag.treatments.remission.nsaid.months",
        "sag.discussion.remission.time.min",
    ],
    "biopsies of uncertain scores": [
        "sag.results.jansson.uncertain.biopsy",
        "sag.discussion.jansson.uncertain.biopsy",
    ],
    "a score of 28": [
        "sag.methods.jansson.unlikely.upper",
        "sag.methods.jansson.uncertain.lower",
        "sag.results.jansson.unlikely.upper",
        "sag.results.jansson.unlikely.biopsy.upper",
        "sag.results.jansson.uncertain.lower",
        "sag.discussion.jansson.unlikely.upper",
        "sag.discussion.jansson.uncertain.lower",
    ],
}
AMBIGUOUS = {
    "sag.results.lower_extremity_pain.percent",
    "sag.results.sites.mean",
    "sag.treatments.anti_tnf",
    "sag.treatments.remission.methotrexate.months",
    "sag.treatments.eventual_remission",
    "sag.discussion.multifocal_wb_mri",
    "sag.discussion.hla_b27",
    "sag.discussion.remission.pamidronate",
    "sag.conclusion.nsaid.rank",
    "sag.conclusion.anti_tnf.rank",
}


@pytest.fixture(scope="module")
def five():
    return {a.claim.claim_id: a for a in ledgers.audit_all(FIVE)}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("differs", DIFFERS),
        ("conflicts", {name for group in CONFLICTS.values() for name in group}),
        ("ambiguous", AMBIGUOUS),
    ],
)
def test_the_ledger_agrees_with_the_readers_list_both_ways(five, verdict, expected):
    assert {claim_id for claim_id, audited in five.items() if audited.verdict == verdict} == expected


@pytest.mark.parametrize("group", CONFLICTS)
def test_conflicts_name_partners_of_their_own_group(five, group):
    members = set(CONFLICTS[group])
    for claim_id in members:
        assert five[claim_id].related
        assert set(five[claim_id].related) <= members - {claim_id}


def test_every_verdict_has_a_reason_and_known_partners(five):
    for claim_id, audited in five.items():
        assert audited.verdict in VERDICTS
        assert audited.reason.endswith("."), claim_id
        assert set(audited.related) <= set(five) - {claim_id}
        if audited.verdict == "matches":
            assert audited.recomputed, claim_id
        if audited.claim.statistic == "percent" and audited.verdict == "matches":
            assert audited.rule in rounding.RULES


def test_a_conflict_of_four_numbers_names_all_of_them(write_study):
    rows = [
        row("n", "count", "everyone", "4"),
        row("boys", "count", "male", "3"),
        row("many", "count", "multifocal", "3"),
        row("both", "count", "male & multifocal", "1"),
        row("beside", "count", "spine", "2"),
    ]
    study = read_study.__wrapped__("small", write_study(*rows, base=False))
    jointly = {a.claim.claim_id: a for a in ledgers.audit_jointly(study)}
    assert jointly["beside"].verdict == "stated"
    for claim_id in ("n", "boys", "many", "both"):
        assert jointly[claim_id].verdict == "conflicts"
        assert set(jointly[claim_id].related) == {"n", "boys", "many", "both"} - {claim_id}
    assert "need at least 2" in jointly["both"].reason or "leave at most 2" in jointly["both"].reason


@pytest.mark.parametrize(("printed", "verdict"), [("10.5", "matches"), ("10.6", "conflicts")])
def test_a_mean_that_only_an_unusual_rule_gives_from_more_digits_says_so(verdicts, printed, verdict):
    found = verdicts(
        row("fine", "mean", "hemoglobin", "10.53"), row("coarse", "mean", "hemoglobin", printed)
    )["coarse"]
    assert (found.verdict, "rounding" in found.reason) == (verdict, verdict == "conflicts")


@pytest.mark.parametrize(
    ("printed", "verdict"), [("2 (50)", "stated"), ("2 (33)", "matches"), ("2 (99)", "differs")]
)
def test_a_share_of_a_finding_not_known_in_all_can_be_of_fewer(verdicts, printed, verdict):
    found = verdicts(
        row("h", '"count, n, percent"', "hla_b27", "3/9 (33.3)"),
        row("m", "count", "male", "6"),
        row("hm", '"count, percent"', "hla_b27", printed, "male"),
    )
    assert found["hm.percent"].verdict == verdict
