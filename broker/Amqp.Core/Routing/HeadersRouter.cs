using System.Collections.Immutable;
using Amqp.Core.Errors;
using Amqp.Core.Topology;
using AMQP.Net;

namespace Amqp.Core.Routing;

/// <summary>
/// A binding matches by the message's headers. Its argument <c>x-match</c> says how: <c>all</c> of its other arguments, the
/// default, or <c>any</c> of them; names beginning with <c>x-</c> count only with <c>all-with-x</c> and <c>any-with-x</c>.
/// Without arguments that count, all matches every message and any none.
/// </summary>
internal sealed class HeadersRouter : IRouter
{
    public static readonly HeadersRouter Empty = new(ImmutableDictionary<Binding, HeadersPattern>.Empty);

    private readonly ImmutableDictionary<Binding, HeadersPattern> _patterns;

    /// <summary>The same in a row, made for the first message: walking the dictionary costs several times what the comparisons do, and
    /// making this for every binding would cost as much as all bindings do.</summary>
    private KeyValuePair<Binding, HeadersPattern>[]? _row;

    private HeadersRouter(ImmutableDictionary<Binding, HeadersPattern> patterns)
    {
        _patterns = patterns;
    }

    public bool DependsOnMoreThanKey => true;

    public BrokerError? Validate(Binding binding)
    {
        if (!binding.Arguments.TryGet(HeadersPattern.MatchArgument, out var match)) return null;
        if (match.Type != FieldType.LongString) return BrokerError.InvalidXMatchType(match);
        return match.AsText is "all" or "any" or "all-with-x" or "any-with-x" ? null : BrokerError.InvalidXMatchValue(match);
    }

    public IRouter Bind(Binding binding) => new HeadersRouter(_patterns.Add(binding, new HeadersPattern(binding.Arguments)));

    public IRouter Unbind(Binding binding) => new HeadersRouter(_patterns.Remove(binding));

    public void Route(RoutingInput input, RouteMatches matches)
    {
        var headers = input.Headers ?? FieldTable.Empty;
        foreach (var (binding, pattern) in _row ??= [.. _patterns])
        {
            if (pattern.Matches(headers)) matches.Add(binding.Destination);
        }
    }
}
