#!/usr/bin/env bash
# Runs NUnit test projects that are already built in Release: test.sh [--filter EXPRESSION] [PROJECT FOLDER...]
# Without folders: every tests/*.Tests. Projects run one after another, because some start brokers of their own.
# The last line is "N passed, N failed, N skipped"; the exit code is non-zero when something failed or nothing ran.
set -euo pipefail
cd "$(dirname "$0")/../.."

filter=()
if [ "${1:-}" = --filter ]; then
  filter=(--filter "$2")
  shift 2
fi
[ $# -gt 0 ] || set -- tests/*.Tests

assemblies=()
for folder in "$@"; do
  name=$(basename "$folder")
  [ -f "$folder/$name.csproj" ] || continue
  assemblies+=("$folder/bin/Release/net10.0/$name.dll")
done

results=tests/results
rm -rf "$results"
mkdir -p "$results"

# A test that hangs (TEST_HANG: for how long) is ended and named instead of blocking everything behind it.
code=0
hang=${TEST_HANG:-5m}
dotnet test "${assemblies[@]}" "${filter[@]}" --nologo --results-directory "$results" --logger "trx;LogFileName=tests.trx" \
  --blame-hang --blame-hang-timeout "$hang" --blame-hang-dump-type none </dev/null || code=$?

tools/scripts/count-tests.sh "$results" || code=1
exit "$code"
