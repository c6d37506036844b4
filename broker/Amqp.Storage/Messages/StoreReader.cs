using System.Collections.Concurrent;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using Amqp.Storage.Segments;
using AMQP.Net;

namespace Amqp.Storage.Messages;

/// <summary>One queue's wish for messages, with the places that the store's thread has found for them.</summary>
internal sealed class StoreRead(IStoreListener listener, QueueId queue, long[] positions)
{
    private readonly List<Wanted> _wanted = [];

    public IStoreListener Listener { get; } = listener;

    public QueueId Queue { get; } = queue;

    public long[] Positions { get; } = positions;

    public Message?[] Messages { get; } = new Message?[positions.Length];

    /// <summary>Nothing has to be read from the disk.</summary>
    public bool IsDone => _wanted.Count == 0;

    public IReadOnlyList<Wanted> Wants => _wanted;

    /// <summary>The message at that place is wanted. Its segment stays until it has been read.</summary>
    public void Add(int index, Place place, StoreState state)
    {
        Wanted wanted;
        if (place.IsShared)
        {
            ref var body = ref state.Bodies[place.BodySlot];
            if (body.Segment <= 0) return; // lost: the damage was reported when it was found
            wanted = new Wanted(index, state.Segments[body.Segment], body.Offset, body.Length, RecordType.Body, body.Id);
        }
        else
        {
            wanted = new Wanted(
                index, state.Segments[place.Segment], place.Offset, place.Length, place.IsPage ? RecordType.Page : RecordType.Enqueue, Positions[index]);
        }
        wanted.Segment.Pin();
        _wanted.Add(wanted);
    }

    /// <param name="Index">Which of the positions.</param>
    /// <param name="Position">What the record must say.</param>
    internal readonly record struct Wanted(int Index, SegmentUse Segment, long Offset, int Length, RecordType Type, long Position);
}

/// <summary>
/// Reads messages back, on a thread of its own: the store's thread writes on meanwhile. Records that lie close together are
/// read in one go.
/// </summary>
internal sealed class StoreReader : IDisposable
{
    /// <summary>Bytes that are read at once, unless one record is larger.</summary>
    private const int RangeBytes = 1 << 20;

    /// <summary>Bytes of other records that are read along, rather than reading twice.</summary>
    private const int GapBytes = 64 << 10;

    private readonly BlockingCollection<StoreRead> _reads = [];
    private readonly ISegmentEngine _engine;
    private readonly Damages _damages;
    private readonly Action<Exception> _failed;
    private readonly ShortStringPool _strings = new();
    private readonly Thread _thread;
    private byte[] _range = new byte[RangeBytes];

    public StoreReader(ISegmentEngine engine, Damages damages, Action<Exception> failed)
    {
        _engine = engine;
        _damages = damages;
        _failed = failed;
        _thread = new Thread(Run) { Name = "store reader", IsBackground = true };
    }

    public void Start() => _thread.Start();

    public void Post(StoreRead read) => _reads.Add(read);

    /// <summary>Answers what was asked, and ends.</summary>
    public void Dispose()
    {
        _reads.CompleteAdding();
        if (_thread.IsAlive) _thread.Join();
        _reads.Dispose();
    }

    private void Run()
    {
        try
        {
            foreach (var read in _reads.GetConsumingEnumerable())
            {
                for (var next = 0; next < read.Wants.Count;) next = ReadRange(read, next);
                foreach (var wanted in read.Wants) wanted.Segment.Unpin();
                read.Listener.Loaded(read.Positions, read.Messages);
            }
        }
#pragma warning disable CA1031 // Whatever ended the reader, the process must learn of it: its queues would wait for ever.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _failed(exception);
        }
    }

    /// <summary>Reads one record and those that lie close behind it; returns the next that is wanted.</summary>
    private int ReadRange(StoreRead read, int first)
    {
        var start = read.Wants[first];
        var end = start.Offset + start.Length;
        var next = first + 1;
        for (; next < read.Wants.Count; next++)
        {
            var wanted = read.Wants[next];
            if (wanted.Segment != start.Segment || wanted.Offset < start.Offset || wanted.Offset > end + GapBytes) break;
            if (wanted.Offset + wanted.Length - start.Offset > RangeBytes) break;
            end = Math.Max(end, wanted.Offset + wanted.Length);
        }
        var length = (int)(end - start.Offset);
        if (_range.Length < length || (_range.Length > RangeBytes && length <= RangeBytes)) _range = new byte[Math.Max(length, RangeBytes)];
        var bytes = _range.AsSpan(0, length);
        bytes = bytes[.._engine.Read(start.Segment.Id, start.Offset, bytes)];
        for (var index = first; index < next; index++)
        {
            var wanted = read.Wants[index];
            var from = (int)Math.Min(wanted.Offset - start.Offset, bytes.Length);
            var record = bytes.Slice(from, Math.Min(wanted.Length, bytes.Length - from));
            read.Messages[wanted.Index] = ReadMessage(wanted, record)
                ?? Damaged(read, wanted, record);
        }
        return next;
    }

    private Message? ReadMessage(in StoreRead.Wanted wanted, ReadOnlySpan<byte> record) =>
        RecordHeader.TryRead(record, out var header) && header.Type == wanted.Type && header.Position == wanted.Position
            ? new RecordReader(record[..header.Length]).ReadMessage(header.Type, _strings)
            : null;

    private Message? Damaged(StoreRead read, in StoreRead.Wanted wanted, ReadOnlySpan<byte> record)
    {
        _damages.FoundMessage(wanted.Segment.Id, wanted.Offset, record, read.Queue.Value, read.Positions[wanted.Index]);
        return null;
    }
}
