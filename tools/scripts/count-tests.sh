#!/usr/bin/env bash
# Adds up the results of all .trx files below a folder and prints "N passed, N failed, N skipped" as its last line.
# Exit code 1 when a test failed, when a run broke off, or when no test ran.
set -euo pipefail
results=$1

mapfile -t files < <(find "$results" -name '*.trx')
[ ${#files[@]} -gt 0 ] || { echo "no results in $results" >&2; echo "0 passed, 0 failed, 0 skipped"; exit 1; }

# A run can fail without a failed test (a crashed host, a teardown that threw): it counts as one failure then.
awk '
  function end_of_file() { if (broken && failed == failed_before) { failed++; print "the run failed outside of its tests, see the summary at the end of " file } }
  FNR == 1 { end_of_file(); broken = ""; failed_before = failed; file = FILENAME }
  /<UnitTestResult / {
    if (/ outcome="Passed"/) passed++
    else if (/ outcome="(Failed|Error|Timeout|Aborted)"/) failed++
    else skipped++
  }
  /<ResultSummary / && match($0, /outcome="[A-Za-z]+"/) {
    broken = substr($0, RSTART + 9, RLENGTH - 10)
    if (broken == "Completed" || broken == "Passed") broken = ""
  }
  END {
    end_of_file()
    if (passed + failed == 0) print "no test ran"
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit (failed > 0 || passed == 0)
  }
' "${files[@]}"
