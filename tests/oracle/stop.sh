#!/bin/bash
# Stops the oracle, by the process id it wrote, and its port mapper. Quiet where none runs.
set -euo pipefail
. "$(dirname "$0")/environment.sh"
[ -e "$var/pid" ] || exit 0

pid=$(tr -dc 0-9 <"$var/pid")
# The number may by now belong to another process: ours has its home directory on the command line.
if [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "-home $var "; then
  kill -TERM "$pid"
  deadline=$((SECONDS + 30))
  while kill -0 "$pid" 2>/dev/null; do
    if [ $SECONDS -ge $deadline ]; then
      kill -KILL "$pid" 2>/dev/null || true
      break
    fi
    sleep 0.1
  done
  echo "oracle: stopped"
fi
epmd -kill >/dev/null 2>&1 || true
rm -f "$var/pid"
