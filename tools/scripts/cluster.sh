#!/usr/bin/env bash
# Starts the nodes n1, n2 and n3 of a cluster on this machine, and stops them with Ctrl-C. What they have is in data/n1, data/n2 and data/n3.
#
#   node   AMQP   HTTP    other nodes   etcd
#   n1     5672   15672   25672         25673 25674
#   n2     5673   15673   25682         25683 25684
#   n3     5674   15674   25692         25693 25694
set -euo pipefail
cd "$(dirname "$0")/../.."

data=${CLUSTER_DATA:-data}
etcd=$(command -v etcd || echo tests/.tools/etcd/usr/bin/etcd)
if [ ! -x "$etcd" ]; then
  tools/scripts/unpack-debian.sh etcd-server etcd etcd
fi

mkdir -p "$data"
# Known to the three nodes only: made once.
if [ ! -f "$data/cluster.secret" ]; then
  (umask 077; head -c 32 /dev/urandom | base64 > "$data/cluster.secret")
fi

nodes="n1@127.0.0.1=127.0.0.1:25672,n2@127.0.0.1=127.0.0.1:25682,n3@127.0.0.1=127.0.0.1:25692"
pids=()
stop() {
  trap '' INT TERM
  kill -TERM "${pids[@]}" 2>/dev/null || true
  wait
}
trap stop INT TERM EXIT

for number in 1 2 3; do
  export Cluster__Secret
  Cluster__Secret=$(cat "$data/cluster.secret")
  out/amqpd --Node:Name="n$number@127.0.0.1" --Storage:Directory="$data/n$number" \
    --Listeners:Amqp:Port=$((5671 + number)) --Listeners:Management:Port=$((15671 + number)) --Listeners:Prometheus:Port=$((15691 + number)) \
    --Cluster:Mode=etcd-managed --Cluster:Address=127.0.0.1 --Cluster:Port=$((25662 + 10 * number)) \
    --Cluster:Bootstrap:0="$nodes" --Cluster:EtcdProgram="$etcd" "$@" \
    > >(sed -u "s/^/n$number  /") 2>&1 &
  pids+=($!)
done
wait
