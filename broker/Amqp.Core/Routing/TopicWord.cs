namespace Amqp.Core.Routing;

/// <summary>One word of a key, without being cut out of it.</summary>
internal readonly struct TopicWord(string key, int start, int length) : IEquatable<TopicWord>
{
    private ReadOnlySpan<char> Text => key.AsSpan(start, length);

    public bool IsStar => Text is "*";

    public bool IsHash => Text is "#";

    public bool Equals(TopicWord other) => Text.SequenceEqual(other.Text);

    public override bool Equals(object? obj) => obj is TopicWord other && Equals(other);

    public override int GetHashCode() => string.GetHashCode(Text, StringComparison.Ordinal);
}

/// <summary>The words of a key, one after the other.</summary>
internal struct TopicWords(string key)
{
    private int _start;

    public bool MoveNext(out TopicWord word)
    {
        word = default;
        if (key.Length == 0 || _start > key.Length) return false;
        var length = key.AsSpan(_start).IndexOf('.');
        if (length < 0) length = key.Length - _start;
        word = new(key, _start, length);
        _start += length + 1;
        return true;
    }
}
