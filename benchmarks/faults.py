"""Kill a rerun at random moments, and look at what is left.

    python benchmarks/faults.py [--kills 50] [--seed 1] [--seconds 25]

In a copy of this checkout, `crmo reproduce --fresh` of some studies is stopped by SIGINT, SIGTERM or SIGKILL at random
moments. After each: every output is as it was or as it will be, byte for byte, or absent, never half; no process that
the rerun started is left. At the end one more rerun completes and gives the outputs of an undisturbed one. Then two
reruns at the same time, a read-only folder of figures, a full disk (a limit on the size of files), and a path with
spaces and umlauts.
"""

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUDIES = ("simm_2008", "bicetre", "menashe_2022")
MARK = "CRMO_FAULT_TRIAL"


def hashes(copy: Path) -> dict[str, str]:
    """Hash all that a rerun leaves."""
    folders = [copy / "figures", copy / "results" / "notebooks", copy / "results" / "tables", copy / "data" / "cohorts"]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if ".failed." not in path.name]  # says what went wrong, and is no output
    return {str(path.relative_to(copy)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def alive(trial: str) -> list[int]:
    """Return processes that a trial started and that still run."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                marked = f"{MARK}={trial}".encode() in (process / "environ").read_bytes().split(b"\0")
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marked and state != "Z":
                found.append(int(process.name))
    return found


def start(copy: Path, trial: str, *options: str, limit: int | None = None) -> subprocess.Popen:
    """Start a rerun of some studies in a process group of its own."""
    command = [sys.executable, "-m", "crmo_analysis.cli", "reproduce", *STUDIES, *options]
    full = None if limit is None else (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(
        command, cwd=copy, env=os.environ | {MARK: trial}, start_new_session=True, preexec_fn=full, **pipes
    )


def finish(process: subprocess.Popen, trial: str) -> tuple[int, str, list[int]]:
    """Wait for a rerun and for what it started; return its exit code, its words and who is left after 5 s."""
    said = process.communicate(timeout=600)[0]
    for _ in range(50):
        if not alive(trial):
            break
        time.sleep(0.1)
    return process.returncode, said, alive(trial)


def killed(copy: Path, kills: int, seed: int, seconds: float, good: dict[str, str]) -> int:
    """Kill reruns at random moments; return how many left something wrong."""
    rng, wrong, slowest = random.Random(seed), 0, 0.0
    for number in range(kills):
        trial, kind = f"kill-{number}", (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[number % 3]
        process = start(copy, trial, "--fresh")
        moment = rng.uniform(0, seconds)
        time.sleep(moment)
        process.send_signal(kind)
        sent = time.monotonic()
        code, _, left = finish(process, trial)
        took = time.monotonic() - sent
        slowest = max(slowest, took if kind == signal.SIGINT else 0)
        found = hashes(copy)
        half = [name for name, value in found.items() if good.get(name) != value]
        lost = [name for name in good if name not in found]
        if half or left:
            wrong += 1
        print(
            f"{number + 1:>3} {kind.name:<8} after {moment:5.1f} s: exit {code}, ended in {took:.1f} s,"
            f" {len(half)} half {half[:2]}, {len(lost)} absent, {len(left)} processes left",
            flush=True,
        )
    print(f"{kills} kills, {wrong} with something wrong; slowest end after SIGINT {slowest:.1f} s")
    return wrong


def main() -> None:
    """Do all trials in a temporary copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=25, help="the latest moment")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crmo faults ä ") as folder:
        copy = Path(folder) / "check out"
        ignored = shutil.ignore_patterns(".venv", ".git", "results", ".pytask", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=ignored)
        code, said, _ = finish(start(copy, "first"), "first")
        if code:
            raise SystemExit(said)
        good = hashes(copy)
        wrong = killed(copy, given.kills, given.seed, given.seconds, good)
        code, said, left = finish(start(copy, "after"), "after")
        same = hashes(copy) == good
        print(f"the next rerun: exit {code}, outputs {'as before' if same else 'differ'}, {len(left)} processes left")
        pair = [start(copy, f"two-{place}", "--fresh") for place in range(2)]
        ends = [finish(process, f"two-{place}") for place, process in enumerate(pair)]
        same = hashes(copy) == good
        print(f"two at once: exits {[end[0] for end in ends]}, outputs {'as before' if same else 'differ'}")
        for code, said, _ in ends:
            if code:
                print("    " + said.strip().replace("\n", "\n    ")[-400:])
        code, said, left = finish(start(copy, "full", "--fresh", limit=20_000), "full")
        half = [name for name, value in hashes(copy).items() if good.get(name) != value]
        print(f"files of at most 20 kB (a full disk): exit {code}, {len(half)} half {half[:3]}, {len(left)} left")
        print("    " + said.strip().replace("\n", "\n    ")[-600:])
        code, said, left = finish(start(copy, "last"), "last")
        print(f"the last rerun: exit {code}, outputs {'as before' if hashes(copy) == good else 'differ'}")
        stale = [str(path.relative_to(copy)) for path in copy.rglob(".*.[0-9]*-*")]
        print(f"temporary files left: {stale[:3] or 'none'}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
