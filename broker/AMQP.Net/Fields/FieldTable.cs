using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace AMQP.Net;

/// <summary>
/// A field table (specification 4.2.5.5): named values in the order they came. It keeps the bytes it was read from, so that
/// passing it on is a copy, and decodes them at the first look. Immutable; the lazy decoding may run twice when two
/// threads look at once, with the same result.
/// </summary>
public sealed class FieldTable : IReadOnlyCollection<KeyValuePair<string, FieldValue>>, IEquatable<FieldTable>
{
    public static readonly FieldTable Empty = new(ReadOnlyMemory<byte>.Empty);

    private KeyValuePair<string, FieldValue>[]? _fields;

    /// <param name="bytes">The table without its length prefix; its structure must have been validated
    /// (<see cref="FieldCodec.ValidateTable(ReadOnlySpan{byte})"/>), and it may not be changed afterwards.</param>
    public FieldTable(ReadOnlyMemory<byte> bytes)
    {
        Bytes = bytes;
    }

    private FieldTable(KeyValuePair<string, FieldValue>[] fields)
    {
        _fields = fields;
        Bytes = FieldCodec.EncodeTable(fields);
    }

    /// <summary>The table on the wire, without its length prefix.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    public int Count => Fields.Length;

    private KeyValuePair<string, FieldValue>[] Fields => _fields ??= FieldCodec.DecodeTable(Bytes.Span);

    public static FieldTable From(params (string Name, FieldValue Value)[] fields) =>
        fields.Length == 0 ? Empty : new(Array.ConvertAll(fields, field => KeyValuePair.Create(field.Name, field.Value)));

    public static FieldTable From(IEnumerable<KeyValuePair<string, FieldValue>> fields) => new(fields.ToArray());

    /// <summary>The first field of that name.</summary>
    public bool TryGet(string name, [MaybeNullWhen(false)] out FieldValue value)
    {
        foreach (var field in Fields)
        {
            if (field.Key != name) continue;
            value = field.Value;
            return true;
        }
        value = default;
        return false;
    }

    public bool Contains(string name) => TryGet(name, out _);

    /// <summary>The same without decoding or allocating anything.</summary>
    /// <param name="name">The name in UTF-8.</param>
    public bool Contains(ReadOnlySpan<byte> name) => FieldCodec.TryFind(Bytes.Span, name, out _);

    /// <summary>This table without the fields of that name; the others keep their bytes.</summary>
    public FieldTable Without(string name)
    {
        var encoded = LosslessUtf8.GetBytes(name);
        var bytes = Bytes.Span;
        if (!FieldCodec.TryFind(bytes, encoded, out var field)) return this;
        return new FieldTable((byte[])[.. bytes[..field.Start], .. bytes[field.End..]]).Without(name);
    }

    /// <summary>This table with that field set, in its old place if it was there; the others keep their bytes.</summary>
    public FieldTable With(string name, FieldValue value)
    {
        var set = FieldCodec.EncodeTable([KeyValuePair.Create(name, value)]);
        var bytes = Bytes.Span;
        if (!FieldCodec.TryFind(bytes, LosslessUtf8.GetBytes(name), out var field)) return new FieldTable((byte[])[.. bytes, .. set]);
        var rest = new FieldTable(Bytes[field.End..]).Without(name).Bytes.Span;
        return new FieldTable((byte[])[.. bytes[..field.Start], .. set, .. rest]);
    }

    /// <summary>Tables are equal when they hold equal fields, in whatever order.</summary>
    public bool Equals(FieldTable? other)
    {
        if (other is null) return false;
        if (Bytes.Span.SequenceEqual(other.Bytes.Span)) return true;
        return Count == other.Count && Fields.All(field => other.TryGet(field.Key, out var value) && value == field.Value);
    }

    public override bool Equals(object? obj) => Equals(obj as FieldTable);

    public override int GetHashCode()
    {
        var hash = 0;
        foreach (var field in Fields) hash ^= HashCode.Combine(field.Key, field.Value);
        return hash;
    }

    public IEnumerator<KeyValuePair<string, FieldValue>> GetEnumerator() => Fields.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => $"[{string.Join(", ", Fields.Select(field => $"{field.Key}: {field.Value}"))}]";
}
