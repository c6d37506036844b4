using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Operations;

/// <summary>The queues that this node leads, for <see cref="Reports"/>.</summary>
/// <param name="Leads">Whether this node leads a queue.</param>
/// <param name="Complete">Adds what only the cluster knows of such a queue.</param>
/// <param name="Exists">Whether there is a queue with that number.</param>
internal sealed record LedQueues(Func<QueueId, bool> Leads, Func<LeaderReport, LeaderReport> Complete, Func<QueueId, bool> Exists);
