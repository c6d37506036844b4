#!/usr/bin/env bash
# unpack-debian.sh PACKAGE PROGRAM DIRECTORY: unpacks a Debian package into tests/.tools/DIRECTORY, if this machine does not have its program. The package itself
# would start a server; only the program is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."
package=$1 program=$2 directory=tests/.tools/$3

command -v "$program" >/dev/null && exit 0
[ -x "$directory/usr/bin/$program" ] && exit 0

echo "Unpacking $package"
mkdir -p "$directory"
(cd "$directory" && { apt-cache show "$package" >/dev/null 2>&1 || apt-get update >/dev/null; } &&
  apt-get download -q -o APT::Sandbox::User=root "$package" >/dev/null && dpkg-deb -x "$package"_*.deb . && rm "$package"_*.deb) </dev/null ||
  { echo "apt-get could not download $package: what needs its program $program cannot run here, and tests of it are skipped" >&2; exit 1; }
