#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: Node.js with npm, and the npm packages of the tests that use them.
# Where it cannot (no root, no network) it says so and goes on: the tests that need it are counted as skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Test folders with npm packages; none, and nothing has to be installed.
mapfile -t folders < <(find tests -name node_modules -prune -o -name bin -prune -o -name obj -prune -o -name package.json -printf '%h\n')
[ ${#folders[@]} -gt 0 ] || exit 0

if ! command -v npm >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Node.js and npm"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm; } >/dev/null </dev/null ||
      { echo "apt-get could not install Node.js; tests that need it are skipped" >&2; exit 0; }
  else
    echo "npm is missing and only root can install it; tests that need it are skipped" >&2
    exit 0
  fi
fi

for folder in "${folders[@]}"; do
  # npm writes this file last, so it is newer than the lock file exactly when the packages are complete.
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && continue
  echo "Installing the npm packages of $folder"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error </dev/null) ||
    echo "npm could not install the packages of $folder; tests that need them are skipped" >&2
done
