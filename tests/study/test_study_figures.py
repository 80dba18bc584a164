"""The figures of a study that lists none."""

from crmo_analysis.study import read_study

HEADER = "claim_id,where,statistic,of,among,printed,unit"


def read(write_study, n_findings):
    groups = ["n,t,count,everyone,,40,patients", "r,t,count,remission,,9,patients"]
    few = [f"f{k},t,count,n_lesions == {k},remission,{k},patients" for k in range(1, 4)]
    rows = [f"c{k},t,count,n_crises == {k},,1,patients" for k in range(1, n_findings)]
    folder = write_study(*groups, *few, *rows, header=HEADER, base=False)
    return read_study.__wrapped__("small", folder).figures[0]


def test_all_counts_are_drawn_that_a_page_can_show(write_study):
    figure = read(write_study, 20)
    assert len(figure.claims) == 23
    assert not figure.title


def test_of_more_those_of_the_largest_groups_are_drawn_in_the_order_of_the_text(write_study):
    figure = read(write_study, 36)
    assert figure.claims[0].endswith("r")
    assert len(figure.claims) == 30
    assert not [name for name in figure.claims if ".f" in name]
    assert figure.title == "{study}: 30 of 39 printed counts, those of the largest groups"
