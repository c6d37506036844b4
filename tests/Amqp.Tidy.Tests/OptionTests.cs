using System.Text.RegularExpressions;

namespace Amqp.Tidy.Tests;

/// <summary>appsettings.json is the table of options: it names each one that the broker has, no other, and says what it means.</summary>
public partial class OptionTests
{
    private static readonly string[] Sources = ["broker/Amqp.Host/Options/BrokerOptions.cs", "broker/Amqp.Host/Options/ClusterSettings.cs", "broker/Amqp.Core/Limits.cs"];

    [Test]
    public void Every_option_is_documented() =>
        House.Expect(Undocumented(Repository.File("appsettings.json").Text, OptionsOf(string.Concat(Sources.Select(path => Repository.File(path).Code)))));

    [TestCase("// Why.\n\"A\": 1,\n\"S\": {\n// Why.\n\"B\": \"x\"\n}", ExpectedResult = 0)]
    [TestCase("// Why.\n// \"A\": 1,\n\"S\": {\n// Why.\n\"B\": \"x\"\n}", ExpectedResult = 0, TestName = "an option in a comment has no effect but is documented")]
    [TestCase("// Why.\n\"A\": 1", ExpectedResult = 1, TestName = "an option that is missing")]
    [TestCase("// Why.\n\"A\": 1,\n// Why.\n\"B\": 2,\n\"S\": {\n// Why.\n\"B\": \"x\"\n}", ExpectedResult = 1, TestName = "an option that does not exist")]
    [TestCase("\"A\": 1,\n\"S\": {\n// Why.\n\"B\": \"x\"\n}", ExpectedResult = 1, TestName = "an option without a word")]
    public int The_rule_catches(string json) => Undocumented($"{{\n{json}\n}}", OptionsOf("""
        public sealed record BrokerOptions
        {
            public int A { get; init; } = 1;
            public Sub S { get; init; } = new();
            internal bool NoOption => A > 1;
        }
        public sealed record Sub : Base, IRule
        {
            public int C => 1;
        }
        public record Base
        {
            public string B { get; init; } = "";
        }
        """)).Count();

    private static IEnumerable<string> Undocumented(string json, IReadOnlyCollection<string> options)
    {
        var documented = new List<string>();
        var path = new List<string>();
        var previousIsComment = false;
        foreach (var line in json.Split('\n', StringSplitOptions.TrimEntries))
        {
            var setting = Setting().Match(line);
            if (setting.Success && setting.Groups["opens"].Success) path.Add(setting.Groups["name"].Value);
            else if (setting.Success)
            {
                var option = string.Join(':', path.Append(setting.Groups["name"].Value));
                documented.Add(option);
                if (!previousIsComment) yield return $"appsettings.json: {option} has no comment above it";
            }
            else if (line.StartsWith('}') && path.Count > 0) path.RemoveAt(path.Count - 1);
            previousIsComment = line.StartsWith("//", StringComparison.Ordinal) && !setting.Success;
        }
        foreach (var option in options.Except(documented)) yield return $"appsettings.json does not name {option}";
        foreach (var option in documented.Except(options).Where(option => !option.StartsWith("Logging:", StringComparison.Ordinal)))
            yield return $"appsettings.json names {option}, which is no option";
    }

    /// <summary>The paths of all options, from the records that hold them.</summary>
    private static List<string> OptionsOf(string code)
    {
        var records = Record().Matches(code).ToDictionary(
            record => record.Groups["name"].Value,
            record => (Base: record.Groups["base"].Value, Own: Property().Matches(record.Groups["body"].Value)
                .Select(property => (Type: property.Groups["type"].Value, Name: property.Groups["name"].Value)).ToList()));
        return Paths("BrokerOptions", "").ToList();

        IEnumerable<(string Type, string Name)> PropertiesOf(string record) =>
            records.TryGetValue(record, out var found) ? PropertiesOf(found.Base).Concat(found.Own) : [];

        IEnumerable<string> Paths(string record, string prefix) =>
            PropertiesOf(record).SelectMany(property => records.ContainsKey(property.Type) ? Paths(property.Type, $"{prefix}{property.Name}:") : [prefix + property.Name]);
    }

    [GeneratedRegex("""^(?://\s*)?"(?<name>\w+)"\s*:\s*(?<opens>\{)?""", RegexOptions.ExplicitCapture)]
    private static partial Regex Setting();

    [GeneratedRegex(@"\brecord\s+(?<name>\w+)\s*(:\s*(?<base>\w+)\s*(,\s*\w+\s*)*)?\{(?<body>.*?)^\s*\}\s*$", RegexOptions.ExplicitCapture | RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Record();

    [GeneratedRegex(@"\bpublic\s+(?<type>[\w?<>\[\]]+)\s+(?<name>\w+)\s*\{\s*get;\s*init;", RegexOptions.ExplicitCapture)]
    private static partial Regex Property();
}
