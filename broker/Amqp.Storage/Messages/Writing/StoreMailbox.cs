using System.Diagnostics.CodeAnalysis;
using Amqp.Core.Records;

namespace Amqp.Storage.Messages.Writing;

/// <summary>
/// What is wanted of the store's thread, in the order it was asked. Any thread posts; the store's thread takes everything that has come
/// meanwhile as one group, and waits when there is nothing.
/// </summary>
/// <remarks>A leaf lock: held for copies, never while calling out.</remarks>
internal sealed class StoreMailbox
{
    private readonly object _lock = new();
    private StoreGroup _incoming = new();
    private StoreGroup _taken = new();
    private bool _isWaiting;
    private bool _isClosed;
    private bool _isNudged;

    public void Post(in StoreRequest request, ReadOnlySpan<StoreRecord> records = default)
    {
        lock (_lock)
        {
            _incoming.Records.AddRange(records);
            _incoming.Requests.Add(request);
            Wake();
        }
    }

    /// <summary>Wakes the thread without a request: something that it looks at by itself has changed.</summary>
    public void Nudge()
    {
        lock (_lock)
        {
            _isNudged = true;
            Wake();
        }
    }

    /// <summary>Nothing more comes.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            Wake();
        }
    }

    /// <summary>Takes all that has come since the last call; the group is valid until the next.</summary>
    /// <param name="waitMs">How long to wait when nothing has: 0 not at all, -1 as long as it takes. Then the group is empty.</param>
    /// <returns>False: the mailbox is closed and empty.</returns>
    public bool TryTake(int waitMs, [NotNullWhen(true)] out StoreGroup? group)
    {
        _taken.Clear();
        lock (_lock)
        {
            while (_incoming.Requests.Count == 0 && !_isNudged && !_isClosed && waitMs != 0)
            {
                _isWaiting = true;
                var isWoken = Monitor.Wait(_lock, waitMs);
                _isWaiting = false;
                if (!isWoken) break;
            }
            var isOver = _isClosed && _incoming.Requests.Count == 0;
            _isNudged = false;
            (_incoming, _taken) = (_taken, _incoming);
            group = isOver ? null : _taken;
            return !isOver;
        }
    }

    private void Wake()
    {
        if (_isWaiting) Monitor.Pulse(_lock);
    }
}
