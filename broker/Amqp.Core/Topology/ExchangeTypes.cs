using System.Collections.Frozen;
using Amqp.Core.Routing;

namespace Amqp.Core.Topology;

/// <summary>The exchange types there are, each with its router.</summary>
public static class ExchangeTypes
{
    public const string Direct = "direct";
    public const string Fanout = "fanout";
    public const string Topic = "topic";
    public const string Headers = "headers";

    private static readonly FrozenDictionary<string, IRouter> Routers = new Dictionary<string, IRouter>
    {
        [Direct] = DirectRouter.Empty,
        [Fanout] = FanoutRouter.Empty,
        [Topic] = TopicRouter.Empty,
        [Headers] = HeadersRouter.Empty,
    }.ToFrozenDictionary();

    /// <summary>The names, for listing.</summary>
    public static IReadOnlyCollection<string> Known => Routers.Keys;

    public static bool IsKnown(string type) => Routers.ContainsKey(type);

    /// <summary>A router without bindings.</summary>
    public static IRouter NewRouter(string type) => Routers[type];
}
