using System.Collections.Immutable;
using Amqp.Core.Errors;

namespace Amqp.Core.Topology;

/// <summary>The changes of one command in a virtual host as they are being made, with what follows from each.</summary>
/// <param name="placement">Where new queues are to be; null: on a node that is alone.</param>
internal sealed class TopologyDraft(TopologySnapshot before, VirtualHost vhost, QueuePlacement? placement = null)
{
    private readonly ImmutableArray<TopologyChange>.Builder _changes = ImmutableArray.CreateBuilder<TopologyChange>();
    private long _lastQueueId = before.LastQueueId;

    public VirtualHost Vhost { get; private set; } = vhost;

    public QueueId NextQueueId() => new(_lastQueueId + 1);

    /// <summary>The node that a new exchange's own queue is to be on.</summary>
    public QueueHome HomeOfExchange(bool isDurable) => placement?.Here(isDurable) ?? default;

    /// <summary>A new queue, on the node where it is to be.</summary>
    /// <param name="node">Where that is, if something says so.</param>
    public void Add(QueueDefinition queue, string? node)
    {
        queue = queue.Under(Vhost.Policies.For(queue));
        Do(new QueueAdded(placement is null ? queue : queue.At(placement.HomeOf(queue, before, node))));
    }

    public void Do(ChangeInVhost change)
    {
        if (change is QueueAdded { Queue: var queue }) change = new QueueAdded(queue.Under(Vhost.Policies.For(queue)));
        if (change is ExchangeAdded { Exchange: var exchange }) change = new ExchangeAdded(exchange.Under(Vhost.Policies.For(exchange)));
        Vhost = change.ApplyTo(Vhost);
        if (change.NewQueue is { } added) _lastQueueId = Math.Max(_lastQueueId, added.Id.Value);
        _changes.Add(change);
    }

    public void Remove(QueueDefinition queue)
    {
        var sources = SourcesOf(Destination.Queue(queue.Name));
        Do(new QueueRemoved(queue));
        RemoveUnused(sources);
    }

    public void Remove(Binding binding)
    {
        Do(new BindingRemoved(Vhost.Name, binding, Vhost.IsDurable(binding)));
        RemoveUnused([binding.Source]);
    }

    public void Remove(Exchange exchange)
    {
        var sources = SourcesOf(Destination.Exchange(exchange.Name));
        Do(new ExchangeRemoved(exchange));
        RemoveUnused(sources);
    }

    /// <summary>An exchange that keeps messages keeps them here from now on, and has none yet.</summary>
    public void MoveHere(string name)
    {
        var exchange = Vhost.Exchanges[name];
        Binding[] bindings = [.. Vhost.Bindings.OfSource(name), .. Vhost.Bindings.OfDestination(Destination.Exchange(name)).Where(binding => binding.Source != name)];
        Do(new ExchangeRemoved(exchange));
        Do(new ExchangeAdded(exchange.At(NextQueueId(), HomeOfExchange(exchange.Durable))));
        foreach (var binding in bindings) Do(new BindingAdded(Vhost.Name, binding, Vhost.IsDurable(binding)));
    }

    public TopologyResult Done() =>
        _changes.Count == 0 ? new(before, []) : new(before.With(Vhost, _lastQueueId), _changes.DrainToImmutable());

    /// <summary>Nothing changes; with an error of null, because it was so already.</summary>
    public TopologyResult Refuse(BrokerError? error) => new(before, []) { Error = error };

    /// <summary>
    /// An auto-delete exchange goes with its last binding as a source. That may take the last binding of an exchange that was
    /// bound to it, and so on; a list and not recursion, because clients decide how long the chain is.
    /// </summary>
    private void RemoveUnused(IEnumerable<string> sources)
    {
        var pending = new Queue<string>(sources);
        while (pending.TryDequeue(out var name))
        {
            if (Vhost.FindExchange(name) is not { AutoDelete: true } exchange || !Vhost.Bindings.OfSource(name).IsEmpty) continue;
            foreach (var source in SourcesOf(Destination.Exchange(name))) pending.Enqueue(source);
            Do(new ExchangeRemoved(exchange));
        }
    }

    private string[] SourcesOf(Destination destination) =>
        Vhost.Bindings.OfDestination(destination).Select(binding => binding.Source).Distinct().ToArray();
}
