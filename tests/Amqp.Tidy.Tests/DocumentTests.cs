using System.Text.RegularExpressions;

namespace Amqp.Tidy.Tests;

/// <summary>Every project says what it is, links lead somewhere, and nothing tells on which machine it was written.</summary>
public partial class DocumentTests
{
    [Test]
    public void Every_project_has_a_page() => House.Expect(WithoutPage(Repository.Files));

    [Test]
    public void Every_link_leads_to_a_file() => House.Expect(DeadLinks(Repository.Files, Repository.Exists));

    [Test]
    public void No_file_names_the_machine() => House.Expect(NamingTheMachine(Repository.Files, Environment.MachineName));

    [Test]
    public void A_project_without_a_page_is_caught() =>
        Assert.That(
            WithoutPage([new("a/A/A.csproj", ""), new("a/A/README.md", "Page."), new("a/B/B.csproj", ""), new("a/C/C.csproj", ""), new("a/C/README.md", " ")]),
            Has.Exactly(2).Items);

    [TestCase("[a](gone.md)", ExpectedResult = 1)]
    [TestCase("[a](../gone)", ExpectedResult = 1)]
    [TestCase("![a](gone.png)", ExpectedResult = 1)]
    [TestCase("[a](here.md)", ExpectedResult = 0)]
    [TestCase("[a](here.md#part)", ExpectedResult = 0)]
    [TestCase("[a](#part) [b](https://example.org/gone.md)", ExpectedResult = 0)]
    [TestCase("`[a](gone.md)`", ExpectedResult = 0)]
    [TestCase("```\n[a](gone.md)\n```", ExpectedResult = 0)]
    public int A_dead_link_is_caught(string markdown) => DeadLinks([new SourceFile("x/page.md", markdown)], path => path == "x/here.md").Count();

    [TestCase("see /ho" + "me/somebody/notes", ExpectedResult = 1)]
    [TestCase("cd /wo" + "rk/tree", ExpectedResult = 1)]
    [TestCase("in /ro" + "ot/.nuget", ExpectedResult = 1)]
    [TestCase("measured on builder-7f3a", ExpectedResult = 1)]
    [TestCase("the builder, and https://example.org/home/page", ExpectedResult = 0)]
    public int A_file_that_names_the_machine_is_caught(string text) => NamingTheMachine([new SourceFile("x.md", text)], "builder-7f3a").Count();

    private static IEnumerable<string> WithoutPage(IReadOnlyCollection<SourceFile> files)
    {
        var pages = files.Where(file => file.Path.EndsWith("/README.md", StringComparison.Ordinal) && !string.IsNullOrWhiteSpace(file.Text))
            .Select(file => Path.GetDirectoryName(file.Path)).ToHashSet();
        return files.Where(file => file.Extension == ".csproj" && !pages.Contains(Path.GetDirectoryName(file.Path))).Select(file => $"{file.Path} has no README.md beside it");
    }

    private static IEnumerable<string> DeadLinks(IEnumerable<SourceFile> files, Func<string, bool> exists) =>
        from file in files
        where file.Extension == ".md"
        from Match match in Link().Matches(CodeInMarkdown().Replace(file.Text, ""))
        let target = match.Groups[1].Value
        where target.Length > 0 && !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith("mailto:", StringComparison.Ordinal)
        let path = Path.GetRelativePath("/", Path.GetFullPath(Path.Combine("/", Path.GetDirectoryName(file.Path)!, target)))
        where !exists(path)
        select $"{file.Path}: nothing is at {target}";

    private static IEnumerable<string> NamingTheMachine(IEnumerable<SourceFile> files, string machine)
    {
        // A plain word such as "broker" may be a machine's name and means nothing; a name with a digit or a hyphen is a machine's.
        var telling = machine.Length >= 4 && machine.Any(c => char.IsDigit(c) || c == '-');
        var name = new Regex($@"\b{Regex.Escape(machine)}\b", RegexOptions.IgnoreCase);
        foreach (var file in files)
        {
            foreach (Match match in PrivatePath().Matches(file.Text)) yield return $"{file.Path}:{file.LineAt(match.Index)} {match.Value}";
            if (telling && name.IsMatch(file.Text)) yield return $"{file.Path} names the machine {machine}";
        }
    }

    [GeneratedRegex(@"\[[^\]]*\]\(([^)#\s]*)[^)]*\)")]
    private static partial Regex Link();

    [GeneratedRegex("```.*?```|`[^`\n]*`", RegexOptions.Singleline)]
    private static partial Regex CodeInMarkdown();

    [GeneratedRegex(@"(?<![\w./-])/(home|work|root|Users)/[\w.][\w.-]*")]
    private static partial Regex PrivatePath();
}
