"""Reads the JUnit report beside each JSON report: check-junit.py REPORT.json...

One test case a task, and the suite passes where the wait is ready and nowhere else.
"""

import json
import pathlib
import sys

import junitparser


def problems(path: pathlib.Path) -> list[str]:
    report = json.loads(path.read_text())
    suites = junitparser.JUnitXml.fromfile(str(path.with_suffix(".xml")))
    cases = [case for suite in suites for case in suite]
    found = []
    names = [case.name for case in cases]
    if names != ([task["task-id"] for task in report["tasks"]] or ["wait"]):
        found.append(f"test cases {names}")
    passes = all(case.is_passed for case in cases) and not (suites.failures or suites.errors or suites.skipped)
    if passes != report["ready"]:
        found.append(f"passes: {passes}, ready: {report['ready']}")
    counts = [
        (suites.failures, junitparser.Failure),
        (suites.errors, junitparser.Error),
        (suites.skipped, junitparser.Skipped),
    ]
    for told, kind in counts:
        seen = sum(isinstance(result, kind) for case in cases for result in case.result)
        if told != seen:
            found.append(f"{told} {kind.__name__} told, {seen} there")
    for case in cases:
        for result in case.result:
            if not result.message or (not isinstance(result, junitparser.Skipped) and not result.text):
                found.append(f"{case.name}: {result} has no reason")
    if suites.tests != len(cases) or not 0 <= suites.time - report["elapsed-seconds"] < 1:
        found.append(f"tests {suites.tests}, time {suites.time}")
    return found


if len(sys.argv) < 2:
    sys.exit("usage: check-junit.py REPORT.json...")
wrong = 0
for name in sys.argv[1:]:
    for problem in problems(pathlib.Path(name)):
        wrong += 1
        print(f"{name}: {problem}", file=sys.stderr)
print(f"check-junit: {len(sys.argv) - 1} reports, {wrong} problems")
sys.exit(1 if wrong else 0)
