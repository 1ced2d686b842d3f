#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""table.py PAGE REPORT.json ...: writes the measured tables of docs/vendors.md from reports of `keyward doctor --json`."""
import json
import pathlib
import re
import sys

NAMES = {"softhsm": "SoftHSM", "nss": "NSS softokn", "opencryptoki": "openCryptoki", "tpm": "TPM (swtpm)"}
BEGIN = "<!-- written by tests/vendors/run: begin -->"
END = "<!-- written by tests/vendors/run: end -->"


def reports(files):
    found = {pathlib.Path(name).stem: json.loads(pathlib.Path(name).read_text()) for name in files}
    return {key: found[key] for key in NAMES if key in found}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def by_id(report, group, name):
    return next((each for each in report[group] if each["id"] == name), None)


def attack_cell(report, name):
    attack = by_id(report, "attacks", name)
    words = {"refused": "refused", "succeeds": "**succeeds**", "untried": "–"}
    ours = words[attack["ours"]["fate"]]
    if attack["defence"] == "keyward" and attack["ours"]["fate"] == "succeeds":
        ours = "never asked"
    return words[attack["careless"]["fate"]] + " / " + ours


def feature_cell(report, name):
    feature = by_id(report, "features", name)
    return {"yes": "yes", "no": "no", "untried": "–"}[feature["works"]]


def parallel_cell(report, call):
    for each in report["parallel"]["measured"]:
        if each["call"] == call:
            one = each["throughput"][0]["per_second"] or 1
            ratios = ", ".join(f"× {each['throughput'][i]['per_second'] / one:.2f}" for i in (1, 2))
            return f"{ratios}: {each['best']}"
    return "–"


def escape(text):
    return text.replace("|", "\\|")


def content(found):
    first = next(iter(found.values()))
    head = [NAMES[key] for key in found]
    all_of = list(found.values())
    lines = [""]
    lines += table(["", *head], [
        ["library", *(f"{r['library']['manufacturer']} {r['library']['version']}" for r in all_of)],
        ["verdict", *(f"**{r['verdict']}**" for r in all_of)],
        *([f"`{name}`", *("yes" if r["algorithms"][name]["offered"] else "no" for r in all_of)]
          for name in first["algorithms"]),
        *([f"blob suite {name}", *("yes" if r["suites"][name]["offered"] else "no" for r in all_of)]
          for name in first["suites"])])
    lines += ["What the token itself can do, by known answers (– : could not be tried):", ""]
    lines += table(["", *head],
                   [[each["title"], *(feature_cell(r, each["id"]) for r in all_of)] for each in first["features"]])
    lines += ["Attacks: on a key as a careless program makes it / on keyward's own, or the nearest to it that the token takes:",
              ""]
    lines += table(["", *head], [[f"{each['id']} {each['title']}", *(attack_cell(r, each["id"]) for r in all_of)]
                                 for each in first["attacks"]])
    lines += ["Throughput with 2 and 4 threads against one, and the number taken (two shared cores):", ""]
    calls = [each["call"] for r in all_of for each in r["parallel"]["measured"]]
    lines += table(["", *head], [[call, *(parallel_cell(r, call) for r in all_of)] for call in dict.fromkeys(calls)])
    for key, report in found.items():
        lines += [f"Why {NAMES[key]} is {report['verdict']}:", ""]
        lines += [f"- {escape(reason)}" for reason in report["reasons"]] + [""]
    lines += ["How they behave:", ""]
    lines += table(["", *head], [[each["title"], *(escape(by_id(r, "quirks", each["id"])["finding"]) for r in all_of)]
                                 for each in first["quirks"]])
    return "\n".join(lines)


def main():
    page = pathlib.Path(sys.argv[1])
    found = reports(sys.argv[2:])
    if not found:
        sys.exit("table.py: no report")
    text = page.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    if not pattern.search(text):
        sys.exit(f"table.py: {page} has no place for the tables")
    page.write_text(pattern.sub(lambda _: BEGIN + "\n" + content(found) + "\n" + END, text))


main()
