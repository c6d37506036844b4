#!/usr/bin/env bash
# Compares three nodes of the built broker with three of Debian's rabbitmq-server, which run for as long as that takes. Arguments go to
# `amqpbench compare-clusters`.
set -euo pipefail
cd "$(dirname "$0")/../.."

first=${AMQP_ORACLE_PORT:-5774}
export AMQP_ORACLE_EPMD_PORT=$((first + 20001)) AMQP_ORACLE_COOKIE=bench
oracle() {
  local number=$1
  shift
  AMQP_ORACLE_NAME=bench$number AMQP_ORACLE_PORT=$((first + 20 * (number - 1))) "$@"
}
stop() {
  for number in 3 2 1; do oracle "$number" tests/oracle/stop.sh >&2; done
}
trap stop EXIT

for number in 1 2 3; do oracle "$number" tests/oracle/start.sh >&2; done
for number in 2 3; do
  oracle "$number" tests/oracle/ctl.sh -q stop_app >&2
  oracle "$number" tests/oracle/ctl.sh -q join_cluster bench1@localhost >&2
  oracle "$number" tests/oracle/ctl.sh -q start_app >&2
done

etcd=$(command -v etcd || echo "$PWD/tests/.tools/etcd/usr/bin/etcd")
Cluster__Secret=$(head -c 32 /dev/urandom | base64)
export Cluster__Secret Cluster__EtcdProgram=$etcd
pid=$(tr -dc 0-9 <tests/.tools/oracle/run/bench1/pid)
AMQP_ORACLE_NAME=bench1 AMQP_ORACLE_PORT=$first out/amqpbench compare-clusters \
  --other-uris "amqp://guest:guest@127.0.0.1:$first" "amqp://guest:guest@127.0.0.1:$((first + 20))" "amqp://guest:guest@127.0.0.1:$((first + 40))" \
  --other-pid "$pid" --other-name "three of $(cat tests/.tools/oracle/.unpacked)" --other-control tests/oracle/ctl.sh "$@"
