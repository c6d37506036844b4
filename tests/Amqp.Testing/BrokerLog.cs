using System.Text.RegularExpressions;

namespace Amqp.Testing;

/// <summary>
/// What a broker process printed. Lines of the levels warn, fail and crit, and everything on the error stream, are trouble: a test
/// fails for them unless it declared them.
/// </summary>
public sealed partial class BrokerLog
{
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private readonly List<string> _trouble = [];
    private readonly List<Expectation> _expectations = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock) return [.. _lines];
        }
    }

    /// <summary>
    /// Declares that a line matching <paramref name="pattern"/> must come, from now until the end of the test, and that such lines
    /// are no trouble.
    /// </summary>
    public void Expect(string pattern)
    {
        lock (_lock) _expectations.Add(new Expectation(new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(1))));
    }

    /// <summary>Declares that lines matching <paramref name="pattern"/> are no trouble, whether one comes or not.</summary>
    public void Allow(string pattern)
    {
        lock (_lock) _expectations.Add(new Expectation(new Regex(pattern, RegexOptions.None, TimeSpan.FromSeconds(1))) { HasCome = true });
    }

    /// <summary>The patterns declared by the test that ends now of which no line has come yet.</summary>
    public IReadOnlyList<string> Missing()
    {
        lock (_lock)
        {
            return [.. _expectations.Where(expectation => expectation is { TestEnded: false, HasCome: false })
                .Select(expectation => expectation.Pattern.ToString())];
        }
    }

    /// <summary>Takes out the trouble seen since the last call that no test declared.</summary>
    public IReadOnlyList<string> TakeTrouble()
    {
        lock (_lock)
        {
            var undeclared = _trouble.Where(line => !_expectations.Exists(expectation => expectation.Pattern.IsMatch(line))).ToList();
            _trouble.Clear();
            return undeclared;
        }
    }

    /// <summary>
    /// Forgets the declarations of the test before the one that ends now: a line may be printed a moment after the test that
    /// caused it, and must not be blamed on the next one.
    /// </summary>
    public void EndTest()
    {
        lock (_lock)
        {
            _expectations.RemoveAll(expectation => expectation.TestEnded);
            foreach (var expectation in _expectations) expectation.TestEnded = true;
        }
    }

    internal void AddOutput(string line) => Add(line, TroubleLine().IsMatch(line));

    internal void AddError(string line) => Add(line, isTrouble: line.Length > 0);

    private void Add(string line, bool isTrouble)
    {
        lock (_lock)
        {
            _lines.Add(line);
            if (!isTrouble) return;
            _trouble.Add(line);
            foreach (var expectation in _expectations)
            {
                if (!expectation.HasCome && expectation.Pattern.IsMatch(line)) expectation.HasCome = true;
            }
        }
    }

    // 2026-11-21T09:44:29.123Z warn: Category[0] message
    [GeneratedRegex(@"^\S*\s*(warn|fail|crit): ", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TroubleLine();

    private sealed class Expectation(Regex pattern)
    {
        public Regex Pattern { get; } = pattern;

        public bool HasCome { get; set; }

        public bool TestEnded { get; set; }
    }
}
