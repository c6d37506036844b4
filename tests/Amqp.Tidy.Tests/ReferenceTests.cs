using System.Text.RegularExpressions;

namespace Amqp.Tidy.Tests;

/// <summary>A line of the drawing: a project, its floor (tools stand outside, above all floors, and the bench above them) and what it may
/// reference.</summary>
internal sealed record Room(string Project, int Floor, IReadOnlySet<string> References);

/// <summary>The floors in broker/README.md are the truth: imports run only downward, and every reference is drawn.</summary>
public partial class ReferenceTests
{
    private const int Outside = 9;
    private static readonly string[] Drawn = ["broker/", "cluster/", "tools/"];

    [Test]
    public void References_equal_the_drawing() =>
        House.Expect(Differences(Drawing(Repository.File("broker/README.md").Text), Repository.Projects));

    [Test]
    public void The_lower_floors_need_no_package() => House.Expect(Packages(Repository.Projects));

    [TestCase("floor 1 A", "", ExpectedResult = 0)]
    [TestCase("floor 1 A -> B\nfloor 0 B", "B", ExpectedResult = 0)]
    [TestCase("floor 1 A -> B\nfloor 0 B", "", ExpectedResult = 1, TestName = "a drawn reference that is missing")]
    [TestCase("floor 1 A\nfloor 0 B", "B", ExpectedResult = 1, TestName = "a reference that is not drawn")]
    [TestCase("floor 1 A -> B\nfloor 1 B", "B", ExpectedResult = 1, TestName = "a reference to the same floor")]
    [TestCase("floor 1 A -> B\nfloor 2 B", "B", ExpectedResult = 1, TestName = "a reference upward")]
    [TestCase("floor 0 B", "", ExpectedResult = 2, TestName = "a project that is not drawn, and one drawn that is not there")]
    [TestCase("tool A -> B\nfloor 5 B", "B", ExpectedResult = 0)]
    [TestCase("bench A -> B\ntool B", "B", ExpectedResult = 0)]
    [TestCase("tool A -> B\ntool B", "B", ExpectedResult = 1, TestName = "a tool that references a tool")]
    public int The_rule_catches(string drawing, string references)
    {
        List<SourceFile> projects = [Project("broker/A/A.csproj", references)];
        if (drawing.Contains(" A", StringComparison.Ordinal) && drawing.Contains(" B", StringComparison.Ordinal)) projects.Add(Project("broker/B/B.csproj", ""));
        return Differences(Drawing($"# Map\n```edges\n{drawing}\n```\n"), projects).Count();
    }

    [TestCase("<PackageReference Include=\"X\" />")]
    [TestCase("<FrameworkReference Include=\"Microsoft.AspNetCore.App\" />")]
    public void A_package_on_a_lower_floor_is_caught(string reference) =>
        Assert.That(Packages([new SourceFile("broker/Amqp.Core/Amqp.Core.csproj", reference)]), Has.Exactly(1).Items);

    [Test]
    public void A_line_that_cannot_be_read_is_caught() =>
        Assert.That(() => Drawing("```edges\nA --> B\n```"), Throws.TypeOf<FormatException>());

    private static Dictionary<string, Room> Drawing(string readme)
    {
        var block = EdgesBlock().Match(readme);
        if (!block.Success) throw new FormatException("no ```edges block");
        return block.Groups["edges"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(RoomOf).ToDictionary(room => room.Project);
    }

    private static Room RoomOf(string line)
    {
        var match = RoomLine().Match(line);
        if (!match.Success) throw new FormatException($"not a line of the drawing: {line}");
        var floor = match.Groups["floor"].Success ? match.Groups["floor"].Value[0] - '0' : match.Groups["bench"].Success ? Outside + 1 : Outside;
        return new Room(match.Groups["project"].Value, floor, match.Groups["references"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).ToHashSet());
    }

    private static IEnumerable<string> Differences(Dictionary<string, Room> drawing, IEnumerable<SourceFile> projects)
    {
        var actual = projects.Where(project => Drawn.Any(folder => project.Path.StartsWith(folder, StringComparison.Ordinal)))
            .ToDictionary(project => Path.GetFileNameWithoutExtension(project.Path), ReferencesOf);

        foreach (var project in actual.Keys.Except(drawing.Keys)) yield return $"{project} is not in the drawing";
        foreach (var project in drawing.Keys.Except(actual.Keys)) yield return $"{project} is drawn but does not exist";
        foreach (var (project, references) in actual)
        {
            if (!drawing.TryGetValue(project, out var room)) continue;
            foreach (var reference in references.Except(room.References)) yield return $"{project} -> {reference} is not drawn";
            foreach (var reference in room.References.Except(references)) yield return $"{project} -> {reference} is drawn but not there";
            foreach (var reference in references.Where(drawing.ContainsKey))
                if (drawing[reference].Floor >= room.Floor) yield return $"{project} -> {reference} does not run downward";
        }
    }

    private static IEnumerable<string> Packages(IEnumerable<SourceFile> projects) =>
        from project in projects
        where Path.GetFileNameWithoutExtension(project.Path) is "AMQP.Net" or "Amqp.Core" or "Amqp.Replication"
        from Match match in PackageReference().Matches(project.Text)
        select $"{project.Path}: {match.Value}, but this floor uses the base class library only";

    private static HashSet<string> ReferencesOf(SourceFile project) =>
        ProjectReference().Matches(project.Text).Select(match => Path.GetFileNameWithoutExtension(match.Groups[1].Value.Replace('\\', '/'))).ToHashSet();

    private static SourceFile Project(string path, string reference) =>
        new(path, reference.Length == 0 ? "<Project />" : $"""<ProjectReference Include="../{reference}/{reference}.csproj" />""");

    [GeneratedRegex(@"```edges\n(?<edges>.*?)```", RegexOptions.Singleline)]
    private static partial Regex EdgesBlock();

    [GeneratedRegex(@"^(?:floor (?<floor>\d)|tool|(?<bench>bench))\s+(?<project>[\w.]+)(?:\s+->\s+(?<references>[\w., ]+))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex RoomLine();

    [GeneratedRegex("<ProjectReference Include=\"([^\"]+)\"")]
    private static partial Regex ProjectReference();

    [GeneratedRegex("<(?:PackageReference|FrameworkReference) Include=\"[^\"]+\"")]
    private static partial Regex PackageReference();
}
