using Amqp.Broker.Flow;
using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <content>
/// While the node runs short of something (<see cref="Alarms"/>), a connection that publishes is not read any more: from the header
/// of the first content on, as in RabbitMQ, so that its body stays where it is. Connections that only consume, settle or declare
/// notice nothing. One that publishes faster than queues and disk take it (<see cref="PublishCredit"/>) is held back at the same
/// place, without a word; unless an alarm comes meanwhile, which may be what it waits for.
/// </content>
internal sealed partial class AmqpConnection
{
    private bool _isBlocked;
    private bool _needsCredit;

    /// <summary>A channel begins to read a content: while an alarm is on, or without credit, nothing more is read.</summary>
    public void BeginContent()
    {
        _needsCredit = true;
        if (Services.Alarms.AreOn) Block();
    }

    /// <summary>More of a content is to come.</summary>
    public void ContinueContent()
    {
        if (Services.Alarms.AreOn) Block();
    }

    private void Block()
    {
        if (_isBlocked || Services.Alarms.Reason is not { } reason) return;
        _isBlocked = true;
        if (Client.WantsBlocked) Send(new ConnectionBlocked(reason));
    }

    /// <summary>The client's end of the stream is gone. From any thread. One that is read shows that by itself, when what it said
    /// before is done.</summary>
    private void ClientGone() => Loop.Post(() =>
    {
        if (_isBlocked) End();
    });

    /// <summary>True while a content is next, and what was published before it takes all of the credit.</summary>
    private bool IsOutOfCredit()
    {
        if (!_needsCredit) return false;
        _needsCredit = !Credit.HasRoom();
        if (_needsCredit && Services.Alarms.Watch(Loop)) Block();
        return _needsCredit;
    }

    /// <summary>True while it is blocked; the end of the last alarm is noticed here.</summary>
    private bool IsBlocked()
    {
        if (!_isBlocked || Services.Alarms.Watch(Loop)) return _isBlocked;
        _isBlocked = false;
        if (Client.WantsBlocked) Send(default(ConnectionUnblocked));
        return false;
    }
}
