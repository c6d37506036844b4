#!/bin/bash
# rabbitmqctl of the oracle: tests/oracle/ctl.sh list_queues
set -euo pipefail
. "$(dirname "$0")/environment.sh"
exec timeout "${AMQP_ORACLE_CTL_SECONDS:-60}" "$sbin/rabbitmqctl" "$@"
