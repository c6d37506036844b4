using System.Globalization;
using Amqp.Core.Routing;
using Amqp.Core.Topology;
using AMQP.Net;
using BenchmarkDotNet.Attributes;

namespace Amqp.Bench.Micro;

/// <summary>
/// From an exchange and a routing key to queues. The broker asks once for each exchange and key on a channel, and then only after the
/// topology has changed; always for headers exchanges, which is why those get their headers undecoded here, as they come.
/// </summary>
public class Routing
{
    private const int Messages = 1024;

    /// <summary>Coprime to the numbers of bindings, so that one message's binding lies nowhere near the next one's.</summary>
    private const int Stride = 7919;

    private readonly RouteResult _result = new();
    private VirtualHost _vhost = null!;
    private Exchange _exchange = null!;
    private string[] _keys = [];
    private byte[][]? _headers;

    /// <summary>The type of the exchange and how many bindings it has; the default exchange: how many queues there are.</summary>
    [Params("default 1000", "direct 1", "direct 1000", "topic 1000", "topic 100000", "fanout 10", "headers 100")]
    public string Exchange { get; set; } = "";

    [GlobalSetup]
    public void Declare()
    {
        var parts = Exchange.Split(' ');
        var (type, bindings) = (parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture));
        _vhost = Topologies.With(type, bindings);
        _exchange = _vhost.Exchanges[type == Topologies.Default ? "" : Topologies.ExchangeName];
        var messages = Enumerable.Range(0, Messages).Select(message => (int)((long)message * Stride % bindings)).ToList();
        _keys = messages.ConvertAll(binding => Topologies.KeyFor(type, binding)).ToArray();
        _headers = type == ExchangeTypes.Headers ? messages.ConvertAll(binding => Topologies.HeadersFor(binding).Bytes.ToArray()).ToArray() : null;
        if (Resolve() == 0) throw new InvalidOperationException($"nothing was found by {Exchange}");
    }

    [Benchmark(OperationsPerInvoke = Messages)]
    public int Resolve()
    {
        var queues = 0;
        for (var message = 0; message < Messages; message++)
        {
            var headers = _headers is null ? null : new FieldTable(_headers[message]);
            RouteResolver.Resolve(_vhost, _exchange, _keys[message], default, headers, _result);
            queues += _result.Queues.Count;
        }
        return queues;
    }
}
