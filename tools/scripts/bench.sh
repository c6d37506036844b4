#!/usr/bin/env bash
# Compares the built broker with Debian's rabbitmq-server, which runs for as long as that takes. Arguments go to `amqpbench compare`.
set -euo pipefail
cd "$(dirname "$0")/../.."

export AMQP_ORACLE_NAME=bench AMQP_ORACLE_PORT=${AMQP_ORACLE_PORT:-5774}
trap 'tests/oracle/stop.sh >&2' EXIT
tests/oracle/start.sh >&2
pid=$(tr -dc 0-9 <"tests/.tools/oracle/run/$AMQP_ORACLE_NAME/pid")
out/amqpbench compare --other-uri "amqp://guest:guest@127.0.0.1:$AMQP_ORACLE_PORT" --other-pid "$pid" --other-name "$(cat tests/.tools/oracle/.unpacked)" "$@"
