using System.Runtime.InteropServices;
using Amqp.Core.Ports;

namespace Amqp.Broker.Queues;

/// <summary>Confirms on their way out of a queue: consecutive ones of the same publisher leave together.</summary>
internal sealed class ConfirmBatch
{
    /// <summary>Room for more numbers is given up when they are told: a queue of which much was written at once does not need it any more.</summary>
    private const int NumbersKept = 1024;

    private readonly List<long> _numbers = [];
    private IPublisher? _publisher;

    public void Taken(IPublisher publisher, long number)
    {
        if (publisher != _publisher)
        {
            Flush();
            _publisher = publisher;
        }
        _numbers.Add(number);
    }

    public void Flush()
    {
        if (_publisher is null) return;
        _publisher.Taken(CollectionsMarshal.AsSpan(_numbers));
        Forget();
    }

    /// <summary>The queue has failed, and what it was about to say may not be true.</summary>
    public void Refuse()
    {
        foreach (var number in _numbers) _publisher!.Refused(number);
        Forget();
    }

    private void Forget()
    {
        _publisher = null; // its channel may be gone before this serves again
        _numbers.Clear();
        if (_numbers.Capacity > NumbersKept) _numbers.Capacity = 0;
    }
}
