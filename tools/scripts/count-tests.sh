#!/usr/bin/env bash
# Names the failed tests in all .trx files below a folder, with the first lines of what they said, and prints "N passed, N failed, N skipped" as its last line.
# Exit code 1 when a test failed, when a run broke off, or when no test ran.
set -euo pipefail
results=$1

mapfile -t files < <(find "$results" -name '*.trx')
[ ${#files[@]} -gt 0 ] || { echo "no results in $results" >&2; echo "0 passed, 0 failed, 0 skipped"; exit 1; }

# A run can fail without a failed test (a crashed host, a teardown that threw): it counts as one failure then.
awk '
  function plain(text) {
    sub(/<\/Message>.*/, "", text); gsub(/&#xD;/, "", text); gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&amp;/, "\\&", text)
    return text
  }
  function end_of_file() { if (broken && failed == failed_before) { failed++; print "the run failed outside of its tests, see the summary at the end of " file } }
  FNR == 1 { end_of_file(); broken = ""; failed_before = failed; file = FILENAME }
  /<UnitTestResult / {
    if (/ outcome="Passed"/) passed++
    else if (/ outcome="(Failed|Error|Timeout|Aborted)"/) {
      failed++
      match($0, / testName="[^"]*"/)
      print "failed: " plain(substr($0, RSTART + 11, RLENGTH - 12))
      is_failed = 1
    }
    else skipped++
  }
  is_failed && sub(/^ *<Message>/, "") { lines_left = 8 }
  lines_left > 0 && NF { print "  " plain($0); lines_left-- }
  /<\/Message>/ { lines_left = 0 }
  /<\/UnitTestResult>/ { is_failed = 0 }
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
