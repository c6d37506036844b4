using System.Collections.Concurrent;
using System.Diagnostics;
using Amqp.Core.Messages;
using Amqp.Core.Metrics;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Core.Topology;
using AMQP.Net;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Recovering;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Reading;

/// <summary>One queue's wish for messages, and where they are.</summary>
internal sealed class StoreRead(QueueId queue, long[] positions, IMessageReader reader)
{
    private readonly List<Wanted> _wanted = [];

    public QueueId Queue { get; } = queue;

    public long[] Positions { get; } = positions;

    /// <summary>What asks.</summary>
    public IMessageReader Reader { get; } = reader;

    public Message?[] Messages { get; } = new Message?[positions.Length];

    /// <summary>What has to be read from the disk.</summary>
    public IReadOnlyList<Wanted> Wants => _wanted;

    /// <summary>Finds out where the messages are. What is settled by now is not wanted any more.</summary>
    /// <returns>False: the queue is forgotten, and the reader does not wait.</returns>
    public bool TryLocate(StoreState state)
    {
        lock (state.Lock)
        {
            if (!state.Queues.TryGetValue(Queue, out var index)) return false;
            for (var number = 0; number < Positions.Length; number++)
            {
                var key = index.KeyOf(Positions[number]);
                var location = index.Find(key);
                if (location.IsPending) throw new InvalidOperationException($"message {Positions[number]} of queue {Queue.Value} is not committed yet");
                if (!location.IsNone) Want(number, key, location, state);
            }
            return true;
        }
    }

    /// <summary>The segments that were read in may go.</summary>
    public void Release()
    {
        foreach (var wanted in _wanted) wanted.Segment.Unpin();
    }

    private void Want(int index, long key, RecordLocation location, StoreState state)
    {
        Wanted wanted;
        if (location.IsShared)
        {
            ref var body = ref state.Bodies[location.BodySlot];
            if (body.Segment <= 0) return; // lost: the damage was reported when it was found
            wanted = new Wanted(index, state.Segments[body.Segment], body.Offset, body.Length, RecordType.Body, body.Id);
        }
        else
        {
            var type = location.IsPage ? RecordType.Page : Core.Records.Positions.IsKey(key) ? RecordType.EnqueueAgain : RecordType.Enqueue;
            wanted = new Wanted(index, state.Segments[location.Segment], location.Offset, location.Length, type, key);
        }
        wanted.Segment.Pin();
        _wanted.Add(wanted);
    }

    /// <param name="Index">Which of the positions.</param>
    /// <param name="Key">What the record must say.</param>
    internal readonly record struct Wanted(int Index, SegmentUse Segment, long Offset, int Length, RecordType Type, long Key);
}

/// <summary>
/// Reads messages back, on a thread of its own: the store's thread writes on meanwhile, or waits for a flush. Records that lie
/// close together are read in one go.
/// </summary>
internal sealed class StoreReader : IDisposable
{
    /// <summary>Bytes that are read at once, unless one record is larger.</summary>
    private const int RangeBytes = 1 << 20;

    /// <summary>Bytes of other records that are read along, rather than reading twice.</summary>
    private const int GapBytes = 64 << 10;

    // Ends with null. What is asked behind that is not answered.
    private readonly BlockingCollection<StoreRead?> _reads = [];
    private readonly ISegmentEngine _engine;
    private readonly StoreState _state;
    private readonly Damages _damages;
    private readonly StoreCounters _counters;
    private readonly Action<Exception> _failed;
    private readonly ShortStringPool _strings = new();
    private readonly Thread _thread;
    private byte[] _range = new byte[RangeBytes];
    private volatile bool _isSilent;

    public StoreReader(ISegmentEngine engine, StoreState state, Damages damages, StoreCounters counters, Action<Exception> failed)
    {
        _engine = engine;
        _state = state;
        _damages = damages;
        _counters = counters;
        _failed = failed;
        _thread = new Thread(Run) { Name = "store reader", IsBackground = true };
    }

    public void Start() => _thread.Start();

    public void Post(StoreRead read) => _reads.Add(read);

    /// <summary>The store has failed: nothing is answered any more.</summary>
    public void BeSilent() => _isSilent = true;

    /// <summary>Answers what was asked, and ends.</summary>
    public void Dispose()
    {
        _reads.Add(null);
        if (_thread.IsAlive) _thread.Join();
    }

    private void Run()
    {
        try
        {
            while (_reads.Take() is { } read)
            {
                if (!read.TryLocate(_state)) continue;
                for (var next = 0; next < read.Wants.Count;) next = ReadRange(read, next);
                read.Release();
                if (!_isSilent) read.Reader.Loaded(read.Positions, read.Messages);
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
        var startedAt = Stopwatch.GetTimestamp();
        bytes = bytes[.._engine.Read(start.Segment.Id, start.Offset, bytes)];
        _counters.Reads.Add(Stopwatch.GetElapsedTime(startedAt), bytes.Length);
        _counters.MessagesRead.Add(next - first);
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
        RecordHeader.TryRead(record, out var header) && header.Type == wanted.Type && header.Position == wanted.Key
            ? new RecordReader(record[..header.Length]).ReadMessage(header.Type, _strings)
            : null;

    private Message? Damaged(StoreRead read, in StoreRead.Wanted wanted, ReadOnlySpan<byte> record)
    {
        _damages.FoundMessage(wanted.Segment.Id, wanted.Offset, record, read.Queue.Value, read.Positions[wanted.Index]);
        return null;
    }
}
