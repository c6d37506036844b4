namespace Amqp.Management.Prometheus;

/// <summary>Set as a feature of connections to the port of metrics: it serves them, and nothing of the management API.</summary>
public sealed class MetricsConnection;
