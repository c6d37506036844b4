using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Amqp.Core.Records;
using Amqp.Core.Topology;

namespace Amqp.Storage.Metadata;

/// <summary>
/// One line of the definitions log: what one command changed, or that the store was opened.
/// <code>
/// 5d1ab0f2 {"v":1,"changes":[{"add":"queue","vhost":"/","name":"orders","id":1099511627777,"autoDelete":false,"arguments":"..."}]}
/// 0c43e3a1 {"v":1,"opened":3}
/// </code>
/// In front stands the CRC-32C of the JSON; <see cref="ChangeJson"/> says what a change looks like.
/// </summary>
internal sealed record DefinitionRecord
{
    public const int Version = 1;

    private const int CrcDigits = 8;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private DefinitionRecord(ImmutableArray<TopologyChange> changes, long opened)
    {
        Changes = changes;
        Opened = opened;
    }

    public ImmutableArray<TopologyChange> Changes { get; }

    /// <summary>How often the store had been opened, in the record of an opening; else 0.</summary>
    public long Opened { get; }

    public static DefinitionRecord OfOpening(long number) => new([], number);

    /// <param name="changes">Durable ones.</param>
    public static DefinitionRecord Of(ImmutableArray<TopologyChange> changes) => new(changes, opened: 0);

    /// <summary>Appends the record as a line, line feed included.</summary>
    public void WriteTo(ArrayBufferWriter<byte> lines)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, Readable)) Write(writer);
        WriteCrc(json.WrittenSpan, lines.GetSpan(CrcDigits));
        lines.Advance(CrcDigits);
        lines.Write(" "u8);
        lines.Write(json.WrittenSpan);
        lines.Write("\n"u8);
    }

    /// <param name="line">Without its line feed.</param>
    /// <returns>Null if the line is damaged.</returns>
    /// <exception cref="StorageException">The line is whole, but this version does not understand it.</exception>
    public static DefinitionRecord? Read(ReadOnlyMemory<byte> line)
    {
        if (line.Length <= CrcDigits || line.Span[CrcDigits] != ' ') return null;
        var json = line[(CrcDigits + 1)..];
        Span<byte> crc = stackalloc byte[CrcDigits];
        WriteCrc(json.Span, crc);
        if (!line.Span.StartsWith(crc)) return null;
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw NotUnderstood(exception);
        }
    }

    private static void WriteCrc(ReadOnlySpan<byte> json, Span<byte> digits) => Crc32C.Of(json).TryFormat(digits, out _, "x8", provider: null);

    private static DefinitionRecord Read(JsonElement root)
    {
        if (root.GetProperty("v").GetInt32() > Version) throw NotUnderstood();
        return root.TryGetProperty("opened", out var opened)
            ? OfOpening(opened.GetInt64())
            : Of([.. root.GetProperty("changes").EnumerateArray().Select(ChangeJson.Read)]);
    }

    private void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteNumber("v", Version);
        if (Opened > 0)
        {
            writer.WriteNumber("opened", Opened);
        }
        else
        {
            writer.WriteStartArray("changes");
            foreach (var change in Changes) ChangeJson.Write(writer, change);
            writer.WriteEndArray();
        }
        writer.WriteEndObject();
    }

    internal static StorageException NotUnderstood(Exception? cause = null) => new(
        "is not damaged, but this broker does not understand it: a newer version wrote it. Start that version, or restore a backup "
        + "from before its upgrade.", cause);
}
