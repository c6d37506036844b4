using Amqp.Core.Messages;
using AMQP.Net;

namespace Amqp.Core.Queues;

/// <content>
/// Looking into the queue without changing it: what is ready, what consumers have and what waits, in the order of positions, which name messages over
/// restarts too. What is on the disk is read for who looks, and not kept. Consumers with <c>x-browse</c> see all there is, and then what comes.
/// </content>
public sealed partial class QueueState
{
    /// <summary>Messages of which a browsing consumer has the next in hand.</summary>
    private const int BrowsedAheadMax = 64;

    private const string BrowsePositionHeader = "x-browse-position";

    // Null while there are none: most queues never have any.
    private List<Browser>? _browsers;

    /// <summary>Some consumers browse: <see cref="ServeBrowsers"/> follows each step.</summary>
    public bool HasBrowsers => _browsers is not null;

    /// <summary>Looks for a part of the queue.</summary>
    /// <returns>Positions of messages in it that have to be read from the store first; see <see cref="Browsed"/>.</returns>
    public long[] Browse(BrowsedPart part, long now)
    {
        var position = Math.Max(0, part.From);
        for (; !part.IsFull && (position = _log.Next(position, Looking.ForAny)) < _log.End; position++)
        {
            ref var entry = ref _log[position];
            if (StateOf(entry, now) is not { } state) continue;
            var message = _log.BodyOf(position);
            var count = _countsDeliveries ? entry.DeliveryCount : 0;
            if (message is not null && count > 0) message = WithDeliveryCount(message, entry);
            part.Add(new BrowsedMessage(position, message, state, entry.Is(EntryFlags.Redelivered), count, HoldsDelays ? OnWallClock(entry.ExpiresAt) : 0), entry.Size);
        }
        part.Next = Math.Max(part.From, position);
        part.IsLast = position >= _log.End;
        return part.Absent();
    }

    /// <summary>The rest of such a part was read.</summary>
    public void Browsed(BrowsedPart part, ReadOnlySpan<long> positions, ReadOnlySpan<Message?> messages)
    {
        part.Fill(positions, messages);
        foreach (var browser in _browsers ?? [])
        {
            if (browser.Part == part) browser.IsReading = false;
        }
    }

    /// <summary>Gives browsing consumers what there is for them, as far as they have room.</summary>
    public void ServeBrowsers(long now)
    {
        foreach (var browser in _browsers ?? []) Serve(browser, now);
    }

    private void Serve(Browser browser, long now)
    {
        while (!browser.IsBlocked && !browser.IsReading)
        {
            if (browser.Given < browser.Part.Messages.Count)
            {
                var (position, message, _, redelivered, _, _) = browser.Part.Messages[browser.Given];
                message = message!.WithHeader(BrowsePositionHeader, FieldValue.From(position));
                browser.IsBlocked = !browser.Consumer.TryEnter(message.Size);
                if (browser.IsBlocked) return;
                browser.Given++;
                _effects.Deliver(new Delivery(browser.Consumer, position, message, redelivered));
                continue;
            }
            if (browser.Part.Next >= _log.End) return;
            browser.Begin(new BrowsedPart(browser.Part.Next, BrowsedAheadMax));
            if (Browse(browser.Part, now) is not { Length: > 0 } absent) continue;
            browser.IsReading = true;
            _effects.Browse(browser.Part, absent);
        }
    }

    private void RemoveBrowser(QueueConsumer consumer)
    {
        _browsers?.RemoveAll(browser => browser.Consumer == consumer);
        if (_browsers is { Count: 0 }) _browsers = null;
    }

    private void AddBrowser(QueueConsumer consumer, long from) => (_browsers ??= []).Add(new Browser(consumer, new BrowsedPart(Math.Min(from, _log.End), countMax: 1)));

    /// <summary>The room that a browsing consumer waited for is there. False: it is none.</summary>
    private bool TryResumeBrowser(QueueConsumer consumer, long now)
    {
        if (_browsers?.Find(browser => browser.Consumer == consumer) is not { } browser) return false;
        browser.IsBlocked = false;
        Serve(browser, now);
        if (!browser.IsBlocked) consumer.Decline();
        return true;
    }

    /// <summary>Null: it is not seen, because it has expired, leaves or belongs to a transaction that is not committed.</summary>
    private BrowsedState? StateOf(in MessageLog.Entry entry, long now)
    {
        if (entry.Slot == MessageHolder.None) return IsExpired(entry, now) ? null : BrowsedState.Ready;
        return _unacked.HolderOf(entry.Slot) switch
        {
            DelayHolder => BrowsedState.Delayed,
            DeadLetterHolder or TransactionPart => null,
            var holder when holder == _groups?.Holder => BrowsedState.Ready,
            _ => BrowsedState.Unacknowledged,
        };
    }

    /// <summary>A consumer that browses, and how far it has come.</summary>
    private sealed class Browser(QueueConsumer consumer, BrowsedPart part)
    {
        public QueueConsumer Consumer { get; } = consumer;

        /// <summary>What it is being given.</summary>
        public BrowsedPart Part { get; private set; } = part;

        /// <summary>So many of that it has.</summary>
        public int Given { get; set; }

        /// <summary>The part is not there yet.</summary>
        public bool IsReading { get; set; }

        /// <summary>Until it is resumed.</summary>
        public bool IsBlocked { get; set; }

        public void Begin(BrowsedPart part) => (Part, Given) = (part, 0);
    }
}
