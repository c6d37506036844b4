using Amqp.Cluster.Tests.Etcd;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Tests.Membership;

/// <summary>All that a node logs, in one place.</summary>
internal sealed class LogOfNode : ILoggerFactory
{
    private readonly LogLines _lines = new();

    public IReadOnlyList<string> All => _lines.All;

    public ILogger CreateLogger(string categoryName) => _lines;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }
}
