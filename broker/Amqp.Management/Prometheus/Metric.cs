using Amqp.Broker;
using Amqp.Core.Metrics;

namespace Amqp.Management.Prometheus;

/// <summary>A number that objects of one kind have.</summary>
/// <param name="Name">RabbitMQ's, without the prefix.</param>
/// <param name="Of">NaN: this object has none.</param>
internal sealed record Metric<T>(string Name, string Type, string Help, Func<T, double> Of)
{
    /// <summary>Of all objects of the node, where that is counted apart from them, so that those that are gone are in it; null: the sum.</summary>
    public Func<BrokerNode, double>? OfAll { get; init; }

    /// <summary>A sum of it would mean nothing.</summary>
    public bool HasNoSum { get; init; }
}

/// <summary>Metrics that are shown together.</summary>
/// <param name="Family">What <c>/metrics/detailed</c> calls them.</param>
internal sealed record MetricGroup<T>(string Family, params Metric<T>[] Metrics);

/// <summary>An object with its labels.</summary>
internal readonly record struct Labelled<T>(byte[] Labels, T Value);

/// <summary>Makes them.</summary>
internal static class Metric
{
    public static Metric<T> Gauge<T>(string name, string help, Func<T, double> of) => new(name, "gauge", help, of);

    public static Metric<T> Counter<T>(string name, string help, Func<T, double> of) => new(name, "counter", help, of);

    /// <summary>What is counted for all objects together, too.</summary>
    /// <param name="reading">Of an object; null: nothing is counted for it.</param>
    public static Metric<T> Counter<T>(string name, string help, Measure measure, Func<T, IReading?> reading) =>
        new(name, "counter", help, value => reading(value)?[measure] ?? 0) { OfAll = node => node.Meter[measure] };
}
