"""Feed everything that reads a file or an expression with broken input, and look for a crash or a hang.

    python benchmarks/fuzz.py [--inputs 1000000] [--seed 1] [--only NAME]

Inputs are seeds that were cut, joined, doubled and sprinkled with what has hurt other programs. An input that
reaches a line of the package that none before has reached becomes a seed itself. A crash is any error but the
declared ones; a hang is more than a second of processor time. Both are kept in `results/fuzz/`, to be tried alone.
"""

import argparse
import io
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from crmo_analysis import files
from crmo_analysis.commands import sweep
from crmo_analysis.execution import read_parameters
from crmo_analysis.files import InputError
from crmo_analysis.joint import parse_question
from crmo_analysis.patients import read_cohort, read_mapping, responses
from crmo_analysis.publish import read_outline, releases
from crmo_analysis.study import expressions, read_codebook, read_study, rounding

CODEBOOK = read_codebook()
LESIONS = read_codebook(section="lesions")
RELEASE = (
    b"variable,value,n,of,cohort_x,cohort_n\nSpine,20/54 (37.0 %),54,age_onset < 6,20,54\n"
    b'"Age, years",7.5,50,age_onset >= 6 & age_onset < 9,12,54\n'
)
NOTEBOOK = files.ROOT / "notebooks" / "70_pooled_response.ipynb"
NASTY = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b'"', b"'", b",", b";", b"\t", b"(", b")", b"((((((((", b"~~~~",
    b"&", b"|", b"==", b">=", b"<", b"1e308", b"-1", b"nan", b"inf", b"0x10", b"9" * 40, b"1,5", b"1.5.5", b"%", b"P<",
    "٣".encode(), "½".encode(), "\u202e".encode(), "é".encode(), b"{", b"}", b"[", b"]", b"&a", b"*a", b"<<: *a",
    b"!!python/object/apply:os.system "
    b"[x]", b"__import__('os')", b"=cmd|' /C calc'!A0", b"../../x", b"http://x/y",
    b"yes", b"no", b"NA", b"2010-02-30", b"31/12/2010", b": ", b"- ", b"# ", b"everyone", b"count", b"\\N{DIGIT ONE}",
]  # fmt: skip


@dataclass
class Target:
    """Something that reads: what it may raise, seeds, and what it has met so far."""

    read: Callable[[bytes], object]
    declared: tuple[type[Exception], ...]
    seeds: list[bytes]
    share: float
    lines: set = field(default_factory=set)
    tried: int = 0
    slowest: float = 0.0
    outcomes: Counter = field(default_factory=Counter)


def of_text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: read(data.decode("utf-8", "replace"))


def of_file(folder: Path, name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    path = folder / name

    def run(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return run


def of_study(folder: Path, name: str) -> Callable[[bytes], object]:
    """Return a reader of a study whose one file is replaced.

    The cache of studies would hide all but the first.
    """
    study = folder / "simm_2008"
    study.mkdir(exist_ok=True)

    def run(data: bytes) -> object:
        for file in ("study.yaml", "claims.csv"):
            source = files.PUBLISHED / "simm_2008" / file
            (study / file).write_bytes(data if file == name else source.read_bytes())
        return read_study.__wrapped__("simm_2008", folder)

    return run


def of_lesions(folder: Path) -> Callable[[bytes], object]:
    """Return a reader of a table of lesions beside a sound table of patients."""
    patients = folder / "patients.csv"
    patients.write_text("patient,male\n1,yes\n2,no\n", encoding="utf-8")
    return of_file(folder, "lesions.csv", lambda path: read_cohort(patients, lesions=path))


def of_outline(folder: Path) -> Callable[[bytes], object]:
    """Return a reader of what a manuscript consists of, in a project of its own."""
    for name in ("data", "notebooks"):
        (folder / name).symlink_to(files.ROOT / name)
    return of_file(folder, "manuscript.yml", lambda path: read_outline(folder))


def of_release(folder: Path) -> Callable[[bytes], object]:
    """Return a reader of a table that is compared with an earlier one."""
    for name in ("earlier", "later"):
        (folder / name).mkdir()
    (folder / "earlier" / "t.csv").write_bytes(RELEASE)
    return of_file(
        folder / "later", "t.csv", lambda path: releases.check([folder / "earlier", folder / "later"], 5)
    )


def made(write: Callable[[pd.DataFrame, io.BytesIO], None]) -> bytes:
    """Return a file of another format than text."""
    content = io.BytesIO()
    write(pd.DataFrame({"patient": ["1", "2"], "male": ["yes", "no"], "age_onset": [7.5, 9.0]}), content)
    return content.getvalue()


def targets(folder: Path) -> dict[str, Target]:
    claims = (files.PUBLISHED / "sag_2019" / "claims.csv").read_text(encoding="utf-8").splitlines()
    words = [line.rsplit(",", 4)[1].encode() for line in claims[1:]]
    texts = [b"back_pain & vertebral_deformity", b"~remission | (jansson_score >= 39)", b"1 <= n_cycles <= 3"]
    table = b"patient,male,n_lesions,clinical_severity,crp,age_onset\n1,yes,3,4,1.2,7.5\n2,no,5,NA,0.3,9\n"
    other = "\ufeffpatient;male;age_onset\n1;ja;7,5\n2;nein;8\n".encode()
    mapping = b"columns: {ID: patient, L: n_lesions}\nvalues: {L: {9: NA}}\nunits: {crp: 0.1}\nignore: [x]\n"
    grid = b"outcome: [pain_gone, pain_decreased]\nstricter: [true, false]\nconfidence: 0.9\n"
    simm = [(files.PUBLISHED / "simm_2008" / name).read_bytes() for name in ("claims.csv", "study.yaml")]
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "a = 1  # x\nb = [True]  # y"}
    ]
    small = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    outline = (files.ROOT / "manuscript.yml").read_text(encoding="utf-8")
    response = (files.PUBLISHED / "bisphosphonate_response.csv").read_bytes()
    cohort = (InputError,)
    return {
        "expression": Target(
            of_text(lambda text: expressions.parse(text, CODEBOOK)), (InputError,), texts, 0.4
        ),
        "question": Target(
            of_text(lambda text: parse_question(text, CODEBOOK)),
            (InputError,),
            [
                b"count(femur & tibia)",
                b"difference(percent(femur), percent(tibia))",
                b"median(age_onset among male)",
            ],
            0.2,
        ),
        "printed": Target(
            of_text(rounding.parse_printed), (InputError,), [*words, b"P<0.01", b"about 1/3", b"53.4"], 0.25
        ),
        "date": Target(
            of_text(rounding.parse_date), (InputError,), [b"November, 2004", b"2004-11", b"1 May 2010"], 0.08
        ),
        "cohort": Target(of_file(folder, "cohort.csv", read_cohort), cohort, [table, other], 0.02),
        "mapping": Target(
            of_file(folder, "m.yaml", lambda p: read_mapping(p, CODEBOOK, LESIONS)), cohort, [mapping], 0.02
        ),
        "responses": Target(of_file(folder, "r.csv", responses.read_responses), cohort, [response], 0.005),
        "grid": Target(
            of_file(folder, "g.yaml", lambda p: sweep.read_grid(p, NOTEBOOK)), InputError, [grid], 0.01
        ),
        "notebook": Target(of_file(folder, "n.ipynb", read_parameters), (InputError,), [small], 0.005),
        "lesions": Target(
            of_lesions(folder), cohort, [b"patient,bone\n1,femur_left\n1,T7\n2,pelvis\n"], 0.01
        ),
        "excel": Target(
            of_file(folder, "c.xlsx", read_cohort),
            cohort,
            [made(lambda table, place: table.to_excel(place, index=False))],
            0.003,
        ),
        "parquet": Target(
            of_file(folder, "c.parquet", read_cohort),
            cohort,
            [made(lambda table, place: table.to_parquet(place))],
            0.01,
        ),
        "outline": Target(
            of_outline(folder),
            (InputError,),
            [outline.encode(), outline.partition("tables:")[0].encode()],
            0.002,
        ),
        "release": Target(of_release(folder), (InputError,), [RELEASE], 0.005),
        "claims": Target(of_study(folder, "claims.csv"), InputError, [simm[0]], 0.005),
        "study": Target(of_study(folder, "study.yaml"), InputError, [simm[1]], 0.005),
    }


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(data) + 1)
        end = min(len(data), place + rng.choice((1, 2, 5, 40)))
        match rng.randrange(7):
            case 0:
                del data[place:end]
            case 1:
                data[place:place] = rng.choice(NASTY)
            case 2:
                data[place:end] = rng.choice(NASTY)
            case 3:
                data[place:place] = data[place:end] * rng.choice((1, 2, 50))
            case 4 if place < len(data):
                data[place] = rng.randrange(256)
            case 5:
                other = rng.choice(seeds)
                cut = rng.randrange(len(other) + 1)
                data[place:] = other[cut:]
            case _:
                data[place:place] = rng.choice(NASTY) * rng.choice((1, 3, 300))
    return bytes(data[:60_000])


def traced(target: Target, data: bytes) -> bool:
    """Read with a look at the lines reached; say whether some are new."""
    package, new = str(files.PACKAGE), False

    def trace(frame, event, argument):
        nonlocal new
        if not frame.f_code.co_filename.startswith(package):
            return None
        place = (frame.f_code.co_filename, frame.f_lineno)
        if place not in target.lines:
            target.lines.add(place)
            new = True
        return trace

    sys.settrace(trace)
    try:
        target.read(data)
    except target.declared:
        pass
    finally:
        sys.settrace(None)
    return new


def try_one(name: str, target: Target, data: bytes, look: bool, kept: Path) -> None:
    target.tried += 1
    start = time.process_time()
    try:
        if look:
            if traced(target, data) and len(data) < 20_000:
                target.seeds.append(data)
            outcome = "traced"
        else:
            target.read(data)
            outcome = "read"
    except target.declared:
        outcome = "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = f"CRASH {type(error).__name__}: {str(error)[:80]}"
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{name}-{type(error).__name__}-{target.tried}").write_bytes(data)
    seconds = time.process_time() - start
    if not look:
        if seconds > 1:
            outcome = "HANG"
            kept.mkdir(parents=True, exist_ok=True)
            (kept / f"{name}-hang-{target.tried}").write_bytes(data)
        target.slowest = max(target.slowest, seconds)
    target.outcomes[outcome] += 1


def main() -> None:
    """Try the inputs; print a line a reader."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one reader")
    given = parser.parse_args()
    kept, bad, start, total = files.RESULTS / "fuzz", 0, time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for name, target in targets(Path(folder)).items():
            if given.only not in (None, name):
                continue
            rng = random.Random(f"{given.seed} {name}")
            for seed in list(target.seeds):
                try_one(name, target, seed, True, kept)
            for number in range(int(given.inputs * (1 if given.only else target.share))):
                try_one(name, target, mutated(rng, target.seeds), number % 10 == 0, kept)
            found = {outcome: count for outcome, count in target.outcomes.items() if outcome[0].isupper()}
            bad, total = bad + sum(found.values()), total + target.tried
            print(
                f"{name:<11}{target.tried:>9,} inputs, {target.outcomes['read']:>8,} read,"
                f" {target.outcomes['refused']:>8,} refused, {len(target.lines):>5} lines reached,"
                f" {len(target.seeds):>4} seeds, slowest {target.slowest:6.3f} s",
                flush=True,
            )
            for outcome, count in Counter(found).most_common(8):
                print(f"    {count} x {outcome}", flush=True)
    print(f"{total:,} inputs in {time.perf_counter() - start:.0f} s, {bad} crashes or hangs")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
