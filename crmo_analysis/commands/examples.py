"""One or two lines to try for every command: what `--help` ends with. A test runs them as they stand."""

_EXAMPLES = """\
crmo audit
crmo audit data/example/paper
crmo audit sag_2019 --why sag.abstract.n
crmo bounds hospach_2010 "count(back_pain & vertebral_deformity)"
crmo claims draft data/example/paper/table1.csv --study data/example/paper --out results/claims_draft.csv
crmo compare data/example/registry.csv --map data/example/map.yaml --out results/mine
crmo conflicts sag_2019
crmo diff results/ledger.csv results/ledger.csv
crmo disclosure results/report
crmo manuscript --journal pediatrics --out results/for_pediatrics
crmo manuscript --text --journal pediatrics --out results/for_pediatrics
crmo new study results/beck_2010
crmo plan
crmo plan --correlation 0.3 --patients 60 --width 0.5
crmo reconstruct sag_2019 --count 3 --out results/ensemble/sag.csv
crmo redcap --dictionary results/dictionary.csv
crmo release results/report --out results/to_show
crmo remove study hospach_2010
crmo report data/example/registry.csv --map data/example/map.yaml --out results/report
crmo reproduce
crmo reproduce sag_2019 --fresh
crmo run notebooks/40_menashe_2022.ipynb -p seed 3
crmo site
crmo sweep notebooks/60_lesions_and_severity.ipynb data/example/grid.yaml
crmo validate data/example/registry.csv --map data/example/map.yaml --lesions data/example/lesions.csv
"""


def examples(path):
    """List the lines of the command that `path` ("crmo new study") names."""
    return [line for line in _EXAMPLES.splitlines() if f"{line} ".startswith(f"{path} ")]
