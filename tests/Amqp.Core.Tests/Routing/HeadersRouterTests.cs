using AMQP.Net;
using Amqp.Core.Tests.Topology;

namespace Amqp.Core.Tests.Routing;

public class HeadersRouterTests
{
    private static readonly (string, FieldValue) Red = ("colour", FieldValue.From("red"));
    private static readonly (string, FieldValue) Big = ("size", FieldValue.From(10));
    private static readonly (string, FieldValue) Trace = ("x-trace", FieldValue.From(true));

    private static IEnumerable<TestCaseData> Tables()
    {
        yield return Case("all is the default", [Red, Big], [Red, Big], true);
        yield return Case("all wants all", [Red, Big], [Red], false);
        yield return Case("more headers do not matter", [Red], [Red, Big], true);
        yield return Case("any wants one", [Match("any"), Red, Big], [Big], true);
        yield return Case("any of none is none", [Match("any"), Red, Big], [("other", FieldValue.From(1))], false);
        yield return Case("all of nothing is everything", [Match("all")], [Red], true);
        yield return Case("all of nothing, without headers", [], null, true);
        yield return Case("any of nothing is nothing", [Match("any")], [Red], false);
        yield return Case("no headers, something wanted", [Red], null, false);

        yield return Case("x- headers do not count with all", [Match("all"), Red, Trace], [Red], true);
        yield return Case("x- headers do not count with any", [Match("any"), Red, Trace], [Trace], false);
        yield return Case("x- headers alone with all are nothing wanted", [Match("all"), Trace], [Red], true);
        yield return Case("x- headers count with all-with-x", [Match("all-with-x"), Red, Trace], [Red], false);
        yield return Case("all-with-x matches", [Match("all-with-x"), Red, Trace], [Red, Trace], true);
        yield return Case("x- headers count with any-with-x", [Match("any-with-x"), Red, Trace], [Trace], true);
        yield return Case("x-match itself never counts", [Match("any-with-x")], [Match("any-with-x")], false);

        yield return Case("void asks for presence", [("size", FieldValue.Void)], [Big], true);
        yield return Case("void asks for presence, and it is not there", [("size", FieldValue.Void)], [Red], false);
        yield return Case("a void header has no value", [Big], [("size", FieldValue.Void)], false);
        yield return Case("another value", [Big], [("size", FieldValue.From(11))], false);
        yield return Case("another width of integer", [Big], [("size", FieldValue.From(10L))], true);
        yield return Case("an integer is no float", [Big], [("size", FieldValue.From(10.0))], false);
        yield return Case("another width of float", [("size", FieldValue.From(0.5f))], [("size", FieldValue.From(0.5))], true);
        yield return Case("a string is no number", [Big], [("size", FieldValue.From("10"))], false);
        yield return Case("a binary with a string's bytes", [Red], [("colour", FieldValue.Binary("red"u8.ToArray()))], true);
        yield return Case("timestamps", [("at", FieldValue.Timestamp(5))], [("at", FieldValue.Timestamp(5))], true);
        yield return Case("a timestamp is no integer", [("at", FieldValue.Timestamp(5))], [("at", FieldValue.From(5))], false);
        yield return Case("names that are not UTF-8", [("\uDCE9", FieldValue.Void)], [("\uDCE9", FieldValue.From(1))], true);
        yield return Case("names that are not UTF-8 are told apart", [("\uDCE9", FieldValue.Void)], [("\uDCE8", FieldValue.From(1))], false);
        yield return Case("names are told apart by case", [Red], [("Colour", FieldValue.From("red"))], false);
    }

    [TestCaseSource(nameof(Tables))]
    public void Headers_match_arguments((string, FieldValue)[] arguments, (string, FieldValue)[]? headers, bool matches)
    {
        var story = new TopologyStory().Exchange("x", "headers").Queue("q").Bind("x", "q", "ignored", FieldTable.From(arguments));
        Assert.That(story.Route("x", "any key", headers is null ? null : FieldTable.From(headers)), Is.EqualTo(matches ? "q" : ""));
        Assert.That(story.Routes.Cacheable, Is.False);
    }

    private static (string, FieldValue) Match(string how) => ("x-match", FieldValue.From(how));

    private static TestCaseData Case(string name, (string, FieldValue)[] arguments, (string, FieldValue)[]? headers, bool matches) =>
        new TestCaseData(arguments, headers, matches).SetArgDisplayNames(name);
}
