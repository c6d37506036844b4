using System.Text.RegularExpressions;

namespace Amqp.Tidy.Tests;

/// <summary>Something a rule found. <paramref name="What"/> is the word an exception names.</summary>
internal sealed record Finding(string Path, int Line, string What, string Why)
{
    public override string ToString() => $"{Path}:{Line} {What}: {Why}";
}

/// <summary>A named exception from a rule. One that matches nothing any more fails the test as well, so that the list only shrinks.</summary>
internal sealed record Allowed(string Path, string What, string Reason);

internal sealed record ForbiddenWord(string What, string Pattern, string Why)
{
    private readonly Regex _regex = new(Pattern, RegexOptions.CultureInvariant);

    public IEnumerable<Finding> Find(SourceFile file, string text) =>
        _regex.Matches(text).Select(match => new Finding(file.Path, file.LineAt(match.Index), What, Why));
}

internal static class House
{
    /// <summary>Passes when every finding has its exception and every exception its finding.</summary>
    public static void Expect(IEnumerable<Finding> findings, IReadOnlyCollection<Allowed> exceptions)
    {
        var found = findings.ToList();
        var unexcused = found.Where(finding => !exceptions.Any(exception => Covers(exception, finding))).Select(finding => finding.ToString());
        var stale = exceptions.Where(exception => !found.Exists(finding => Covers(exception, finding)))
            .Select(exception => $"{exception.Path} {exception.What}: the exception is no longer needed, remove it from Exceptions.cs");
        Expect(unexcused.Concat(stale));
    }

    public static void Expect(IEnumerable<string> violations)
    {
        var list = violations.ToList();
        if (list.Count > 0) Assert.Fail(string.Join('\n', list));
    }

    private static bool Covers(Allowed exception, Finding finding) => exception.Path == finding.Path && exception.What == finding.What;
}
