using Amqp.Core.Errors;
using Amqp.Core.Topology;

namespace Amqp.Core.Routing;

/// <summary>
/// Keys are words with dots between them. In a binding's key <c>*</c> stands for exactly one word, which may be empty, and
/// <c>#</c> for any number of words, none included. The empty key has no words at all; <c>a.</c> has two.
/// <para>
/// Asking every binding would make a thousand of them a thousand times as dear as one, so the bindings' keys share a trie:
/// an edge is a word, <c>*</c> or <c>#</c>, and destinations hang on the node where a key ends. With <c>stock.*.nyse</c> to
/// A, <c>stock.#</c> to B and <c>#.nyse</c> to C:
/// <code>
///   root ── stock ── (1) ── * ── (2) ── nyse ── (3) A
///    │                └─── # ── (4) B
///    └── # ── (5) ── nyse ── (6) C
/// </code>
/// A message walks the trie word by word and stands on several nodes at a time. Three rules:
/// a node is stood on together with what lies behind its <c>#</c> edge (<c>#</c> may stand for nothing);
/// the next word leads from a node along its own edge and along <c>*</c>;
/// and behind a <c>#</c> edge one also stays where one is (<c>#</c> takes the word).
/// </para>
/// <para>
/// <c>stock.eur.nyse</c>: root, 5 | stock: 1, 4, 5 | eur: 2, 4, 5 | nyse: 3, 4, 6, 5. What hangs there is A, B and C. Node 5
/// and the like are reached in two ways, by staying and anew, and must be taken once: keys with many <c>#</c> would double
/// the work at every word, which a client could do on purpose. So the cost is at most words times nodes that match, however
/// many bindings there are beside them.
/// </para>
/// </summary>
internal sealed class TopicRouter : IRouter
{
    public static readonly TopicRouter Empty = new(TopicNode.Empty);

    private readonly TopicNode _root;

    private TopicRouter(TopicNode root)
    {
        _root = root;
    }

    public bool DependsOnMoreThanKey => false;

    public BrokerError? Validate(Binding binding) => null;

    public IRouter Bind(Binding binding) => new TopicRouter(_root.With(new TopicWords(binding.RoutingKey), binding.Destination));

    public IRouter Unbind(Binding binding) =>
        new TopicRouter(_root.Without(new TopicWords(binding.RoutingKey), binding.Destination) ?? TopicNode.Empty);

    public void Route(RoutingInput input, RouteMatches matches)
    {
        foreach (var key in input.Keys) matches.TopicWalk.Walk(_root, key, matches);
    }
}
