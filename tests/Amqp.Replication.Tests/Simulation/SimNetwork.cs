namespace Amqp.Replication.Tests.Simulation;

/// <summary>Links between nodes that lose, delay, reorder and double what is sent, and can be cut in one direction.</summary>
internal sealed class SimNetwork(Scheduler scheduler)
{
    private readonly HashSet<(string From, string To)> _cuts = [];

    /// <summary>Of what is sent.</summary>
    public double LossRate { get; set; }

    public double DoubleRate { get; set; }

    /// <summary>What is on its way takes so long at most.</summary>
    public long DelayMsMax { get; set; } = 5;

    public bool IsCut(string from, string to) => _cuts.Contains((from, to));

    public void Cut(string from, string to) => _cuts.Add((from, to));

    public void Heal() => _cuts.Clear();

    public void Send(string from, string to, Action arrives)
    {
        for (var copies = scheduler.Chance(DoubleRate) ? 2 : 1; copies > 0; copies--)
        {
            if (IsCut(from, to) || scheduler.Chance(LossRate)) continue;
            scheduler.After(0, DelayMsMax, () =>
            {
                if (!IsCut(from, to)) arrives();
            });
        }
    }
}
