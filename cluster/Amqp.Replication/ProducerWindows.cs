namespace Amqp.Replication;

/// <summary>What publishes through an edge node, and numbers what it publishes: a channel. No other one of any node ever has the same id.</summary>
/// <param name="Edge">The start of the node that has the channel (<see cref="Member.Boot"/>).</param>
/// <param name="Channel">Its number there.</param>
public readonly record struct ProducerId(long Edge, long Channel);

/// <summary>Publishes of one producer in a row that the leader took.</summary>
/// <param name="First">The first one's number.</param>
/// <param name="Last">The last one's.</param>
/// <param name="Floor">The producer knows what became of all below this one, and will not send them again.</param>
public readonly record struct ProducerMark(ProducerId Producer, long First, long Last, long Floor);

/// <summary>
/// Which publishes are in a queue already. When a leader is replaced, the edges send again what they have no answer to, and what is known here is not
/// stored twice. Each producer's numbers are kept as runs, from its floor on: a number may be missing, because the leader refused that one, and it is not a duplicate.
/// <code>
/// floor 5:  [5..9] [11..12]      10 was refused, or goes to another queue; 13 is new
/// </code>
/// In memory only: if all copies of a queue are started again, so, mostly, are the edges.
/// </summary>
public sealed class ProducerWindows
{
    /// <summary>Producers that are remembered; of more, the one that published longest ago is forgotten. A node may have 65,536 connections by default.</summary>
    public const int ProducersMax = 65_536;

    private readonly Dictionary<ProducerId, Window> _windows = [];
    private readonly LinkedList<ProducerId> _byUse = new();

    /// <summary>The producer's publish with this number is in the queue, or was.</summary>
    public bool Knows(ProducerId producer, long number) =>
        _windows.TryGetValue(producer, out var window) && (number < window.Floor || window.Runs.Exists(run => run.First <= number && number <= run.Last));

    public void Add(in ProducerMark mark)
    {
        if (!_windows.TryGetValue(mark.Producer, out var window))
        {
            if (_windows.Count == ProducersMax) Forget(_byUse.First!.Value);
            _windows.Add(mark.Producer, window = new Window(_byUse.AddLast(mark.Producer)));
        }
        else if (_byUse.Last != window.Place)
        {
            _byUse.Remove(window.Place);
            _byUse.AddLast(window.Place);
        }
        window.Add(mark);
    }

    /// <summary>The producer is gone.</summary>
    public void Forget(ProducerId producer)
    {
        if (_windows.Remove(producer, out var window)) _byUse.Remove(window.Place);
    }

    /// <summary>All that is known, for a mirror that joins.</summary>
    public ProducerMark[] ToArray() =>
        [.. _byUse.SelectMany(producer => _windows[producer].Runs.Select(run => new ProducerMark(producer, run.First, run.Last, _windows[producer].Floor)))];

    public void Clear()
    {
        _windows.Clear();
        _byUse.Clear();
    }

    private sealed class Window(LinkedListNode<ProducerId> place)
    {
        public LinkedListNode<ProducerId> Place { get; } = place;

        public long Floor { get; private set; }

        /// <summary>Ascending, with gaps between them; as many as there are numbers missing among those that wait for an answer.</summary>
        public List<(long First, long Last)> Runs { get; } = [];

        public void Add(in ProducerMark mark)
        {
            var (first, last) = (mark.First, mark.Last);
            var at = Runs.FindIndex(run => run.Last >= first - 1);
            if (at < 0) at = Runs.Count;
            var end = at;
            for (; end < Runs.Count && Runs[end].First <= last + 1; end++) (first, last) = (Math.Min(first, Runs[end].First), Math.Max(last, Runs[end].Last));
            Runs.RemoveRange(at, end - at);
            Runs.Insert(at, (first, last));
            Floor = Math.Max(Floor, mark.Floor);
            Runs.RemoveAll(run => run.Last < Floor);
        }
    }
}
