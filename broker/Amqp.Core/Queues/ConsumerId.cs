using Amqp.Core.Topology;

namespace Amqp.Core.Queues;

/// <summary>Names a consumer: no other one in the cluster has the same.</summary>
public readonly record struct ConsumerId(ConnectionId Connection, ushort Channel, string Tag);
