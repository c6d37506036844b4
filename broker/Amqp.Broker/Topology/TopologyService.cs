using System.Collections.Immutable;
using Amqp.Broker.Loops;
using Amqp.Core.Errors;
using Amqp.Core.Ports;
using Amqp.Core.Topology;
using Microsoft.Extensions.Logging;

namespace Amqp.Broker.Topology;

/// <summary>
/// The only writer of the topology. Commands are applied one after the other; what of that has to be kept is stored; then, command by
/// command, the change is announced, the new snapshot becomes visible, and, when the other nodes go by it too, the proposer hears of the result. What other nodes
/// change is repeated here; where a commit meets that, its commands are applied anew.
/// <para>
/// There is no thread. A proposer that finds nothing under way does the work itself, and everything that arrives in the
/// meantime, also while the store writes, is done in one go when that is done. So a hundred declares cost a few flushes,
/// and transient ones cost none.
/// </para>
/// </summary>
public sealed partial class TopologyService
{
    private readonly IMetadataStore _store;
    private readonly Action<TopologyResult> _changed;
    private readonly ILogger<TopologyService> _logger;

    private readonly Mailbox<Proposal> _incoming = new();

    // Belong to the thread that works.
    private readonly List<Proposal> _waiting = [];
    private long _revision;

    private TopologySnapshot _current = TopologySnapshot.Initial;

    /// <param name="store">Where changes go that have to be kept.</param>
    /// <param name="changed">Called for every result that changes something, in order, before anything can see its topology: so
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

    /// <summary>Says where new queues are to be; null: here, the node is alone.</summary>
    public Func<QueuePlacement?> Placement { get; init; } = () => null;

    /// <summary>The topology as of the last command that is complete.</summary>
    public TopologySnapshot Current => Volatile.Read(ref _current);

    /// <summary>Loads what is stored and announces its queues as one change. Called once, before the first proposal.</summary>
    /// <param name="loaded">Called with what is stored, before anything is announced.</param>
    /// <param name="cancellation">Ends the waiting for a store that cannot be reached.</param>
    public async Task Start(Action<StoredTopology> loaded, CancellationToken cancellation)
    {
        // Until what is loaded is in its place, what other nodes change meanwhile waits.
        _incoming.Post(default);
        var stored = await _store.Load(Follow, cancellation);
        loaded(stored);
        _revision = stored.Revision;
        var queues = stored.Topology.VirtualHosts.Values.SelectMany(vhost => vhost.AllQueues);
        var found = new TopologyResult(stored.Topology, [.. queues.Select(queue => new QueueAdded(queue))]);
        if (found.Changed) _changed(found);
        Volatile.Write(ref _current, stored.Topology);
        _store.Shown(_revision);
        Work();
    }

    /// <summary>Asks for a change, from any thread, without blocking.</summary>
    /// <param name="completed">Called when the result is durable and visible, or when it was refused; results come in the order
    /// of the proposals. It runs on any thread, perhaps on this one before the call returns, and must neither block nor throw.</param>
    public void Propose(TopologyCommand command, Action<TopologyResult> completed) => Post(new Proposal(command, completed));

    /// <summary>Another node has changed something.</summary>
    private void Follow(StoredChanges changes) => Post(new Proposal(changes));

    private void Post(in Proposal proposal)
    {
        if (_incoming.Post(proposal)) Work();
    }

    /// <summary>Does all that waits, until nothing does or the store has to write. Runs once at a time.</summary>
    private void Work()
    {
        while (_incoming.TryDrain(out var incoming))
        {
            foreach (var proposal in incoming.Items)
            {
                if (proposal.Changes is { } changes) Apply(changes);
                else if (proposal.Command is not null) _waiting.Add(proposal);
            }
            if (!TryDoWaiting()) return;
        }
    }

    /// <summary>False: the store has to write first, and the work goes on from there.</summary>
    private bool TryDoWaiting()
    {
        var topology = _current;
        var results = new List<TopologyResult>(_waiting.Count);
        foreach (var proposal in _waiting)
        {
            results.Add(Apply(topology, proposal.Command!));
            topology = results[^1].Topology;
        }
        if (results.Exists(result => result.Changes.Any(_store.Keeps)))
        {
            _store.Commit(_revision, results, answer => Answered(answer, results));
            return false;
        }
        Complete(results);
        return true;
    }

    private void Answered(CommitAnswer answer, List<TopologyResult> results)
    {
        switch (answer.Outcome)
        {
            case CommitOutcome.Done:
                _revision = answer.Revision;
                Complete(results);
                break;
            case CommitOutcome.Conflict:
                _incoming.Post(default); // what is waiting is done again, behind what has been told
                break;
            default:
                LogUnknown(_logger, results.Count);
                Complete(results.ConvertAll(_ => Failed("the metadata store cannot be reached; the change may have been made or not")));
                break;
        }
        Work();
    }

    private TopologyResult Apply(TopologySnapshot topology, TopologyCommand command)
    {
        try
        {
            return TopologyReducer.Apply(topology, command, Placement()) with { User = command.By };
        }
#pragma warning disable CA1031 // The reducer is a function and has changed nothing: one command's defect must not end all declaring.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogReducerFailed(_logger, exception, command.GetType().Name);
            return Failed("the broker has logged what went wrong") with { Topology = topology };
        }
    }

    private TopologyResult Failed(string why) => new(_current, []) { Error = BrokerError.InternalError(why) };

    /// <summary>Repeats what another node has changed.</summary>
    private void Apply(StoredChanges stored)
    {
        var topology = _current;
        var changes = ImmutableArray.CreateBuilder<TopologyChange>();
        foreach (var change in stored.Changes)
        {
            if (TopologyReducer.Replay(topology, change) is { } replayed)
            {
                topology = replayed.Topology;
                changes.AddRange(replayed.Changes);
            }
            else LogCannotFollow(_logger, change);
        }
        _revision = stored.Revision;
        Show(new TopologyResult(topology, changes.DrainToImmutable()) { IsFromOutside = true }.UnderPolicies(), "change of another node");
        _store.Shown(_revision);
    }

    private void Complete(List<TopologyResult> results)
    {
        for (var index = 0; index < results.Count; index++)
        {
            var (proposal, result) = (_waiting[index], results[index]);
            var command = proposal.Command!.GetType().Name;
            Show(result, command);
            // Even if it has changed nothing: what it has found may be another's change that some node does not know yet.
            _store.WhenFollowed(_revision, () => Tell(proposal.Completed, result, command));
        }
        _waiting.Clear();
        _store.Shown(_revision);
    }

    private void Show(TopologyResult result, string command)
    {
        if (!result.Changed) return;
        Tell(_changed, result, command);
        Volatile.Write(ref _current, result.Topology);
        Tell(Shown, result, command);
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

    [LoggerMessage(Level = LogLevel.Error, Message = "The metadata store cannot be reached: {Count} changes of definitions were refused, and may have been made all the same")]
    private static partial void LogUnknown(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "Another node has changed what this node does not have, and this node may know other definitions than others until it is restarted: {Change}")]
    private static partial void LogCannotFollow(ILogger logger, TopologyChange change);

    /// <summary>A command, or what another node has changed; or nothing, which is a reason to look at what waits.</summary>
    private readonly record struct Proposal(TopologyCommand? Command, Action<TopologyResult>? Completed, StoredChanges? Changes)
    {
        public Proposal(TopologyCommand command, Action<TopologyResult> completed)
            : this(command, completed, Changes: null)
        {
        }

        public Proposal(StoredChanges changes)
            : this(Command: null, Completed: null, changes)
        {
        }
    }
}
