"""Disturb a rerun in every way that a machine knows, and look at what is left.

    python benchmarks/faults.py [--kills 50] [--seed 1]

In a copy of this checkout, in a folder with spaces and umlauts: `crmo reproduce --fresh` of some studies is
stopped by SIGINT, SIGTERM or SIGKILL at random moments; then two reruns at once, a full disk, a read-only
folder, a clock that jumps, a locale with decimal commas, and notebooks that die, hang, show 100 MB or leave
processes behind. After each: every output is as it was or as it will be, byte for byte, or absent, never
half; no process that the rerun started and no file of it in the folder for temporary files is left; the next
rerun gives the outputs of an undisturbed one.

A full disk and a read-only folder need `unshare` (Linux), the clock a C compiler, the locale de_DE.UTF-8;
what is not there is said and left out.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUDIES = ("simm_2008", "bicetre", "menashe_2022")
MARK = "CRMO_FAULT_TRIAL"
LEFT = ("figures", "results/notebooks", "results/tables", "data/cohorts")
BAD = {
    "dies": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "hangs": "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n    "
    "    pass",
    "shows 100 MB": "for _ in range(100):\n    print('x' * 999_999)",
    "leaves processes": "import subprocess\nfor apart in (False, True):\n"
    "    subprocess.Popen(['sleep', '600'], start_new_session=apart)",
}


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
static long offset(void) {
    char text[32] = {0};
    int file = open(getenv("FAULT_CLOCK"), O_RDONLY);
    if (file < 0) return 0;
    ssize_t length = read(file, text, 31);
    close(file);
    return length > 0 ? atol(text) : 0;
}
int clock_gettime(clockid_t id, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int wrong = real(id, now);
    if (id == CLOCK_REALTIME) now->tv_sec += offset();
    return wrong;
}
time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
"""  # the time of day, moved by the seconds in a file; the clock by which durations are measured goes on


class Copy:
    """A checkout to disturb, its outputs when nothing does, and how many trials went wrong."""

    def __init__(self, folder: Path):
        self.root, self.temporary, self.wrong = folder / "check out", folder / "temporary", 0
        self.temporary.mkdir()
        ignored = shutil.ignore_patterns(".venv", ".git", "results", ".pytask", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, self.root, ignore=ignored)
        code, said, _ = self.finish(self.start("first"), "first")
        if code:
            raise SystemExit(said)
        self.good = self.hashes()

    def hashes(self, root: Path | None = None) -> dict[str, str]:
        """Hash all that a rerun leaves."""
        root = root or self.root
        files = sorted(path for folder in LEFT for path in (root / folder).rglob("*") if path.is_file())
        files = [
            path for path in files if ".failed." not in path.name
        ]  # says what went wrong, and is no output
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def start(self, trial: str, *options: str, shell: str = "", **variables: str) -> subprocess.Popen:
        """Start a rerun of some studies in a process group of its own, or with a shell around it, where it is "$@"."""
        command = [sys.executable, "-m", "crmo_analysis", *(options or ["reproduce", *STUDIES])]
        if shell:
            command = ["unshare", "-rm", "sh", "-c", shell, "sh", *command]
        environment = os.environ | {MARK: trial, "TMPDIR": str(self.temporary)} | variables
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.root, env=environment, start_new_session=True, **pipes)

    def finish(self, process: subprocess.Popen, trial: str) -> tuple[int, str, list[str]]:
        """Wait for a rerun and for what it started.

        Return its exit code, its words and what is left after 5 s.
        """
        said = process.communicate(timeout=600)[0]
        for _ in range(50):
            if not self.left(trial):
                break
            time.sleep(0.1)
        return process.returncode, said, self.left(trial)

    def left(self, trial: str) -> list[str]:
        """Return processes that a trial started and that still run, and its temporary files."""
        found = [path.name for path in self.temporary.iterdir() if path.name.startswith("crmo")]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={trial}".encode() in (process / "environ").read_bytes().split(b"\0")
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if marked and state != "Z":
                found.append(process.name)
        return found

    def judge(
        self, what: str, code: int, left: list[str], root: Path | None = None, expected: int | None = None
    ) -> None:
        """Say what a trial left, and count it if something is wrong."""
        found = self.hashes(root)
        half = [name for name, value in found.items() if self.good.get(name) != value]
        stale = [path.name for path in (root or self.root).rglob(".*.[0-9]*-*")] if not left else []
        absent = len(self.good) - len(found)
        is_wrong = bool(
            half or left or (expected is not None and code != expected) or (expected == 0 and absent)
        )
        self.wrong += is_wrong
        temporary = f", {len(stale)} files half-written beside their place" if stale else ""
        print(
            f"{what}: exit {code}, {len(half)} half {half[:2] or ''}, {absent} absent, {len(left)} left"
            f"{temporary}{': WRONG' if is_wrong else ''}",
            flush=True,
        )

    def rerun(self, what: str) -> None:
        """Run undisturbed, which has to give everything."""
        code, said, left = self.finish(self.start("after"), "after")
        self.judge(f"    the rerun after {what}", code, left, expected=0)
        if code:
            print("        " + said.strip()[-400:])


def kills(copy: Copy, number: int, seed: int) -> None:
    rng, slowest, begin = random.Random(seed), 0.0, time.monotonic()
    code, _, left = copy.finish(copy.start("again", "reproduce", *STUDIES, "--fresh"), "again")
    seconds = time.monotonic() - begin
    copy.judge(f"an undisturbed rerun of everything, {seconds:.1f} s", code, left, expected=0)
    for trial in range(number):
        kind = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[trial % 3]
        process = copy.start(f"kill-{trial}", "reproduce", *STUDIES, "--fresh")
        moment = rng.uniform(0, seconds)
        time.sleep(moment)
        process.send_signal(kind)
        sent = time.monotonic()
        process.wait(timeout=600)
        took = time.monotonic() - sent
        code, _, left = copy.finish(process, f"kill-{trial}")
        slowest = max(slowest, took if kind == signal.SIGINT else 0)
        copy.judge(f"{trial + 1:>3} {kind.name} after {moment:.1f} s, ended in {took:.1f} s", code, left)
    print(f"the slowest end after SIGINT: {slowest:.1f} s")
    copy.rerun(f"{number} kills")


def two_at_once(copy: Copy) -> None:
    pair = [copy.start(f"two-{place}", "reproduce", *STUDIES, "--fresh") for place in range(2)]
    for place, process in enumerate(pair):
        code, said, left = copy.finish(process, f"two-{place}")
        copy.judge(f"two reruns at once, number {place + 1}", code, left if place else [], expected=0)
        if code:
            print("        " + said.strip()[-400:])


def mounted(copy: Copy, what: str, mount: str) -> None:
    """Rerun where folders are mounted in another way, which only this rerun sees; look at a copy of them."""
    kept = copy.root.parent / "kept"
    folders = " ".join(folder.split("/", maxsplit=1)[0] for folder in ("figures", "results"))
    shell = f'{mount}; "$@"; code=$?; rm -rf ../kept; mkdir ../kept; cp -r {folders} ../kept; exit $code'
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        print(f"{what}: not tried, this machine has no unshare")
        return
    code, said, left = copy.finish(
        copy.start("mount", "reproduce", *STUDIES, "--fresh", shell=shell), "mount"
    )
    copy.judge(what, code, left, root=kept, expected=1)
    print("    " + next((line.strip() for line in said.splitlines() if "cause" in line), said.strip()[-400:]))
    copy.rerun(what)


def clock(copy: Copy) -> None:
    with tempfile.TemporaryDirectory(prefix="clock-") as folder:  # a path without spaces
        library, setting = Path(folder, "clock.so"), Path(folder, "seconds")
        faked = {"LD_PRELOAD": str(library), "FAULT_CLOCK": str(setting)}
        setting.write_text(str(400 * 86_400))
        try:
            build = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"]
            subprocess.run(build, input=CLOCK, text=True, check=True, capture_output=True)
            ask = [sys.executable, "-c", "import time; print(time.time())"]
            now = float(subprocess.run(ask, env=os.environ | faked, check=True, capture_output=True).stdout)
        except (OSError, subprocess.CalledProcessError):
            print("a clock that jumps: not tried, this machine has no C compiler")
            return
        assert now - time.time() > 399 * 86_400, "the clock of a program could not be moved"
        _rerun_while_it_jumps(copy, setting, faked)


def _rerun_while_it_jumps(copy: Copy, setting: Path, faked: dict[str, str]) -> None:
    is_over, jumps = threading.Event(), 0

    def jump() -> None:
        nonlocal jumps
        while not is_over.wait(0.3):
            setting.write_text(str(random.choice([-400, -1, 0, 1, 400]) * 86_400))
            jumps += 1

    jumper = threading.Thread(target=jump)
    jumper.start()
    process = copy.start("clock", "reproduce", *STUDIES, "--fresh", **faked)
    code, said, left = copy.finish(process, "clock")
    is_over.set()
    jumper.join()
    copy.judge(f"a clock that jumped {jumps} times by days and years", code, left, expected=0)
    print(f"    {said.strip().splitlines()[-1]}")
    copy.rerun("it")


def commas(copy: Copy) -> None:
    known = (
        subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.lower().split()
    )
    if "de_de.utf8" not in known:
        print("a locale with decimal commas: not tried, this machine has no de_DE.UTF-8")
        return
    german = dict.fromkeys(("LC_ALL", "LANG", "LC_NUMERIC"), "de_DE.UTF-8")
    code, _, left = copy.finish(copy.start("comma", "reproduce", *STUDIES, "--fresh", **german), "comma")
    copy.judge("a locale with decimal commas", code, left, expected=0)


def bad_notebooks(copy: Copy) -> None:
    for what, source in BAD.items():
        notebook = copy.root / f"{what.replace(' ', '_')}.ipynb"
        cell = {
            "cell_type": "code",
            "id": "c",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        notebook.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        options = ("run", notebook.name, "--out", "results/bad", "--time-limit", "5")
        code, said, left = copy.finish(copy.start("bad", *options), "bad")
        copy.judge(f"a notebook that {what}", code, left, expected=0 if "processes" in what else 1)
        print("    " + next((line.strip() for line in said.splitlines() if "cause" in line), "done"))


def main() -> None:
    """Do all trials in a temporary copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crmo faults ä ") as folder:
        copy = Copy(Path(folder))
        kills(copy, given.kills, given.seed)
        two_at_once(copy)
        full = "for f in figures results; do mount -t tmpfs -o size=400k none $f; done"
        mounted(copy, "a full disk (400 kB for figures and for results)", full)
        read = "for f in figures results; do mount --bind $f $f && mount -o remount,bind,ro $f; done"
        mounted(copy, "read-only folders of figures and results", read)
        clock(copy)
        commas(copy)
        bad_notebooks(copy)
        copy.rerun("all this")
    print(f"{copy.wrong} wrong")
    raise SystemExit(bool(copy.wrong))


if __name__ == "__main__":
    main()
