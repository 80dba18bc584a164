"""What a study printed: codebook, expressions, printed numbers, claims; and a claim's statistic on a table of patients.

A table of patients comes in as it is, and nothing here infers or solves. `expressions` are the trees of `of` and `among`,
`rounding` says what a printed text stands for, `entailment` what the rules of a study force, `describe` defines each
statistic and how it is written, `reproduction` gives what a table says to a claim.
"""

import lazy_loader

USES = ("files",)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["describe", "entailment", "expressions", "reproduction", "rounding"],
    submod_attrs={
        "claims": ["Claim", "Study", "read_study"],
        "codebook": ["Codebook", "Variable", "read_codebook", "read_section"],
    },
)
