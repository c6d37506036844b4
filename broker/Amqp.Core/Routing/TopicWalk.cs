namespace Amqp.Core.Routing;

/// <summary>A message's way through the trie that <see cref="TopicRouter"/> draws: the nodes it stands on, and those it will
/// stand on after the next word.</summary>
internal sealed class TopicWalk
{
    private List<TopicNode> _here = [];
    private List<TopicNode> _next = [];

    public void Walk(TopicNode root, string key, RouteMatches matches)
    {
        StepOn(root);
        Advance();
        var words = new TopicWords(key);
        while (_here.Count > 0 && words.MoveNext(out var word))
        {
            foreach (var node in _here)
            {
                if (node.BehindHash) StepOn(node);
                if (node.Words.TryGetValue(word, out var next)) StepOn(next);
                if (node.Star is { } star) StepOn(star);
            }
            Advance();
        }
        foreach (var node in _here) matches.Add(node.Destinations);
        _here.Clear();
    }

    private void StepOn(TopicNode node)
    {
        for (var each = node; each is not null; each = each.Hash)
        {
            // Only nodes behind a # have two ways that lead to them.
            if (each.BehindHash && _next.Contains(each)) return;
            _next.Add(each);
        }
    }

    private void Advance()
    {
        (_here, _next) = (_next, _here);
        _next.Clear();
    }
}
