namespace Amqp.Durability.Tests.Load;

/// <summary>
/// Numbers lie in a queue of work. A transaction takes one out and publishes it to three queues: so at the end each number lies either
/// in the work or once in each of the three, and was never seen anywhere else.
/// </summary>
internal sealed class TransactionLedger(params string[] targets)
{
    private readonly Lock _lock = new();
    private readonly HashSet<int> _offered = [];
    private readonly HashSet<int> _given = [];
    private readonly HashSet<int> _committed = [];
    private readonly Dictionary<int, int> _seen = []; // by number, in which life it was last acknowledged; 0: not

    public int Committed
    {
        get
        {
            lock (_lock) return _committed.Count;
        }
    }

    public int Seen
    {
        get
        {
            lock (_lock) return _seen.Count;
        }
    }

    /// <summary>Numbers that were offered and are not known yet to be committed.</summary>
    public int Open
    {
        get
        {
            lock (_lock) return _offered.Count - _committed.Count;
        }
    }

    /// <summary>Before the number is published to the work.</summary>
    public void Offer(int number)
    {
        lock (_lock) _offered.Add(number);
    }

    /// <summary>It was confirmed that the number lies in the work.</summary>
    public void Give(int number)
    {
        lock (_lock) _given.Add(number);
    }

    /// <summary>commit-ok came for this number.</summary>
    public void Commit(int number)
    {
        lock (_lock) _committed.Add(number);
    }

    /// <summary>A consumer of the first target saw the number while the broker ran.</summary>
    /// <returns>Whether it may have been there: not twice without a mark, nor after its acknowledgement in the same life.</returns>
    public bool See(int number, int life, bool redelivered)
    {
        lock (_lock)
        {
            var again = _seen.TryGetValue(number, out var acked);
            _seen[number] = acked;
            return !again || (redelivered && acked != life);
        }
    }

    /// <summary>That consumer acknowledges the number.</summary>
    public void AckSeen(int number, int life)
    {
        lock (_lock) _seen[number] = life;
    }

    /// <summary>What was found in the work and in the targets at the end, held against what clients know.</summary>
    public IReadOnlyList<string> Close(IReadOnlyCollection<int> work, IReadOnlyDictionary<string, IReadOnlyCollection<int>> found)
    {
        var violations = new List<string>();
        var left = work.ToHashSet();
        var there = targets.ToDictionary(target => target, target => found[target].ToHashSet());
        there[targets[0]].UnionWith(_seen.Keys); // consumed there during the run
        foreach (var (queue, numbers) in found.Append(new("work", work)))
            foreach (var twice in numbers.GroupBy(number => number).Where(group => group.Count() > 1))
                violations.Add($"twice: {twice.Key} lies {twice.Count()} times in {queue}");
        foreach (var number in _offered.Union(left).Union(there.Values.SelectMany(numbers => numbers)).Order())
        {
            var places = targets.Where(target => there[target].Contains(number)).ToList();
            var inWork = left.Contains(number);
            if (!_offered.Contains(number)) violations.Add($"invented: {number} was never offered");
            else if (places.Count > 0 && places.Count < targets.Length) violations.Add($"partial: {number} is only in {string.Join(" and ", places)}");
            else if (places.Count == 0 && _committed.Contains(number)) violations.Add($"lost: {number} was committed and is nowhere");
            else if (places.Count == 0 && !inWork && _given.Contains(number)) violations.Add($"lost: {number} was taken out of the work and is nowhere");
            else if (places.Count > 0 && inWork) violations.Add($"half: {number} was published, and still lies in the work");
        }
        return violations;
    }
}
