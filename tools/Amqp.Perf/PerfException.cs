namespace Amqp.Perf;

/// <summary>The run cannot go on, or its figures are not to be trusted. The message is for the person at the terminal.</summary>
internal sealed class PerfException(string message, Exception? inner = null) : Exception(message, inner);
