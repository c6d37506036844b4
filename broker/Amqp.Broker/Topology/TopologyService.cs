using Amqp.Broker.Loops;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Queues;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Topology;

/// <summary>
/// The only writer of the topology. Commands are applied one after the other to the proposed state; what is durable of them
/// is stored; then, command by command, the change is announced, the new snapshot becomes visible, and whoever proposed it
/// hears of the result.
/// <para>
/// There is no thread. Whoever proposes while nothing is under way does the work itself, and everything that arrives in the
/// meantime, also while the store writes, is done in one go by whoever finishes. So a hundred declares cost a few flushes,
/// and transient ones cost none.
/// </para>
/// </summary>
public sealed partial class TopologyService
{
    private readonly IMetadataStore _store;
    private readonly Action<TopologyResult> _changed;
    private readonly ILogger<TopologyService> _logger;

    private readonly Mailbox<Proposal> _proposals = new();

    /// <summary>What the topology will be when the store has written. Belongs to whoever works.</summary>
    private TopologySnapshot _proposed = TopologySnapshot.Initial;

    private TopologySnapshot _current = TopologySnapshot.Initial;

    /// <param name="store">Where durable changes go.</param>
    /// <param name="changed">Called for every result that changes something, in order, before anybody can see its topology: so
    /// that a queue runs before the first message can be routed to it. It must not throw, and may run on any thread.</param>
    public TopologyService(IMetadataStore store, Action<TopologyResult> changed, ILogger<TopologyService> logger)
    {
        _store = store;
        _changed = changed;
        _logger = logger;
    }

    /// <summary>Called for every result that changes something, in order, when its topology can be seen. It must not throw, and may run on
    /// any thread.</summary>
    public Action<TopologyResult>? Shown { get; init; }

    /// <summary>The topology as of the last command that is complete.</summary>
    public TopologySnapshot Current => Volatile.Read(ref _current);

    /// <summary>Loads what is stored and announces its queues as one change. Called once, before the first proposal.</summary>
    public void Start()
    {
        _proposed = _store.Load();
        var queues = _proposed.VirtualHosts.Values.SelectMany(vhost => vhost.Queues.Values);
        var loaded = new TopologyResult(_proposed, [.. queues.Select(queue => new QueueAdded(queue))]);
        if (loaded.Changed) _changed(loaded);
        Volatile.Write(ref _current, _proposed);
    }

    /// <summary>Asks for a change, from any thread, without blocking.</summary>
    /// <param name="completed">Called when the result is durable and visible, or when it was refused; results come in the order
    /// of the proposals. It runs on any thread, perhaps on this one before the call returns, and must neither block nor throw.</param>
    public void Propose(TopologyCommand command, Action<TopologyResult> completed)
    {
        if (_proposals.Post(new Proposal(command, completed))) Work();
    }

    /// <summary>Does all that waits, until nothing does or the store has to write. Runs once at a time.</summary>
    private void Work()
    {
        while (_proposals.TryDrain(out var proposals))
        {
            var results = new List<TopologyResult>(proposals.Count);
            foreach (var proposal in proposals.Items)
            {
                var result = Apply(proposal.Command);
                _proposed = result.Topology;
                results.Add(result);
            }
            if (results.Exists(result => result.Durable))
            {
                _store.Commit(results, () =>
                {
                    Complete(proposals, results);
                    Work();
                });
                return;
            }
            Complete(proposals, results);
        }
    }

    private TopologyResult Apply(TopologyCommand command)
    {
        try
        {
            return TopologyReducer.Apply(_proposed, command);
        }
#pragma warning disable CA1031 // The reducer is a function and has changed nothing: one command's defect must not end all declaring.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogReducerFailed(_logger, exception, command.GetType().Name);
            return new TopologyResult(_proposed, []) { Error = BrokerError.InternalError("the broker has logged what went wrong") };
        }
    }

    private void Complete(BatchList<Proposal> proposals, List<TopologyResult> results)
    {
        for (var index = 0; index < results.Count; index++)
        {
            var (proposal, result) = (proposals.Items[index], results[index]);
            var command = proposal.Command.GetType().Name;
            if (result.Changed)
            {
                Tell(_changed, result, command);
                Volatile.Write(ref _current, result.Topology);
                Tell(Shown, result, command);
            }
            Tell(proposal.Completed, result, command);
        }
    }

    private void Tell(Action<TopologyResult>? told, TopologyResult result, string command)
    {
        try
        {
            told?.Invoke(result);
        }
#pragma warning disable CA1031 // A defect in one callback must not keep other declares from ever being answered.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogTellingFailed(_logger, exception, command);
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "A {Command} was done, but carrying it out or telling its client failed because of a defect of the broker; what it was about may not work until the node is restarted, please report this")]
    private static partial void LogTellingFailed(ILogger logger, Exception exception, string command);

    [LoggerMessage(Level = LogLevel.Error, Message = "A {Command} was refused because of a defect of the broker; please report this")]
    private static partial void LogReducerFailed(ILogger logger, Exception exception, string command);

    private readonly record struct Proposal(TopologyCommand Command, Action<TopologyResult> Completed);
}
