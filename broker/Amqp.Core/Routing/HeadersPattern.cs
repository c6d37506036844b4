using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Routing;

/// <summary>The arguments of one binding to a headers exchange, ready to be compared.</summary>
internal sealed class HeadersPattern
{
    public const string MatchArgument = "x-match";

    private readonly bool _any;
    private readonly KeyValuePair<string, FieldValue>[] _wanted;

    public HeadersPattern(FieldTable arguments)
    {
        var match = arguments.TryGet(MatchArgument, out var value) ? value.AsText : "all";
        var withX = match is "all-with-x" or "any-with-x";
        _any = match is "any" or "any-with-x";
        _wanted = arguments.Where(argument => Counts(argument.Key, withX)).ToArray();
    }

    public bool Matches(FieldTable headers)
    {
        foreach (var (name, wanted) in _wanted)
        {
            if (Matches(headers, name, wanted) == _any) return _any;
        }
        return !_any;
    }

    /// <summary>A wanted void asks only whether the header is there. Otherwise values are compared without regard to the width
    /// of numbers, as RabbitMQ has done since 3.13; before, a short string's bytes could not match a binary's.</summary>
    private static bool Matches(FieldTable headers, string name, FieldValue wanted) =>
        headers.TryGet(name, out var value) && (wanted.Type == FieldType.Void || ArgumentEquivalence.SameValue(value, wanted));

    private static bool Counts(string name, bool withX) =>
        withX ? name != MatchArgument : !name.StartsWith("x-", StringComparison.Ordinal);
}
