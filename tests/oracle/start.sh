#!/bin/bash
# Starts the oracle on 127.0.0.1 (port 5673 unless AMQP_ORACLE_PORT says otherwise), and returns when it answers.
# Its data is fresh unless AMQP_ORACLE_KEEP is set.
# Plug-ins beside those of exchange types: AMQP_ORACLE_PLUGINS="rabbitmq_management ..." (its HTTP port is the AMQP port + 10000).
set -euo pipefail
. "$(dirname "$0")/environment.sh"
[ -e "$oracle/.unpacked" ] || "$here/install.sh"
. "$here/environment.sh"

"$here/stop.sh"
[ -n "${AMQP_ORACLE_KEEP:-}" ] || rm -rf "$var"
rm -rf "$var/log" # readiness is read from the log
mkdir -p "$var/log"
[ -z "${AMQP_ORACLE_COOKIE:-}" ] || (umask 377; echo -n "$AMQP_ORACLE_COOKIE" >"$var/.erlang.cookie")

if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  echo "oracle: something else listens on 127.0.0.1:$port" >&2
  exit 1
fi

cat >"$var/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
management.tcp.ip = 127.0.0.1
management.tcp.port = $((port + 10000))
log.console = false
log.file.level = info
# The machine's free memory and disk are none of a protocol test's business.
vm_memory_high_watermark.relative = 0.9
disk_free_limit.absolute = 1MB
CONF
plugins="rabbitmq_consistent_hash_exchange rabbitmq_random_exchange rabbitmq_sharding rabbitmq_recent_history_exchange rabbitmq_event_exchange ${AMQP_ORACLE_PLUGINS:-}"
[[ $plugins == *rabbitmq_management* ]] || sed -i '/^management/d' "$var/rabbitmq.conf"
echo "[$(echo $plugins | tr ' ' ',')]." >"$var/enabled_plugins"

setsid nohup "$sbin/rabbitmq-server" </dev/null >"$var/log/console.log" 2>&1 &
launcher=$!

deadline=$((SECONDS + ${AMQP_ORACLE_START_SECONDS:-120}))
until grep -q 'Server startup complete' "$RABBITMQ_LOGS" 2>/dev/null; do
  if ! kill -0 "$launcher" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
    echo "oracle: did not start; the end of its logs:" >&2
    tail -n 40 "$var"/log/*.log >&2 || true
    "$here/stop.sh" || true
    exit 1
  fi
  sleep 0.2
done
echo "oracle: $(cat "$oracle/.unpacked") answers on 127.0.0.1:$port (AMQP_TEST_ORACLE=127.0.0.1:$port)"
