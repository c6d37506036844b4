using System.Collections.Immutable;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>A node of the trie that <see cref="TopicRouter"/> draws. Persistent: a bind copies the nodes on its path only.</summary>
internal sealed class TopicNode
{
    public static readonly TopicNode Empty = new(behindHash: false);
    private static readonly TopicNode EmptyBehindHash = new(behindHash: true);

    private TopicNode(bool behindHash)
    {
        BehindHash = behindHash;
    }

    /// <summary>The edges that are words.</summary>
    public ImmutableDictionary<TopicWord, TopicNode> Words { get; private init; } = ImmutableDictionary<TopicWord, TopicNode>.Empty;

    /// <summary>The edge <c>*</c>.</summary>
    public TopicNode? Star { get; private init; }

    /// <summary>The edge <c>#</c>.</summary>
    public TopicNode? Hash { get; private init; }

    /// <summary>Where the keys lead that end here.</summary>
    public DestinationSet Destinations { get; private init; } = DestinationSet.Empty;

    /// <summary>Whether the edge to this node is <c>#</c>, so that a message may stay here for any number of words.</summary>
    public bool BehindHash { get; }

    private bool IsEmpty => Words.IsEmpty && Star is null && Hash is null && Destinations.IsEmpty;

    public TopicNode With(TopicWords key, Destination destination)
    {
        if (!key.MoveNext(out var word)) return Copy(Words, Star, Hash, Destinations.Add(destination));
        if (word.IsStar) return Copy(Words, (Star ?? Empty).With(key, destination), Hash, Destinations);
        if (word.IsHash) return Copy(Words, Star, (Hash ?? EmptyBehindHash).With(key, destination), Destinations);
        var next = Words.GetValueOrDefault(word, Empty).With(key, destination);
        return Copy(Words.SetItem(word, next), Star, Hash, Destinations);
    }

    /// <returns>Null if nothing is left, so that the edge goes too.</returns>
    public TopicNode? Without(TopicWords key, Destination destination)
    {
        var rest = Cut(key, destination);
        return rest.IsEmpty ? null : rest;
    }

    private TopicNode Cut(TopicWords key, Destination destination)
    {
        if (!key.MoveNext(out var word)) return Copy(Words, Star, Hash, Destinations.Remove(destination));
        if (word.IsStar) return Copy(Words, Star!.Without(key, destination), Hash, Destinations);
        if (word.IsHash) return Copy(Words, Star, Hash!.Without(key, destination), Destinations);
        var next = Words[word].Without(key, destination);
        return Copy(next is null ? Words.Remove(word) : Words.SetItem(word, next), Star, Hash, Destinations);
    }

    private TopicNode Copy(
        ImmutableDictionary<TopicWord, TopicNode> words, TopicNode? star, TopicNode? hash, DestinationSet destinations) =>
        new(BehindHash) { Words = words, Star = star, Hash = hash, Destinations = destinations };
}
