"""The command line: tasks of the build system, sweeps, and what the command says.

`cli` and the modules of `…_commands` declare commands and options (`sweep` does what `cli` declares,
`drafting` and `case_tables` make `proposals` of a paper's table, of which they read `columns`,
`table_rows` and `labels`); `tasks` lists what each notebook, cohort and ledger depends on and makes;
`progress` shows a rerun.
"""

import lazy_loader

USES = (
    "comparison",
    "execution",
    "face",
    "files",
    "joint",
    "patients",
    "publish",
    "recompute",
    "store",
    "study",
)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["sweep", "tasks"], submod_attrs={"cli": ["main"]}
)
