using Amqp.Core.Ports;
using Amqp.Core.Queues;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>A consumer with room for whatever its prefetch allows.</summary>
internal sealed class SimConsumer : QueueConsumer
{
    /// <summary>What a queue decides here is carried out by its node.</summary>
    public override IDeliveryOutlet Outlet => throw new NotSupportedException();

    public override void Added()
    {
    }

    public override void Cancelled()
    {
    }

    protected override bool TryEnter(int bytes) => true;

    protected override void Leave(int count)
    {
    }

    protected override void Decline()
    {
    }
}
