using Amqp.Broker.Loops;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>The answer is to come from the copy on this node, whether it leads or not: who asks for it wants to know what that copy has.</summary>
internal sealed class CopyReply : IReply<BrowsedPart>
{
    private readonly Reply<BrowsedPart> _reply = new();

    public Reply<BrowsedPart> GetAwaiter() => _reply;

    public void Complete(BrowsedPart value) => _reply.Complete(value);

    public void Fail(BrokerError error) => _reply.Fail(error);
}
