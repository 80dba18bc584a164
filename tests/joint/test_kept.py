"""What the store gives back is what was found, for every study that ships."""

import dataclasses

import pandas as pd
import pytest

from crmo_analysis.files import UnfinishedError, study_names
from crmo_analysis.joint import auditing, find_bounds, find_conflicts, fit, kept, ledger, reconstruct
from crmo_analysis.store import SWITCH
from crmo_analysis.study import read_study


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """Keep results in a folder of the test's own."""
    monkeypatch.setenv(SWITCH, str(tmp_path))
    return tmp_path


def twice(find, store):
    """Return what was found and what the store gave back; the second time nothing is made."""
    first = find()
    before = {path: path.stat().st_size for path in store.glob("*/*")}
    assert before
    second = find()
    assert {path: path.stat().st_size for path in store.glob("*/*")} == before
    return first, second


LARGE = [pytest.param(name, marks=pytest.mark.slow) for name in study_names() if name == "sag_2019"]


@pytest.mark.parametrize("name", [*(name for name in study_names() if name != "sag_2019"), *LARGE])
def test_fits_conflicts_and_verdicts_come_back_as_they_were(name, store, monkeypatch):
    study = read_study(name)
    asked = (fit, find_conflicts, ledger.audit_jointly)
    found = [twice(lambda find=find: find(study), store) for find in asked]
    monkeypatch.setenv(SWITCH, "off")
    for find, (first, second) in zip(asked, found, strict=True):
        fresh = find(study)
        if find is fit:
            first, second, fresh = (dataclasses.replace(each, view=None) for each in (first, second, fresh))
        assert first == second == fresh


def test_bounds_and_their_tables_come_back_as_they_were(store):
    fitted = fit(read_study("simm_2008"))
    first, second = twice(
        lambda: find_bounds(fitted, "count(radiological_improvement & clinical_response)"), store
    )
    assert (first.lower.value, first.upper.value) == (second.lower.value, second.upper.value)
    assert second.fitted is fitted
    pd.testing.assert_frame_equal(first.lower.table, second.lower.table)


def test_tables_come_back_as_they_were(store):
    fitted = fit(read_study("hospach_2010"))
    (first,), (second,) = twice(lambda: reconstruct(fitted), store)
    pd.testing.assert_frame_equal(first, second)


def test_an_unfinished_search_is_remembered_too(store):
    study = read_study("simm_2008")
    made = []

    def make():
        made.append(1)
        raise UnfinishedError("not proved")

    for _ in range(2):
        with pytest.raises(UnfinishedError, match="not proved"):
            kept.recall("test", study, [], kept.__name__, make)
    assert len(made) == 1


def test_another_codebook_is_another_question(store):
    """Two studies are equal whatever their codebooks say."""
    study = read_study("simm_2008")
    narrow = study.codebook["pamidronate_duration"]
    wide = dict(study.codebook) | {
        "pamidronate_duration": dataclasses.replace(narrow, maximum=narrow.maximum + 1)
    }
    again = dataclasses.replace(
        study,
        codebook=wide,
        claims=tuple(dataclasses.replace(claim, codebook=wide) for claim in study.claims),
    )
    assert study == again
    for find in (fit, ledger.audit_jointly, find_conflicts):
        find(study)
        before = {*store.glob("*/*")}
        find(again)
        assert {*store.glob("*/*")} > before


def test_a_study_with_its_own_codebook_named_is_fitted_once(store):
    study = read_study("simm_2008")
    fit(study)
    before = sorted(store.glob("fit/*.json"))
    fit(study, study.codebook)
    assert sorted(store.glob("fit/*.json")) == before


def test_conflicts_are_the_same_whether_the_study_was_just_audited_or_not(monkeypatch):
    monkeypatch.setenv(SWITCH, "off")
    study, other = read_study("bicetre"), read_study("simm_2008")
    ledger.audit_jointly(other)
    alone = find_conflicts(study)
    ledger.audit_jointly(study)
    courts = []
    monkeypatch.setattr(auditing.Court, "verdicts", lambda court: courts.append(court))
    assert (find_conflicts(study), courts) == (alone, [])


def test_what_is_made_of_an_object_is_made_once_and_of_another_like_it_again():
    made = []

    def count(of):
        made.append(of)
        return len(made)

    one, other = {"age": 1}, {"age": 1}
    assert [kept.once(count, each) for each in (one, one, other, one)] == [1, 1, 2, 1]
    for place in range(kept.MOST_HELD):
        kept.once(count, [place])
    assert kept.once(count, one) == len(made) > kept.MOST_HELD


def test_what_somebody_changes_in_place_is_another_thing():
    book = {"age": {"limits": [0, 6]}}
    study = dataclasses.replace(read_study("simm_2008"), codebook=book)
    assert kept.once(repr, study) == repr(study)
    for change in (lambda: book.update(sex=1), lambda: book["age"]["limits"].append(9)):
        before = kept.once(str, book), kept.once(dataclasses.asdict, study)["codebook"]
        change()
        assert kept.once(str, book) == str(book) != before[0]
        assert kept.once(dataclasses.asdict, study)["codebook"] == book != before[1]
