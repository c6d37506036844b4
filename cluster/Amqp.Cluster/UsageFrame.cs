using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using AMQP.Net;
using Amqp.Cluster.Links;
using Amqp.Core.Ports;

namespace Amqp.Cluster;

/// <summary>
/// Counts of a node's connections and channels:
/// <code>
/// +-------------------+   +----------+-----------+------------+-------------+
/// | first of all? (1) |   | kind (1) | count (4) | length (2) | name, UTF-8 |  ...
/// +-------------------+   +----------+-----------+------------+-------------+
/// </code>
/// The first of all: what was said before counts no more.
/// </summary>
internal sealed class UsageFrame(bool isFirstOfAll, ImmutableArray<UsageCount> counts) : LinkMessage(KindOfFrame)
{
    public const byte KindOfFrame = LinkFrame.FirstOfUsers + 38;

    private const int CountsMax = 500;
    private const int HeadSize = 1 + sizeof(int) + sizeof(ushort);

    public bool IsFirstOfAll => isFirstOfAll;

    public ImmutableArray<UsageCount> Counts => counts;

    public override long Bytes => 1 + counts.Sum(count => HeadSize + (long)count.Key.Name.Length);

    /// <param name="isAll">The first frame says that it begins anew; there is one even when there is nothing to say.</param>
    public static IEnumerable<UsageFrame> Of(IEnumerable<UsageCount> counts, bool isAll)
    {
        var isFirst = isAll;
        foreach (var part in counts.Chunk(CountsMax))
        {
            yield return new UsageFrame(isFirst, [.. part]);
            isFirst = false;
        }
        if (isFirst) yield return new UsageFrame(isFirstOfAll: true, []);
    }

    public override void Write(IBufferWriter<byte> payload)
    {
        payload.Write([(byte)(isFirstOfAll ? 1 : 0)]);
        foreach (var (key, count) in counts)
        {
            var length = LosslessUtf8.GetByteCount(key.Name);
            var span = payload.GetSpan(HeadSize + length);
            span[0] = (byte)key.Kind;
            BinaryPrimitives.WriteInt32BigEndian(span[1..], count);
            BinaryPrimitives.WriteUInt16BigEndian(span[(1 + sizeof(int))..], checked((ushort)length));
            LosslessUtf8.GetBytes(key.Name, span[HeadSize..]);
            payload.Advance(HeadSize + length);
        }
    }

    /// <returns>Null: another node has not written that.</returns>
    public static UsageFrame? Read(ReadOnlySequence<byte> payload)
    {
        if (payload.IsEmpty) return null;
        ReadOnlySpan<byte> bytes = payload.ToArray();
        var (isFirst, counts) = (bytes[0] == 1, ImmutableArray.CreateBuilder<UsageCount>());
        for (bytes = bytes[1..]; !bytes.IsEmpty;)
        {
            if (bytes.Length < HeadSize) return null;
            var (kind, count) = ((UsageKind)bytes[0], BinaryPrimitives.ReadInt32BigEndian(bytes[1..]));
            var end = HeadSize + BinaryPrimitives.ReadUInt16BigEndian(bytes[(1 + sizeof(int))..]);
            if (kind > UsageKind.ChannelsOfUser || count < 0 || bytes.Length < end) return null;
            counts.Add(new UsageCount(new UsageKey(kind, LosslessUtf8.GetString(bytes[HeadSize..end])), count));
            bytes = bytes[end..];
        }
        return new UsageFrame(isFirst, counts.DrainToImmutable());
    }
}
