#!/bin/bash
# Unpacks Debian's rabbitmq-server and the Erlang it needs into tests/.tools/oracle, without installing them: the package's own
# script would start a server on port 5672. Idempotent; needs only apt-get and dpkg-deb, root or not.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$here/../.tools/oracle
done_mark=$root/.unpacked

if [ -e "$done_mark" ]; then
  echo "oracle: already unpacked ($(cat "$done_mark"))"
  exit 0
fi
command -v apt-get >/dev/null || { echo "oracle: needs Debian's apt-get" >&2; exit 1; }

# A container often comes without package lists.
if ! apt-cache show rabbitmq-server >/dev/null 2>&1; then
  timeout 300 apt-get update -q
fi

# What the server needs: every Erlang package of its dependency closure. The shared libraries of the Erlang machine are taken
# along only where the system lacks them.
closure=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
  rabbitmq-server | grep -E '^[a-z0-9]' | sort -u)
packages="rabbitmq-server $(grep -E '^erlang-' <<<"$closure" | grep -v hipe)"
for library in $(grep -E '^(libssl3|libtinfo6|libstdc\+\+6|libsystemd0|zlib1g)(t64)?$' <<<"$closure"); do
  dpkg-query -W -f '${Status}' "$library" 2>/dev/null | grep -q 'ok installed' || packages+=" $library"
done

rm -rf "$root"
mkdir -p "$root/debs"
root=$(cd "$root" && pwd)
# The warning about an unsandboxed download is for root only and says nothing of use here.
(cd "$root/debs" && timeout 600 apt-get download -q -o APT::Sandbox::User=root $packages)
for package in "$root"/debs/*.deb; do
  dpkg-deb -x "$package" "$root"
done
rm -rf "$root/debs"

# Debian fixes Erlang's directory to /usr/lib/erlang in its start scripts.
erlang=$root/usr/lib/erlang
sed -i "s|ROOTDIR=/usr/lib/erlang|ROOTDIR='$erlang'|" "$erlang"/bin/erl "$erlang"/erts-*/bin/erl "$erlang"/bin/start 2>/dev/null || true

version=$(ls "$root/usr/lib/rabbitmq/lib" | sed -n 's/^rabbitmq_server-//p')
[ -n "$version" ] || { echo "oracle: no rabbitmq_server directory in the package" >&2; exit 1; }
echo "rabbitmq-server $version" >"$done_mark"
echo "oracle: unpacked $(cat "$done_mark")"
