using System.Buffers;
using System.Text;
using AMQP.Net;
using Amqp.Core.Queues;
using Amqp.Core.Records;

namespace Amqp.Replication;

/// <summary>
/// What copies of a queue say to each other as bytes and back. Numbers are varints, positions are told by their distance from the one before, and records stand as they do in the store.
/// <code>
/// kind  epoch  session  ...
///  0 Join      node  directory (16 bytes)  boot
///  1 Taken     place  complete (0 or 1)  lacking
///  2 Want      number  count  positions
///  3 Refuse
///  4 Batch     place  number  together (0 or 1)  count  marks  records
///  5 Part      place  number  from  end  count  messages  last (0 or 1)  [ count  marks  count  ends ]
///  6 Fill      place  number  want  end  records
/// </code>
/// </summary>
public static class ReplicaCodec
{
    private const byte JoinKind = 0;
    private const byte TakenKind = 1;
    private const byte WantKind = 2;
    private const byte RefuseKind = 3;
    private const byte BatchKind = 4;
    private const byte PartKind = 5;
    private const byte FillKind = 6;

    private const int GuidSize = 16;

    /// <summary>Appends a message.</summary>
    /// <param name="records">Is cleared and used.</param>
    public static void Write(IBufferWriter<byte> bytes, RecordBuffer records, ReplicaMessage message)
    {
        Number(bytes, KindOf(message));
        Number(bytes, message.Epoch);
        Number(bytes, message.Session);
        switch (message)
        {
            case Join { Mirror: var (node, directory, boot) }:
                Text(bytes, node);
                directory.TryWriteBytes(bytes.GetSpan(GuidSize));
                bytes.Advance(GuidSize);
                Number(bytes, boot);
                break;
            case Taken taken:
                Number(bytes, taken.Place);
                Number(bytes, taken.IsComplete ? 1 : 0);
                Number(bytes, taken.Lacking);
                break;
            case Want want:
                Number(bytes, want.Number);
                Number(bytes, want.Positions.Length);
                var before = 0L;
                foreach (var position in want.Positions)
                {
                    Number(bytes, position - before);
                    before = position;
                }
                break;
            case Feed feed:
                Number(bytes, feed.Place);
                Number(bytes, feed.Item.Number);
                Write(bytes, records, feed.Item);
                break;
        }
    }

    /// <summary>Reads a message.</summary>
    /// <param name="strings">Gives names seen before as the same object.</param>
    /// <returns>Null: that is not what another node has written, or not all of it.</returns>
    public static ReplicaMessage? Read(ReadOnlySpan<byte> bytes, ShortStringPool strings)
    {
        var reader = new Reader(bytes, strings);
        var message = Read(ref reader);
        return reader.IsWhole ? message : null;
    }

    private static byte KindOf(ReplicaMessage message) => message switch
    {
        Join => JoinKind,
        Taken => TakenKind,
        Want => WantKind,
        Refuse => RefuseKind,
        Feed { Item: Batch } => BatchKind,
        Feed { Item: Part } => PartKind,
        Feed { Item: Fill } => FillKind,
        _ => throw new ArgumentException($"{message.GetType().Name} is not said to other nodes", nameof(message)),
    };

    private static void Write(IBufferWriter<byte> bytes, RecordBuffer records, FeedItem item)
    {
        switch (item)
        {
            case Batch batch:
                Number(bytes, batch.IsTogether ? 1 : 0);
                Marks(bytes, batch.Marks);
                Records(bytes, records, batch.Records);
                break;
            case Part part:
                Number(bytes, part.From);
                Number(bytes, part.End);
                Number(bytes, part.Live.Length);
                var before = part.From;
                foreach (var (position, attributes) in part.Live)
                {
                    Number(bytes, position - before);
                    Number(bytes, attributes.ExpiresAt);
                    Number(bytes, attributes.Priority);
                    Number(bytes, attributes.DeliveryCount);
                    Number(bytes, attributes.ReadyAt);
                    before = position;
                }
                Number(bytes, part.Last is null ? 0 : 1);
                if (part.Last is not var (producers, ends)) break;
                Marks(bytes, producers);
                Number(bytes, ends.Length);
                foreach (var end in ends)
                {
                    Number(bytes, end.Epoch);
                    Number(bytes, end.End);
                }
                break;
            case Fill fill:
                Number(bytes, fill.Want);
                Number(bytes, fill.End);
                Records(bytes, records, fill.Records);
                break;
        }
    }

    private static void Marks(IBufferWriter<byte> bytes, ProducerMark[] marks)
    {
        Number(bytes, marks.Length);
        foreach (var mark in marks)
        {
            Number(bytes, mark.Producer.Edge);
            Number(bytes, mark.Producer.Channel);
            Number(bytes, mark.First);
            Number(bytes, mark.Last);
            Number(bytes, mark.Floor);
        }
    }

    private static void Records(IBufferWriter<byte> bytes, RecordBuffer buffer, StoreRecord[] records)
    {
        buffer.Clear();
        RecordCodec.Write(buffer, records);
        bytes.Write(buffer.Bytes);
    }

    private static void Text(IBufferWriter<byte> bytes, string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        Number(bytes, length);
        bytes.Advance(Encoding.UTF8.GetBytes(text, bytes.GetSpan(length)));
    }

    private static void Number(IBufferWriter<byte> bytes, long value) => bytes.Advance(Varint.Write(bytes.GetSpan(Varint.SizeMax), (ulong)value));

    private static ReplicaMessage? Read(ref Reader reader)
    {
        var (kind, epoch, session) = (reader.Number(), (uint)reader.Number(), reader.Number());
        if (kind == JoinKind) return new Join(epoch, session, new Member(reader.Text(), reader.Guid(), reader.Number()));
        if (kind == TakenKind) return new Taken(epoch, session, reader.Number(), reader.Flag(), (int)reader.Number());
        if (kind == WantKind) return new Want(epoch, session, reader.Number(), reader.Positions());
        if (kind == RefuseKind) return new Refuse(epoch, session);
        var (place, number) = (reader.Number(), reader.Number());
        FeedItem? item = kind switch
        {
            BatchKind => ReadBatch(ref reader, number),
            PartKind => ReadPart(ref reader, number),
            FillKind => ReadFill(ref reader, number),
            _ => null,
        };
        return item is null ? null : new Feed(epoch, session, place, item);
    }

    private static Batch? ReadBatch(ref Reader reader, long number)
    {
        var (isTogether, marks) = (reader.Flag(), reader.Marks());
        var bytes = reader.Left;
        return reader.Records() is { } records ? new Batch(number, records, marks, isTogether, bytes) : null;
    }

    private static Part ReadPart(ref Reader reader, long number)
    {
        var (from, end) = (reader.Number(), reader.Number());
        var live = new LiveMessage[reader.Count()];
        var position = from;
        foreach (ref var message in live.AsSpan())
        {
            position += reader.Number();
            message = new LiveMessage(position, new MessageAttributes(reader.Number(), (byte)reader.Number(), (int)reader.Number(), reader.Number()));
        }
        return new Part(number, from, end, live, reader.Flag() ? new LastPart(reader.Marks(), reader.Ends()) : null);
    }

    private static Fill? ReadFill(ref Reader reader, long number)
    {
        var (want, end) = (reader.Number(), reader.Number());
        var bytes = reader.Left;
        return reader.Records() is { } records ? new Fill(number, want, end, records, bytes) : null;
    }

    /// <summary>Reads one after the other. After something that is not there everything is 0 and empty, and it is not whole.</summary>
    private ref struct Reader(ReadOnlySpan<byte> bytes, ShortStringPool strings)
    {
        private ReadOnlySpan<byte> _rest = bytes;
        private bool _isBroken;

        /// <summary>Everything was there, and nothing more.</summary>
        public readonly bool IsWhole => !_isBroken && _rest.IsEmpty;

        public readonly int Left => _rest.Length;

        public long Number()
        {
            if (Varint.TryRead(ref _rest, out var value) && value <= long.MaxValue) return (long)value;
            Break();
            return 0;
        }

        public bool Flag() => Number() == 1;

        /// <summary>Of things to come, each of a byte at least.</summary>
        public int Count()
        {
            var count = Number();
            if (count <= _rest.Length) return (int)count;
            Break();
            return 0;
        }

        public string Text()
        {
            var length = Count();
            var text = Encoding.UTF8.GetString(_rest[..length]);
            _rest = _rest[length..];
            return text;
        }

        public Guid Guid()
        {
            if (_rest.Length < GuidSize)
            {
                Break();
                return default;
            }
            var guid = new Guid(_rest[..GuidSize]);
            _rest = _rest[GuidSize..];
            return guid;
        }

        public long[] Positions()
        {
            var positions = new long[Count()];
            var position = 0L;
            foreach (ref var next in positions.AsSpan()) next = position += Number();
            return positions;
        }

        public ProducerMark[] Marks()
        {
            var marks = new ProducerMark[Count()];
            foreach (ref var mark in marks.AsSpan()) mark = new ProducerMark(new ProducerId(Number(), Number()), Number(), Number(), Number());
            return marks;
        }

        public EpochEnd[] Ends()
        {
            var ends = new EpochEnd[Count()];
            foreach (ref var end in ends.AsSpan()) end = new EpochEnd((uint)Number(), Number());
            return ends;
        }

        /// <summary>All that is left.</summary>
        public StoreRecord[]? Records()
        {
            var records = RecordCodec.Read(_rest, strings);
            _rest = default;
            return records;
        }

        private void Break()
        {
            _isBroken = true;
            _rest = default;
        }
    }
}
