#!/usr/bin/env bash
# Installs what the tests need and this machine lacks: strace, openssl, etcd, Prometheus, RabbitMQ's rabbitmqadmin, Celery, and Node.js with npm and the npm packages of the tests that use them.
# Where it cannot (no root, no network) it says so and goes on: the tests that need it are counted as skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."

# need COMMAND PACKAGE...: unless the command is there already
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null && return
  get "$command" "$@"
}

# get WHAT PACKAGE...: what the packages are needed for
get() {
  local command=$1
  shift
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$command is missing and only root can install it; tests that need it are skipped" >&2
    return 1
  fi
  echo "Installing $*"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >/dev/null </dev/null ||
    { echo "apt-get could not install $*; tests that need $command are skipped" >&2; return 1; }
}

need strace strace || true
need openssl openssl || true
/usr/bin/python3 -c 'import celery' 2>/dev/null || get Celery python3-celery || true

tools/scripts/unpack-debian.sh etcd-server etcd etcd || true
tools/scripts/unpack-debian.sh prometheus promtool prometheus || true
tools/scripts/unpack-debian.sh rabbitmq-server rabbitmqadmin rabbitmqadmin || true

# Test folders with npm packages; none, and nothing has to be installed.
mapfile -t folders < <(find tests -name node_modules -prune -o -name .tools -prune -o -name bin -prune -o -name obj -prune -o -name package.json -printf '%h\n')
[ ${#folders[@]} -gt 0 ] || exit 0

need npm nodejs npm || exit 0

for folder in "${folders[@]}"; do
  # npm writes this file last, so it is newer than the lock file exactly when the packages are complete.
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && continue
  echo "Installing the npm packages of $folder"
  (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error </dev/null) ||
    echo "npm could not install the packages of $folder; tests that need them are skipped" >&2
done
