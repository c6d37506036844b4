#!/usr/bin/env bash
# Unpacks Debian's etcd-server into tests/.tools/etcd, if this machine has no etcd. The package itself would start a server on port 2379; only the program is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v etcd >/dev/null && exit 0
[ -x tests/.tools/etcd/usr/bin/etcd ] && exit 0

echo "Unpacking etcd-server"
mkdir -p tests/.tools/etcd
(cd tests/.tools/etcd && { apt-cache show etcd-server >/dev/null 2>&1 || apt-get update >/dev/null; } &&
  apt-get download -q -o APT::Sandbox::User=root etcd-server >/dev/null && dpkg-deb -x etcd-server_*.deb . && rm etcd-server_*.deb) </dev/null ||
  { echo "apt-get could not download etcd-server: a cluster cannot run here, and tests that need etcd are skipped" >&2; exit 1; }
