using System.Collections.Immutable;
using System.Text;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Operations;

/// <summary>What nodes tell each other for their operators.</summary>
/// <param name="Card">Of the sender.</param>
/// <param name="Reports">Of queues that it leads and that changed since it told of them last.</param>
internal sealed record NodeReports(NodeCard Card, IReadOnlyList<LeaderReport> Reports);

/// <summary>
/// The bytes of <see cref="NodeReports"/>, numbers in seven bits a byte:
/// <code>
/// version (1) | second of the start | is drained (1) | length, card | count | report, report ...
/// report: length | queue, epoch, flags, figures, consumers, disk, what was counted, mirrors, capacity of consumers
/// </code>
/// A report that is longer than this version knows has more at its end, which is left out. An empty card: it is as it was.
/// </summary>
internal static class ReportCodec
{
    private const byte Version = 1;

    private const int CountMax = 100_000;

    [Flags]
    private enum Has
    {
        None = 0,
        Crashed = 1,
        HeadTimestamp = 2,
        ExclusiveConsumer = 4,
        SingleActiveConsumer = 8,
    }

    public static byte[] Write(NodeCard card, IReadOnlyCollection<LeaderReport> reports)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Version);
        writer.Write7BitEncodedInt64(card.StartedAt);
        writer.Write(card.IsDrained);
        writer.Write7BitEncodedInt(card.Json.Length);
        writer.Write(card.Json.Span);
        writer.Write7BitEncodedInt(reports.Count);
        using var one = new MemoryStream();
        using var part = new BinaryWriter(one);
        foreach (var report in reports)
        {
            one.SetLength(0);
            Write(part, report);
            part.Flush();
            writer.Write7BitEncodedInt((int)one.Length);
            writer.Write(one.GetBuffer(), 0, (int)one.Length);
        }
        writer.Flush();
        return stream.ToArray();
    }

    /// <returns>Null: it is not understood.</returns>
    public static NodeReports? Read(byte[] bytes)
    {
        try
        {
            using var reader = new BinaryReader(new MemoryStream(bytes, writable: false), Encoding.UTF8);
            if (reader.ReadByte() != Version) return null;
            var (startedAt, isDrained) = (reader.Read7BitEncodedInt64(), reader.ReadBoolean());
            var json = Bytes(reader);
            var reports = new LeaderReport[Count(reader)];
            for (var index = 0; index < reports.Length; index++)
            {
                using var part = new BinaryReader(new MemoryStream(Bytes(reader), writable: false), Encoding.UTF8);
                reports[index] = ReadReport(part);
            }
            return new NodeReports(new NodeCard(startedAt, isDrained, json), reports);
        }
        catch (Exception exception) when (exception is IOException or FormatException or InvalidDataException)
        {
            return null;
        }
    }

    private static void Write(BinaryWriter writer, LeaderReport report)
    {
        writer.Write7BitEncodedInt64(report.Queue.Value);
        writer.Write7BitEncodedInt64(report.Epoch);
        writer.Write((byte)((report.HasCrashed ? Has.Crashed : Has.None)
            | (report.HeadTimestamp is null ? Has.None : Has.HeadTimestamp)
            | (report.ExclusiveConsumer is null ? Has.None : Has.ExclusiveConsumer)
            | (report.SingleActiveConsumer is null ? Has.None : Has.SingleActiveConsumer)));
        var figures = report.Figures;
        foreach (var number in (ReadOnlySpan<long>)
        [
            figures.Ready, figures.ReadyBytes, figures.ReadyInMemory, figures.Unacked, figures.UnackedBytes, figures.UnackedInMemory,
            figures.BytesInMemory, figures.Persistent, figures.PersistentBytes, figures.MemoryBytes, report.Consumers, report.MessagesRead, report.MessagesWritten,
        ]) writer.Write7BitEncodedInt64(number);
        if (report.HeadTimestamp is { } timestamp) writer.Write(timestamp);
        if (report.ExclusiveConsumer is { } exclusive) Write(writer, exclusive);
        if (report.SingleActiveConsumer is { } single) Write(writer, single);
        writer.Write7BitEncodedInt(report.Reading.Values.Length);
        foreach (var (measure, count, rate) in report.Reading.Values)
        {
            writer.Write((byte)measure);
            writer.Write7BitEncodedInt64(count);
            writer.Write(rate);
        }
        writer.Write7BitEncodedInt(report.Mirrors.Items.Length);
        foreach (var mirror in report.Mirrors.Items)
        {
            writer.Write(mirror.Node);
            writer.Write(mirror.IsComplete);
            writer.Write7BitEncodedInt64(mirror.BatchesBehind);
            writer.Write7BitEncodedInt64(mirror.BytesBehind);
            writer.Write7BitEncodedInt64(mirror.MessagesTold);
        }
        writer.Write(report.ConsumerCapacity);
    }

    private static void Write(BinaryWriter writer, ConsumerId consumer)
    {
        writer.Write(consumer.Connection.Node);
        writer.Write(consumer.Connection.Epoch);
        writer.Write(consumer.Connection.Number);
        writer.Write(consumer.Channel);
        writer.Write(consumer.Tag);
    }

    private static LeaderReport ReadReport(BinaryReader reader)
    {
        var (queue, epoch, has) = (new QueueId(reader.Read7BitEncodedInt64()), (uint)reader.Read7BitEncodedInt64(), (Has)reader.ReadByte());
        var figures = new QueueFigures(Int(), Long(), Int(), Int(), Long(), Int(), Long(), Int(), Long(), Head: null, Long());
        return new LeaderReport
        {
            Queue = queue,
            Epoch = epoch,
            HasCrashed = has.HasFlag(Has.Crashed),
            Figures = figures,
            Consumers = Int(),
            MessagesRead = Long(),
            MessagesWritten = Long(),
            HeadTimestamp = has.HasFlag(Has.HeadTimestamp) ? reader.ReadUInt64() : null,
            ExclusiveConsumer = has.HasFlag(Has.ExclusiveConsumer) ? ReadConsumer(reader) : null,
            SingleActiveConsumer = has.HasFlag(Has.SingleActiveConsumer) ? ReadConsumer(reader) : null,
            Reading = new Reading(ReadMany(reader, () => new Reading.Measured((Measure)reader.ReadByte(), Long(), reader.ReadDouble()))),
            Mirrors = new MirrorProgressList(ReadMany(reader, () => new MirrorProgress(reader.ReadString(), reader.ReadBoolean(), Long(), Long(), Long()))),
            // The first version did not tell it.
            ConsumerCapacity = reader.BaseStream.Position < reader.BaseStream.Length ? reader.ReadDouble() : 0,
        };

        int Int() => (int)reader.Read7BitEncodedInt64();
        long Long() => reader.Read7BitEncodedInt64();
    }

    private static ConsumerId ReadConsumer(BinaryReader reader) =>
        new(new ConnectionId(reader.ReadString(), reader.ReadUInt32(), reader.ReadInt64()), reader.ReadUInt16(), reader.ReadString());

    private static ImmutableArray<T> ReadMany<T>(BinaryReader reader, Func<T> read)
    {
        var items = new T[Count(reader)];
        for (var index = 0; index < items.Length; index++) items[index] = read();
        return System.Runtime.InteropServices.ImmutableCollectionsMarshal.AsImmutableArray(items);
    }

    private static int Count(BinaryReader reader) => reader.Read7BitEncodedInt() is >= 0 and <= CountMax and var count ? count : throw new InvalidDataException("so many are not sent");

    private static byte[] Bytes(BinaryReader reader)
    {
        var length = reader.Read7BitEncodedInt();
        if (length < 0 || length > reader.BaseStream.Length - reader.BaseStream.Position) throw new InvalidDataException("it is longer than what came");
        return reader.ReadBytes(length);
    }
}
