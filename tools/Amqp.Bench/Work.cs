using System.Globalization;

namespace Amqp.Bench;

/// <summary>Work that one publisher and one consumer give a broker, of which its rate and its limits are told.</summary>
/// <param name="AckBatch">Deliveries that one ack is for, and the prefetch is the same or more; 0 for automatic acknowledgement.</param>
/// <param name="ConfirmWindow">0: the messages are transient and not confirmed. Else they are persistent, in a durable queue.</param>
internal sealed record Work(string Name, int BodyBytes, int AckBatch = 0, int ConfirmWindow = 0)
{
    public const int Prefetch = 100;

    /// <summary>
    /// So late that nearly all messages are confirmed before they are acknowledged. What is acknowledged before its flush never gets to
    /// the disk, which would be no limit then.
    /// </summary>
    public const int LateAckBatch = 50_000;

    public static IReadOnlyList<Work> All { get; } =
    [
        // The names are those of Scenarios, where the work is the same.
        new("transient 16 B, auto-ack", 16),
        new("transient 1 KiB, auto-ack", 1_024),
        new("transient 64 KiB, auto-ack", 65_536),
        new("transient 16 B, prefetch 100, ack each", 16, AckBatch: 1),
        new("persistent 1 KiB, confirm window 1, late acks", StorageBench.BodyBytes, LateAckBatch, ConfirmWindow: 1),
        new("persistent 1 KiB, confirm window 100, late acks", StorageBench.BodyBytes, LateAckBatch, ConfirmWindow: 100),
        new("persistent 1 KiB, confirm window 1000, late acks", StorageBench.BodyBytes, LateAckBatch, ConfirmWindow: 1_000),
    ];

    /// <summary>What there is to know of it for a queue.</summary>
    public (bool AutoAck, bool IsPersistent) Queue => (AckBatch == 0, ConfirmWindow > 0);

    /// <summary>What <c>amqpperf</c> is told.</summary>
    public string LoadArguments => string.Create(
        CultureInfo.InvariantCulture,
        $"-s {BodyBytes} {(AckBatch == 0 ? "--auto-ack" : $"--prefetch {Math.Max(Prefetch, AckBatch)} --ack-batch {AckBatch}")} {(ConfirmWindow > 0 ? $"--persistent --durable -c {ConfirmWindow}" : "")}");
}
