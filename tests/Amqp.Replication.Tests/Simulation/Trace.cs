namespace Amqp.Replication.Tests.Simulation;

/// <summary>What happened in a run, for who has to understand why it failed.</summary>
internal sealed class Trace(Scheduler scheduler)
{
    private const int LinesMax = 20_000;

    private readonly Queue<string> _lines = new();

    public void Add(string who, string what)
    {
        if (_lines.Count == LinesMax) _lines.Dequeue();
        _lines.Enqueue($"{scheduler.Now,7} {who,-4} {what}");
    }

    /// <summary>The last lines, and of those before only what mentions one of these words.</summary>
    public string Shortened(int last, params string[] words)
    {
        var lines = _lines.ToArray();
        var before = lines.SkipLast(last).Where(line => words.Any(word => line.Contains(word, StringComparison.Ordinal)));
        return string.Join('\n', before.Append("        ...").Concat(lines.TakeLast(last)));
    }
}
