"""What a study printed: codebook, expressions, printed numbers, claims.

And a claim's statistic on a table of patients.

A table of patients comes in as it is, and nothing here infers or solves. `codebook` has the types of
variables, `expressions` the trees of `of` and `among`, `rounding` the rules and what a printed text stands
for under each, `entailment` what the rules of a study force, `describe` every statistic and how it is
written, `reproduction` what a table gives for a claim.
"""

import lazy_loader

USES = ("files",)
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["describe", "entailment", "expressions", "reproduction", "rounding"],
    submod_attrs={
        "claims": ["read_study"],
        "records": ["Claim", "Study"],
        "codebook": ["Codebook", "Variable", "read_codebook", "read_section"],
    },
)
