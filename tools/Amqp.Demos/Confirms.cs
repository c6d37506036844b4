namespace Amqp.Demos;

/// <summary>Which messages of a channel the broker has confirmed. They are numbered from 1, as their delivery tags are.</summary>
internal sealed class Confirms
{
    private readonly Lock _lock = new();
    private readonly HashSet<int> _beyond = [];
    private int _allUpTo;

    public int Count
    {
        get
        {
            lock (_lock) return _allUpTo + _beyond.Count;
        }
    }

    /// <summary>Notes a basic.ack of the broker, and returns how many messages it confirmed.</summary>
    public int Add(ulong tag, bool multiple)
    {
        lock (_lock)
        {
            var before = _allUpTo + _beyond.Count;
            var number = (int)tag;
            if (!multiple)
            {
                if (number > _allUpTo) _beyond.Add(number);
            }
            else if (number > _allUpTo)
            {
                _beyond.RemoveWhere(confirmed => confirmed <= number);
                _allUpTo = number;
            }
            while (_beyond.Remove(_allUpTo + 1)) _allUpTo++;
            return _allUpTo + _beyond.Count - before;
        }
    }

    public IReadOnlySet<int> Numbers()
    {
        lock (_lock) return Enumerable.Range(1, _allUpTo).Concat(_beyond).ToHashSet();
    }
}
