"""The form: what it answers, what it offers, and that an answer can be stopped."""

import asyncio

import pytest

from crmo_analysis.face import explore
from crmo_analysis.files import study_names


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("count(back_pain & vertebral_deformity)", "at least 7 patients (proved) and at most 14 patients (proved)"),
        ("percent(spine)", "exactly 26.5 % (proved)"),  # 27 of 102
        ("median(age_onset)", "years (proved)"),
        ("difference(percent(spine), percent(male))", "percentage points (proved)"),
        ("count(fever)", "fever is not reported by this study"),
        ("count(spyne)", "is not in the codebook; is &#x27;spine&#x27; meant?"),
        ("", "is no question"),
    ],
)  # fmt: skip
def test_an_answer_says_units_and_what_is_proved_or_not_reported(question, expected):
    *_, (said, is_last) = explore.answers("hospach_2010", question)
    assert expected in said
    assert is_last


def test_an_answer_is_a_line_of_code():
    *_, (said, _) = explore.answers("hospach_2010", "count(spine)")
    assert "crmo.read_study(&quot;hospach_2010&quot;).bounds(&quot;count(spine)&quot;)" in said


def test_what_a_study_reports_is_offered_while_it_is_typed():
    assert explore.offered("hospach_2010", "m") == ("median(", "mean(", "min(", "max(")
    assert "count(vertebral_deformity" in explore.offered("hospach_2010", "count(ver")
    assert "count(spine & ~back_pain" in explore.offered("hospach_2010", "count(spine & ~back")
    assert not explore.offered("hospach_2010", "count(fev")  # which it does not report
    assert explore.offered("bicetre", "count(fev")


async def until(form, said):
    for _ in range(1200):
        if said in form.result.value:
            return
        await asyncio.sleep(0.05)
    pytest.fail(form.result.value)


def test_the_form_answers_on_enter_clears_what_is_stale_and_can_be_stopped():
    async def use():
        form = explore._Form("hospach_2010", "count(spine)")
        form.question._handle_custom_msg({"event": "submit"}, [])
        assert not form.stopping.disabled
        await until(form, "exactly 27 patients (proved)")
        first = form.worker.process.pid
        form.question.value = "count(back_pain)"
        assert form.result.value == ""
        form.ask()
        await until(form, "at least 19 patients (proved)")
        assert form.worker.process.pid == first  # which keeps its fit
        form.ask()
        form.stopping.click()
        assert form.result.value == "<p>Stopped.</p>"
        assert form.stopping.disabled
        form.ask()
        await until(form, "at least 19 patients (proved)")
        form.worker.process.kill()
        form.ask()
        await until(form, "at least 19 patients (proved)")
        form.study.value = next(name for name in study_names() if name != "hospach_2010")
        assert form.result.value == ""
        form.worker.stop()

    asyncio.run(use())
