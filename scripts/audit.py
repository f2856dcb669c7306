"""Look for licences, sources and known vulnerabilities that must not be shipped.

    python scripts/audit.py             # what cannot be reached is named, and is no failure
    python scripts/audit.py --strict    # what cannot be reached is a failure: what the workflow runs

Two of the four parts need a database on the network. ``pip-audit`` reports "no known vulnerabilities" with
exit status 0 even if its service answered for not one package, so its answers are counted here.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements/dev.lock", "requirements/docs.lock")  # what we run; not what we compare ourselves with
_PIP_AUDIT = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
_NO_DATABASE = ("failed to fetch advisory database", "unable to load advisory database")


class Verdict(Enum):
    """What one part of the audit came to."""

    PASSED = "passed"
    FAILED = "FAILED"
    NOT_CHECKED = "NOT CHECKED"


@dataclass(frozen=True)
class Outcome:
    """A verdict and the reason for it."""

    verdict: Verdict
    text: str


def main() -> int:
    """Run every part and print one line for each; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--strict", action="store_true", help="fail if a part could not be checked")
    strict = parser.parse_args().strict
    parts: dict[str, Callable[[], Outcome]] = {
        "crates: licences, bans, sources": deny_offline,
        "crates: advisories": deny_advisories,
        "crates: third-party notices": notices,
        "Python: known vulnerabilities": python_vulnerabilities,
    }
    outcomes = {name: check() for name, check in parts.items()}
    for name, outcome in outcomes.items():
        print(f"{name:<34}{outcome.verdict.value:<13}{outcome.text}")
    verdicts = {outcome.verdict for outcome in outcomes.values()}
    return int(Verdict.FAILED in verdicts or (strict and Verdict.NOT_CHECKED in verdicts))


def deny_offline() -> Outcome:
    """Check licences, banned crates and registries against ``deny.toml``."""
    return _deny("--offline", "check", "licenses", "bans", "sources")


def deny_advisories() -> Outcome:
    """Check Cargo.lock against the RustSec advisories."""
    return _deny("check", "advisories")


def _deny(*arguments: str) -> Outcome:
    if shutil.which("cargo-deny") is None:
        return Outcome(Verdict.NOT_CHECKED, "cargo-deny is missing: cargo install cargo-deny --locked")
    finished = _run("cargo-deny", *arguments)
    if any(sign in finished.stderr for sign in _NO_DATABASE):
        return Outcome(Verdict.NOT_CHECKED, "the RustSec advisory database cannot be reached from here")
    if finished.returncode:
        print(finished.stderr)
    return _from_status(finished, "against deny.toml")


def notices() -> Outcome:
    """Check that the third-party notices fit Cargo.lock."""
    if shutil.which("cargo") is None:
        return Outcome(Verdict.NOT_CHECKED, "cargo is missing")
    finished = _run(sys.executable, str(ROOT / "scripts" / "third_party_licences.py"), "--check")
    return _from_status(finished, finished.stdout.strip() or "fit Cargo.lock")


def python_vulnerabilities() -> Outcome:
    """Check the lock files against PyPI's vulnerability service."""
    found, answered, asked = [], 0, 0
    for lock in LOCKS:
        finished = _run(sys.executable, "-m", "pip_audit", "--requirement", lock, *_PIP_AUDIT)
        if not finished.stdout:
            reason = (finished.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
            return Outcome(Verdict.NOT_CHECKED, reason[:160])
        dependencies = json.loads(finished.stdout)["dependencies"]
        asked += len(dependencies)
        answered += sum("vulns" in entry for entry in dependencies)
        for entry in dependencies:
            found += [f"{entry['name']}: {vuln['id']}" for vuln in entry.get("vulns", [])]
    return _weigh(found, answered, asked)


def _weigh(found: list[str], answered: int, asked: int) -> Outcome:
    if found:
        return Outcome(Verdict.FAILED, "; ".join(found))
    if answered < asked:
        return Outcome(Verdict.NOT_CHECKED, f"PyPI's service answered for {answered} of {asked} packages")
    return Outcome(Verdict.PASSED, f"{answered} packages, none with a known vulnerability")


def _from_status(finished: subprocess.CompletedProcess[str], text: str) -> Outcome:
    return Outcome(Verdict.FAILED if finished.returncode else Verdict.PASSED, text)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
