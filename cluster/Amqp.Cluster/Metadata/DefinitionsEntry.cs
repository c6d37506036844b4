using System.Buffers;
using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using Amqp.Core.Topology;

namespace Amqp.Cluster.Metadata;

/// <summary>
/// Changes of definitions as values of etcd: what one commit changed, or, in a snapshot, what makes everything that is there. A value is at most
/// <see cref="PartBytesMax"/> long; what takes more stands in parts of its own, and the value says how many.
/// <code>
/// definitions/log/0000000000000042       {"v":1,"id":"5f0c...","changes":[{"add":"queue","vhost":"/","name":"orders",...}]}
/// definitions/log/0000000000000043       {"v":1,"id":"9be2...","parts":2}
/// definitions/parts/9be2.../00000000     {"changes":[...]}
/// definitions/snapshot                   {"v":1,"id":"c7d1...","parts":3,"sequence":40,"lastQueue":1099511627801}
/// </code>
/// </summary>
/// <param name="Id">Of who made it, and of its parts: its author knows it again by that.</param>
/// <param name="Changes">In order; empty if they are in parts.</param>
/// <param name="Parts">How many there are.</param>
internal sealed record DefinitionsEntry(Guid Id, ImmutableArray<TopologyChange> Changes, int Parts)
{
    /// <summary>A third of what etcd takes in one request.</summary>
    public const int PartBytesMax = 512 << 10;

    private const int Version = 1;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Of a snapshot: the last number of the log that is in it.</summary>
    public long Sequence { get; init; }

    /// <summary>Of a snapshot: the highest number that a queue ever had.</summary>
    public long LastQueue { get; init; }

    /// <summary>Changes as values of this size at most, or of one change.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Split(IEnumerable<TopologyChange> changes)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer, Readable);
        foreach (var change in changes)
        {
            if (writer.BytesCommitted + writer.BytesPending == 0) Begin();
            ChangeJson.Write(writer, change);
            if (writer.BytesCommitted + writer.BytesPending >= PartBytesMax) yield return End();
        }
        if (writer.BytesCommitted + writer.BytesPending > 0) yield return End();

        void Begin()
        {
            writer.WriteStartObject();
            writer.WriteStartArray("changes");
        }

        ReadOnlyMemory<byte> End()
        {
            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.Flush();
            var part = buffer.WrittenSpan.ToArray();
            buffer.ResetWrittenCount();
            writer.Reset();
            return part;
        }
    }

    public ReadOnlyMemory<byte> ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            writer.WriteStartObject();
            writer.WriteNumber("v", Version);
            writer.WriteString("id", Id);
            if (Parts > 0) writer.WriteNumber("parts", Parts);
            if (Sequence > 0) writer.WriteNumber("sequence", Sequence);
            if (LastQueue > 0) writer.WriteNumber("lastQueue", LastQueue);
            if (Changes.Length > 0)
            {
                writer.WriteStartArray("changes");
                foreach (var change in Changes) ChangeJson.Write(writer, change);
                writer.WriteEndArray();
            }
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    /// <exception cref="FormatException">A newer version wrote it, or something else.</exception>
    public static DefinitionsEntry Read(ReadOnlyMemory<byte> value)
    {
        try
        {
            using var document = JsonDocument.Parse(value);
            var root = document.RootElement;
            if (root.GetProperty("v").GetInt32() > Version) throw NotUnderstood();
            return new DefinitionsEntry(root.GetProperty("id").GetGuid(), ReadChanges(root), (int)Number(root, "parts"))
            {
                Sequence = Number(root, "sequence"),
                LastQueue = Number(root, "lastQueue"),
            };
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw NotUnderstood(exception);
        }
    }

    /// <exception cref="FormatException">A newer version wrote it, or something else.</exception>
    public static ImmutableArray<TopologyChange> ReadPart(ReadOnlyMemory<byte> value)
    {
        try
        {
            using var document = JsonDocument.Parse(value);
            return ReadChanges(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw NotUnderstood(exception);
        }
    }

    private static ImmutableArray<TopologyChange> ReadChanges(JsonElement root) =>
        root.TryGetProperty("changes", out var changes) ? [.. changes.EnumerateArray().Select(ChangeJson.Read)] : [];

    private static long Number(JsonElement root, string name) => root.TryGetProperty(name, out var number) ? number.GetInt64() : 0;

    private static FormatException NotUnderstood(Exception? cause = null) => new(
        "The definitions in etcd were written by a newer version of the broker, or by something else: start that version here, too.", cause);
}
