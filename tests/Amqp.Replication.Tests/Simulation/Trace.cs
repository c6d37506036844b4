using System.Runtime.CompilerServices;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>What happened in a run, for who has to understand why it failed. It is kept only when the run is repeated for that: most runs are not, and texts take half of their time.</summary>
internal sealed class Trace(Scheduler scheduler, bool isKept)
{
    private const int LinesMax = 20_000;

    private readonly Queue<string> _lines = new();

    public bool IsKept => isKept;

    public void Add(string who, [InterpolatedStringHandlerArgument("")] Text what)
    {
        if (!isKept) return;
        if (_lines.Count == LinesMax) _lines.Dequeue();
        _lines.Enqueue($"{scheduler.Now,7} {who,-4} {what.Written()}");
    }

    public void Add(string who, string what) => Add(who, $"{what}");

    /// <summary>The last lines, and of those before only what mentions one of these words.</summary>
    public string Shortened(int last, params string[] words)
    {
        var lines = _lines.ToArray();
        var before = lines.SkipLast(last).Where(line => words.Any(word => line.Contains(word, StringComparison.Ordinal)));
        return string.Join('\n', before.Append("        ...").Concat(lines.TakeLast(last)));
    }

    /// <summary>A text that is put together only if it is kept.</summary>
    [InterpolatedStringHandler]
    internal ref struct Text
    {
        private DefaultInterpolatedStringHandler _text;

        public Text(int literalLength, int formattedCount, Trace trace, out bool isKept)
        {
            isKept = trace.IsKept;
            if (isKept) _text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public string Written() => _text.ToStringAndClear();
    }
}
