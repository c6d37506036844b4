using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Records;
using Amqp.Storage.Messages.Index;
using Amqp.Storage.Messages.Reading;
using Amqp.Storage.Messages.Writing;
using Amqp.Storage.Segments;

namespace Amqp.Storage.Messages.Recovering;

/// <summary>
/// What a queue gets to know of its messages when it is opened. Before the store's start recovery has noted it; while the store runs it is
/// found out anew, because the index has only where messages are: from the entries of all segments, on the caller's thread. Those of a message
/// are alike, wherever merging has put the message meanwhile.
/// </summary>
internal sealed class QueueOpening(ISegmentEngine engine, StoreState state, StoreWriter writer, Damages damages)
{
    /// <param name="queue">Not open, so that nothing comes to it and nothing leaves it.</param>
    public void FindAgain(QueueIndex queue)
    {
        if (queue.Count == 0) return;
        SegmentUse[] segments;
        byte[] current;
        lock (state.Lock)
        {
            segments = [.. state.Segments.All.Where(segment => segment != state.Segments.Current)];
            Array.ForEach(segments, segment => segment.Pin());
            current = writer.CurrentFooter();
        }
        void Note(in IndexEntry entry)
        {
            if (entry.Queue != queue.Id || entry.Type is not (RecordType.Enqueue or RecordType.EnqueueAgain)) return;
            // Merging may move the queue's messages meanwhile.
            lock (state.Lock) queue.Note(entry.Position, entry.BodySize, entry.Attributes);
        }
        var entries = new SegmentEntries(engine);
        foreach (var segment in segments)
        {
            entries.Read(segment.Id, Note);
            segment.Unpin();
        }
        SegmentEntries.Read(current, Note);
    }

    /// <summary>The messages, in order; to be looked at once.</summary>
    /// <param name="wereNoted">What was handed out before has been noted. If not, everything may have been.</param>
    public IEnumerable<RecoveredMessage> MessagesOf(QueueIndex queue, bool wereNoted)
    {
        var messages = new List<RecoveredMessage>();
        var bodiless = 0;
        var chunks = queue.Chunks;
        // Those with keys are few, and are in no order.
        foreach (var chunk in chunks.TakeWhile(Positions.IsKey)) bodiless += Recover(queue, chunk, wereNoted, messages);
        var again = messages.OrderBy(message => message.Position).ToArray();
        var next = 0;
        foreach (var chunk in chunks.SkipWhile(Positions.IsKey))
        {
            messages.Clear();
            bodiless += Recover(queue, chunk, wereNoted, messages);
            foreach (var message in messages)
            {
                for (; next < again.Length && again[next].Position < message.Position; next++) yield return again[next];
                yield return message;
            }
        }
        for (; next < again.Length; next++) yield return again[next];
        lock (state.Lock) queue.ForgetNotes();
        // Not before: a queue that was deleted may have messages whose bodies have been given back.
        if (bodiless > 0) damages.FoundBodiless(bodiless, queue.Id.Value);
    }

    /// <summary>Returns how many have lost their body.</summary>
    private int Recover(QueueIndex queue, long chunk, bool wereNoted, List<RecoveredMessage> into)
    {
        var bodiless = 0;
        // Merging may move them meanwhile.
        lock (state.Lock)
        {
            foreach (var message in queue.InChunk(chunk))
            {
                var isChanged = queue.TryFindChange(message.Key, out var change);
                into.Add(Recovered(isChanged ? message with { Attributes = change.Attributes } : message, wereNoted));
                if (message.Location.IsShared && state.Bodies[message.Location.BodySlot].Segment == 0) bodiless++;
            }
        }
        return bodiless;
    }

    private RecoveredMessage Recovered(in NotedMessage message, bool wereNoted)
    {
        var (length, bodySize) = message.Location.IsShared
            ? (state.Bodies[message.Location.BodySlot].Length, state.Bodies[message.Location.BodySlot].BodySize)
            : (message.Location.Length, message.BodySize);
        return new(message.Position, length + Message.ObjectBytes, bodySize, message.Attributes, Redelivered: !wereNoted || message.WasDelivered);
    }
}
