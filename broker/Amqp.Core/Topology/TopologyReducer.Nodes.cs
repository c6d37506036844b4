using System.Collections.Immutable;

namespace Amqp.Core.Topology;

/// <content>What goes with a node.</content>
public static partial class TopologyReducer
{
    private static bool EndsWith(QueueDefinition queue, EndNode end) => queue.Owner is { } owner
        ? owner.Node == end.Node && owner.Epoch <= end.Epoch
        : !queue.Durable && (end.Lost.Contains(queue.Id) || (queue.Home.Node == end.Node && queue.Home.Epoch <= end.Epoch && !end.Kept.Contains(queue.Id)));

    private static TopologyResult RemoveAll(TopologySnapshot topology, QueuePlacement? placement, Func<QueueDefinition, bool> isGone) => InEach(topology, placement, draft =>
    {
        var vhost = draft.Vhost;
        foreach (var queue in vhost.Queues.Values.Where(isGone)) draft.Remove(queue);
        // Clients declared the exchange, and what it kept is all that is gone.
        foreach (var exchange in vhost.Exchanges.Values.Where(exchange => exchange.OwnQueue is { } own && isGone(own))) draft.MoveHere(exchange.Name);
    });

    private static TopologyResult RemoveTransient(TopologySnapshot topology, QueuePlacement? placement) => InEach(topology, placement, draft =>
    {
        var vhost = draft.Vhost;
        foreach (var queue in vhost.Queues.Values.Where(queue => !queue.Durable)) draft.Remove(queue);
        foreach (var exchange in vhost.Exchanges.Values.Where(exchange => !exchange.Durable))
        {
            // Another one's removal may have taken it along.
            if (draft.Vhost.FindExchange(exchange.Name) is { } left) draft.Remove(left);
        }
    });

    private static TopologyResult InEach(TopologySnapshot before, QueuePlacement? placement, Action<TopologyDraft> change)
    {
        var (topology, changes) = (before, ImmutableArray.CreateBuilder<TopologyChange>());
        foreach (var vhost in before.VirtualHosts.Values)
        {
            var draft = new TopologyDraft(topology, vhost, placement);
            change(draft);
            var result = draft.Done();
            topology = result.Topology;
            changes.AddRange(result.Changes);
        }
        return new(topology, changes.DrainToImmutable());
    }
}
