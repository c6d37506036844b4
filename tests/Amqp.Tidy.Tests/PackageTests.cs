using System.Text.Json;
using System.Text.RegularExpressions;

namespace Amqp.Tidy.Tests;

/// <summary>Pins are for something, and the executables that share the folder out/ agree on the version of every package in it.</summary>
public partial class PackageTests
{
    [Test]
    public void Every_pin_is_used() =>
        House.Expect(Unused(Repository.File("Directory.Packages.props").Text, Repository.Files), Exceptions.Packages);

    [Test]
    public void What_is_published_into_one_folder_agrees() => House.Expect(Disagreements(PublishedLockFiles()));

    [Test]
    public void Four_executables_are_published() => Assert.That(PublishedLockFiles().Count(), Is.GreaterThanOrEqualTo(4));

    [Test]
    public void An_unused_pin_is_caught() =>
        Assert.That(
            Unused("""<PackageVersion Include="Used" /><PackageVersion Include="Pin" /><PackageVersion Include="Idle" />""",
            [
                new SourceFile("a.csproj", """<PackageReference Include="Used" />"""),
                new SourceFile("a/packages.lock.json", """{"dependencies":{"net10.0":{"Pin":{"type":"CentralTransitive","resolved":"1.0.0"}}}}"""),
            ]).Select(finding => finding.What),
            Is.EqualTo(new[] { "Idle" }));

    [TestCase("1.0.0", ExpectedResult = 0)]
    [TestCase("1.0.1", ExpectedResult = 1)]
    public int A_disagreement_is_caught(string version) =>
        Disagreements([LockFile("a", "1.0.0"), LockFile("b", version)]).Count();

    private static IEnumerable<Finding> Unused(string pins, IReadOnlyCollection<SourceFile> files)
    {
        var referenced = files.SelectMany(file => Reference().Matches(file.Extension is ".csproj" or ".props" ? file.Text : "")).Select(match => match.Groups[1].Value);
        var locked = files.Where(file => file.Path.EndsWith("packages.lock.json", StringComparison.Ordinal)).SelectMany(Resolved)
            .Where(package => package.Type == "CentralTransitive").Select(package => package.Name);
        var used = referenced.Concat(locked).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return Pin().Matches(pins).Select(match => match.Groups[1].Value).Where(pin => !used.Contains(pin))
            .Select(pin => new Finding("Directory.Packages.props", 1, pin, "no project references this package and no lock file pins it"));
    }

    private static IEnumerable<string> Disagreements(IEnumerable<SourceFile> lockFiles) =>
        from package in lockFiles.SelectMany(Resolved)
        group package.Version by package.Name into versions
        where versions.Distinct().Count() > 1
        select $"{versions.Key} is published in several versions: {string.Join(", ", versions.Distinct())}";

    private static IEnumerable<SourceFile> PublishedLockFiles() =>
        Executable().Matches(Repository.File("tools/scripts/publish.proj").Text)
            .Select(match => Path.GetRelativePath(Repository.Root, Path.Combine(Repository.Root, "tools/scripts", match.Groups[1].Value)))
            .Select(project => Repository.File($"{Path.GetDirectoryName(project)}/packages.lock.json"));

    private static IEnumerable<(string Name, string Version, string Type)> Resolved(SourceFile lockFile)
    {
        using var document = JsonDocument.Parse(lockFile.Text);
        return (from framework in document.RootElement.GetProperty("dependencies").EnumerateObject()
                from package in framework.Value.EnumerateObject()
                where package.Value.TryGetProperty("resolved", out _)
                select (package.Name, package.Value.GetProperty("resolved").GetString()!, package.Value.GetProperty("type").GetString()!)).ToList();
    }

    private static SourceFile LockFile(string project, string version) =>
        new($"{project}/packages.lock.json", """{"dependencies":{"net10.0":{"P":{"type":"Direct","resolved":"VERSION"}}}}""".Replace("VERSION", version, StringComparison.Ordinal));

    [GeneratedRegex("<PackageVersion Include=\"([^\"]+)\"")]
    private static partial Regex Pin();

    [GeneratedRegex("<PackageReference Include=\"([^\"]+)\"")]
    private static partial Regex Reference();

    [GeneratedRegex("<Executable Include=\"([^\"]+)\"")]
    private static partial Regex Executable();
}
