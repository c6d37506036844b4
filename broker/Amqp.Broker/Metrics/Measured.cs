using Amqp.Core.Metrics;

namespace Amqp.Broker.Metrics;

/// <summary>
/// An object of the node as the <see cref="Sampler"/> sees it: what its owner counts, what its parts counted (those that are gone too), and the
/// whole that it is a part of in turn.
/// <code>
///   channel --> connection --.
///   exchange of a connection --> exchange --> virtual host --> node
///   queue ---------------------------------'
/// </code>
/// </summary>
/// <param name="level">Parts have a lower one than their whole, and are sampled before it.</param>
/// <param name="whole">What it is a part of, or null.</param>
internal abstract class Measured(SampleClock clock, MeasuredLevel level, Measured? whole)
{
    // For the sampler. What its parts counted; allocated with the first.
    private long[]? _ofParts;
    private bool _hasHistory;

    public MeasuredLevel Level { get; } = level;

    /// <summary>How it went.</summary>
    public Meter Meter { get; } = new(clock);

    /// <summary>It is worth a history.</summary>
    public virtual bool KeepsHistory => true;

    /// <summary>False: nothing was counted since the last sample, for certain.</summary>
    protected virtual bool HasNews => true;

    /// <summary>Its owner is no more. It keeps what was counted for the last sample, and releases the owner: many may come and go between two.</summary>
    public virtual void End()
    {
    }

    /// <summary>Adds what it counts itself; from the sampler's thread, while its owner counts on.</summary>
    protected virtual void AddOwn(Span<long> values)
    {
    }

    /// <summary>Takes away what its whole is not to have from here: it is counted there by others.</summary>
    protected virtual void LeaveOut(Span<long> changes)
    {
    }

    /// <summary>Nothing happened, and nothing has to be noted: true of most of a hundred thousand queues, so this touches little memory. For the
    /// sampler.</summary>
    public bool IsQuiet => !_hasHistory && !HasNews;

    /// <summary>Takes a sample. For the sampler.</summary>
    /// <param name="mayBeginHistory">There is room for more histories.</param>
    public void Sample(bool mayBeginHistory)
    {
        Span<long> values = stackalloc long[Counters.Size];
        Span<long> changes = stackalloc long[Counters.Size];
        values.Clear();
        _ofParts?.CopyTo(values);
        AddOwn(values);
        var isActive = Meter.Take(values, changes, mayBeginHistory && KeepsHistory);
        _hasHistory = Meter.HistoryBytes > 0;
        if (!isActive || whole is null) return;
        LeaveOut(changes);
        whole.AddPart(changes);
    }

    private void AddPart(ReadOnlySpan<long> changes)
    {
        _ofParts ??= new long[Counters.Size];
        for (var measure = 0; measure < changes.Length; measure++) _ofParts[measure] += changes[measure];
    }
}

/// <summary>In which order samples are taken.</summary>
internal enum MeasuredLevel
{
    /// <summary>Channels, queues, and what a connection publishes to an exchange.</summary>
    Part,

    /// <summary>Connections and exchanges.</summary>
    Whole,

    VirtualHost,
    Node,
}
