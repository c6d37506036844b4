using Amqp.Broker.Loops;
using Amqp.Core.Ports;

namespace Amqp.Broker.Flow;

/// <summary>
/// What a connection has published and queues or disk have not got yet: it is taken when messages are posted to their queues, and
/// given back by each queue when it has them, or when the disk does if they have to be there. Without credit nothing more is
/// read from the connection than what needs none: everything up to its next content.
/// </summary>
/// <param name="roomAgain">Called when <see cref="HasRoom"/> had said no; from any thread.</param>
internal sealed class PublishCredit(int limitBytes, MemoryBudget memory, Action roomAgain) : IPublishCredit
{
    private readonly ByteWindow _window = new(limitBytes);

    /// <summary>For the connection's read loop, which is woken if this is false.</summary>
    public bool HasRoom() => _window.HasRoom();

    public void Take(long bytes)
    {
        _window.Add(bytes);
        memory.Add(bytes);
    }

    /// <summary>From any thread.</summary>
    public void GiveBack(long bytes)
    {
        memory.Add(-bytes);
        if (_window.Remove(bytes)) roomAgain();
    }
}
