namespace Amqp.Replication.Tests.Simulation;

/// <summary>Time and chance of one simulated run: everything happens on one thread, in an order that the seed decides.</summary>
internal sealed class Scheduler(int seed)
{
    private const long StepsMax = 2_000_000;

    private readonly PriorityQueue<Action, (long Time, long Order)> _actions = new();
    private long _order;
    private long _steps;

    public Random Random { get; } = new(seed);

    /// <summary>Milliseconds since the run began.</summary>
    public long Now { get; private set; }

    public void After(long ms, Action action) => _actions.Enqueue(action, (Now + ms, ++_order));

    /// <summary>After a time of any length in the range.</summary>
    public void After(long fromMs, long toMs, Action action) => After(Random.NextInt64(fromMs, toMs + 1), action);

    public bool Chance(double probability) => Random.NextDouble() < probability;

    public T Pick<T>(IReadOnlyList<T> items) => items[Random.Next(items.Count)];

    /// <summary>Does what is next. False: there is nothing, or not before that time.</summary>
    public bool TryStep(long until)
    {
        if (!_actions.TryPeek(out _, out var next) || next.Time > until)
        {
            Now = Math.Max(Now, until);
            return false;
        }
        if (++_steps > StepsMax) throw new AssertionException("it goes on for ever");
        Now = next.Time;
        _actions.Dequeue()();
        return true;
    }
}
