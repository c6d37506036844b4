namespace Amqp.Core.Queues;

/// <summary>Where in the log the message with a key is. Messages leave the log without a word to this; what is not there any more is swept out now and then.</summary>
internal sealed class DeduplicationIndex(MessageLog log)
{
    /// <summary>What a key takes.</summary>
    public const int EntryBytes = 48;

    /// <summary>So many keys of messages that are gone may be known, besides as many as there are messages.</summary>
    private const int GoneKept = 1_024;

    private readonly Dictionary<UInt128, long> _positions = [];

    public int Count => _positions.Count;

    public bool TryFind(UInt128 key, out long position) => _positions.TryGetValue(key, out position) && log.Contains(position);

    public void Add(UInt128 key, long position)
    {
        _positions[key] = position;
        if (_positions.Count <= (2 * log.Count) + GoneKept) return;
        foreach (var (gone, _) in _positions.Where(known => !log.Contains(known.Value)).ToArray()) _positions.Remove(gone);
        _positions.TrimExcess();
    }
}
