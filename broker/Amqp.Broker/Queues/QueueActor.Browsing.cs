using Amqp.Core.Errors;
using Amqp.Core.Messages;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <content>A queue that is looked at. What is not in memory is read first, and goes to who looks alone.</content>
internal sealed partial class QueueActor
{
    // Parts that are being read; most queues are never looked at.
    private HashSet<Browsing>? _browsing;

    private void Browse(BrowsedPart part, IReply<BrowsedPart> reply, long now) => Read(part, _state.Browse(part, now), reply);

    /// <param name="reply">Null: it is for a consumer.</param>
    private void Read(BrowsedPart part, long[] absent, IReply<BrowsedPart>? reply)
    {
        if (absent.Length == 0)
        {
            reply?.Complete(part);
            return;
        }
        var browsing = new Browsing(this, part, reply);
        (_browsing ??= []).Add(browsing);
        _services.Store.Read(Definition.Id, absent, browsing);
    }

    private void Browsed(Browsing browsing)
    {
        _browsing!.Remove(browsing);
        _messagesRead += browsing.Positions.Length;
        _state.Browsed(browsing.Part, browsing.Positions, browsing.Messages);
        browsing.Reply?.Complete(browsing.Part);
    }

    /// <summary>Who waits for a part hears that there is none.</summary>
    private void RefuseBrowsing(BrokerError error)
    {
        foreach (var browsing in _browsing ?? []) browsing.Reply?.Fail(error);
        _browsing = null;
    }

    /// <summary>A part whose messages are being read.</summary>
    private sealed class Browsing(IQueueEndpoint queue, BrowsedPart part, IReply<BrowsedPart>? reply) : IMessageReader
    {
        public BrowsedPart Part => part;

        public IReply<BrowsedPart>? Reply => reply;

        public long[] Positions { get; private set; } = [];

        public Message?[] Messages { get; private set; } = [];

        public void Loaded(long[] positions, Message?[] messages)
        {
            (Positions, Messages) = (positions, messages);
            queue.Post(QueueOperation.Browsed(this));
        }
    }
}
