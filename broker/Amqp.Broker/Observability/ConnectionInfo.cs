using System.Collections.Immutable;
using Amqp.Broker.Connections;
using Amqp.Core.Metrics;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Broker.Observability;

/// <summary>A client's connection at one moment.</summary>
/// <param name="State">RabbitMQ's word: <c>starting</c>, <c>tuning</c>, <c>opening</c>, <c>running</c>, <c>flow</c> (it publishes faster
/// than that is taken care of), <c>blocking</c> (an alarm is on; it will be blocked when it publishes), <c>blocked</c>, <c>closing</c>.</param>
/// <param name="Mechanism">Of its login; empty before.</param>
/// <param name="HeartbeatSeconds">As negotiated; 0: none.</param>
/// <param name="Reads">How often something was received.</param>
/// <param name="BytesPending">Of what was sent, what the socket has not taken yet.</param>
/// <param name="Meter">What happens on it, as of the last sample; null before it has a virtual host.</param>
public sealed record ConnectionInfo(
    ConnectionId Id,
    Transport Transport,
    string State,
    string User,
    string Vhost,
    string Mechanism,
    int ChannelMax,
    int FrameMax,
    int HeartbeatSeconds,
    FieldTable ClientProperties,
    DateTimeOffset ConnectedAt,
    long BytesReceived,
    long Reads,
    long BytesSent,
    long Flushes,
    long BytesPending,
    Meter? Meter,
    ImmutableArray<ChannelInfo> Channels);

/// <summary>A channel at one moment.</summary>
/// <param name="State">RabbitMQ's word: <c>starting</c>, <c>running</c>, <c>closing</c>.</param>
/// <param name="Unconfirmed">Messages published in confirm mode that are not taken care of yet.</param>
/// <param name="UncommittedPublishes">Messages that wait for tx.commit.</param>
/// <param name="UncommittedAcks">Settlements that wait for tx.commit.</param>
/// <param name="Prefetch">Of consumers to come; 0: no limit.</param>
/// <param name="GlobalPrefetch">What its consumers share; 0: no limit.</param>
/// <param name="Meter">What happens on it, as of the last sample.</param>
public sealed record ChannelInfo(
    ushort Number,
    string State,
    bool Confirms,
    bool Transactional,
    int Unacked,
    int Unconfirmed,
    int UncommittedPublishes,
    int UncommittedAcks,
    int Prefetch,
    int GlobalPrefetch,
    Meter Meter,
    ImmutableArray<ConsumerInfo> Consumers);

/// <param name="Prefetch">0: no limit.</param>
public sealed record ConsumerInfo(ConsumerId Id, QueueDefinition Queue, bool AutoAck, bool Exclusive, int Prefetch, FieldTable Arguments);
