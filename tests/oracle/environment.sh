# Sourced by start.sh, stop.sh and ctl.sh: where the oracle lives and what keeps it apart from every other RabbitMQ of the machine.
# Several oracles may run at once: give each its own AMQP_ORACLE_NAME and AMQP_ORACLE_PORT. Those that are to be a cluster have an
# AMQP_ORACLE_EPMD_PORT and an AMQP_ORACLE_COOKIE in common.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
oracle=$(cd "$here/.." && pwd)/.tools/oracle
name=${AMQP_ORACLE_NAME:-oracle}
port=${AMQP_ORACLE_PORT:-5673}
var=$oracle/run/$name

export HOME=$var # the Erlang cookie
export PATH=$oracle/usr/lib/erlang/bin:$PATH
export LD_LIBRARY_PATH=$(echo "$oracle"/usr/lib/*-linux-gnu | tr ' ' ':')${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export ERL_EPMD_ADDRESS=127.0.0.1
export ERL_EPMD_PORT=${AMQP_ORACLE_EPMD_PORT:-$((port + 20001))} # 25674
export ERL_CRASH_DUMP=$var/log/crash.dump
export RABBITMQ_NODENAME=$name@localhost
export RABBITMQ_DIST_PORT=${AMQP_ORACLE_DIST_PORT:-$((port + 20000))} # 25673
export RABBITMQ_CTL_DIST_PORT_MIN=$((port + 20002))
export RABBITMQ_CTL_DIST_PORT_MAX=$((port + 20012))
export RABBITMQ_CONF_ENV_FILE=$var/rabbitmq-env.conf
export RABBITMQ_CONFIG_FILE=$var/rabbitmq.conf
export RABBITMQ_ADVANCED_CONFIG_FILE=$var/advanced.config
export RABBITMQ_ENABLED_PLUGINS_FILE=$var/enabled_plugins
export RABBITMQ_MNESIA_BASE=$var/mnesia
export RABBITMQ_MNESIA_DIR=$var/mnesia/$name
export RABBITMQ_LOG_BASE=$var/log
export RABBITMQ_LOGS=$var/log/$name.log
export RABBITMQ_PID_FILE=$var/pid
export RABBITMQ_SCHEMA_DIR=$var/schema
export RABBITMQ_GENERATED_CONFIG_DIR=$var/config
export RABBITMQ_FEATURE_FLAGS_FILE=$var/feature_flags
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
sbin=$(echo "$oracle"/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin)
