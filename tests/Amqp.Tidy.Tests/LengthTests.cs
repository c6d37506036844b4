namespace Amqp.Tidy.Tests;

/// <summary>In every broker some files become monsters, always by one reasonable step at a time; here each step past the limit needs a reason.</summary>
public class LengthTests
{
    private const int LinesOfFileMax = 400;
    private const int LinesOfMemberMax = 70;

    [Test]
    public void Files_and_members_stay_readable() => House.Expect(TooLong(Repository.CSharp), Exceptions.Lengths);

    [Test]
    public void A_long_file_is_caught() =>
        Assert.That(TooLong([new SourceFile("broker/X/X.cs", Lines(LinesOfFileMax + 1))]).Select(finding => finding.What), Is.EqualTo(new[] { "file" }));

    [Test]
    public void A_long_member_is_caught() =>
        Assert.That(TooLong([Method(LinesOfMemberMax + 1)]).Select(finding => finding.What), Is.EqualTo(new[] { "Long" }));

    [Test]
    public void At_the_limit_both_pass() =>
        Assert.That(TooLong([Method(LinesOfMemberMax), new SourceFile("broker/X/Y.cs", Lines(LinesOfFileMax))]), Is.Empty);

    private static IEnumerable<Finding> TooLong(IEnumerable<SourceFile> files)
    {
        foreach (var file in files)
        {
            var lines = file.Text.AsSpan().TrimEnd().Count('\n') + 1;
            if (lines > LinesOfFileMax) yield return new Finding(file.Path, 1, "file", $"{lines} lines, {LinesOfFileMax} allowed");
            foreach (var member in CSharpText.Members(file.Code).Where(member => member.Lines > LinesOfMemberMax))
                yield return new Finding(file.Path, member.FirstLine, member.Name, $"{member.Lines} lines, {LinesOfMemberMax} allowed");
        }
    }

    private static SourceFile Method(int lines) =>
        new("broker/X/X.cs", $"class C\n{{\n    /// <summary>Not counted.</summary>\n    void Long()\n    {{\n{Lines(lines - 3)}\n    }}\n}}\n");

    private static string Lines(int count) => string.Join('\n', Enumerable.Repeat("        call();", count));
}
