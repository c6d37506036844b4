using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Amqp.Replication;

namespace Amqp.Cluster.Mirroring;

/// <summary>
/// Who has a mirrored queue, as a value of etcd:
/// <code>
/// queues/17   {"v":1,"epoch":42,"leader":{"node":"rabbit@a","directory":"5f0c...","boot":40},"replicas":["rabbit@a","rabbit@b"],"inSync":[{...},{...}],
///              "minInSync":1,"ends":[[40,43980465111042]],"proposal":[40,7]}
/// </code>
/// </summary>
internal static class QueueConfigurationJson
{
    private const int Version = 1;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ReadOnlyMemory<byte> ToBytes(QueueConfiguration configuration)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            writer.WriteStartObject();
            writer.WriteNumber("v", Version);
            writer.WriteNumber("epoch", configuration.Epoch);
            writer.WritePropertyName("leader");
            Write(writer, configuration.Leader);
            writer.WriteStartArray("replicas");
            foreach (var node in configuration.Replicas) writer.WriteStringValue(node);
            writer.WriteEndArray();
            writer.WriteStartArray("inSync");
            foreach (var member in configuration.InSync) Write(writer, member);
            writer.WriteEndArray();
            writer.WriteNumber("minInSync", configuration.MinInSync);
            writer.WriteStartArray("ends");
            foreach (var end in configuration.Ends) Write(writer, end.Epoch, end.End);
            writer.WriteEndArray();
            writer.WritePropertyName("proposal");
            Write(writer, configuration.Proposal.Boot, configuration.Proposal.Number);
            writer.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    /// <param name="revision">Of the record in the store.</param>
    /// <exception cref="FormatException">A newer version wrote it, or something else.</exception>
    public static QueueConfiguration Read(ReadOnlyMemory<byte> value, long revision)
    {
        try
        {
            using var document = JsonDocument.Parse(value);
            var root = document.RootElement;
            if (root.GetProperty("v").GetInt32() > Version) throw NotUnderstood();
            return new QueueConfiguration
            {
                Revision = revision,
                Epoch = root.GetProperty("epoch").GetUInt32(),
                Leader = ReadMember(root.GetProperty("leader")),
                Replicas = [.. root.GetProperty("replicas").EnumerateArray().Select(node => node.GetString()!)],
                InSync = [.. root.GetProperty("inSync").EnumerateArray().Select(ReadMember)],
                MinInSync = root.GetProperty("minInSync").GetInt32(),
                Ends = [.. root.GetProperty("ends").EnumerateArray().Select(end => new EpochEnd(end[0].GetUInt32(), end[1].GetInt64()))],
                Proposal = new ProposalId(root.GetProperty("proposal")[0].GetInt64(), root.GetProperty("proposal")[1].GetInt64()),
            };
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException)
        {
            throw NotUnderstood(exception);
        }
    }

    private static void Write(Utf8JsonWriter writer, Member member)
    {
        writer.WriteStartObject();
        writer.WriteString("node", member.Node);
        writer.WriteString("directory", member.Directory);
        writer.WriteNumber("boot", member.Boot);
        writer.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter writer, long first, long second)
    {
        writer.WriteStartArray();
        writer.WriteNumberValue(first);
        writer.WriteNumberValue(second);
        writer.WriteEndArray();
    }

    private static Member ReadMember(JsonElement member) =>
        new(member.GetProperty("node").GetString()!, member.GetProperty("directory").GetGuid(), member.GetProperty("boot").GetInt64());

    private static FormatException NotUnderstood(Exception? cause = null) => new(
        "What etcd has of a mirrored queue was written by a newer version of the broker, or by something else: start that version here, too.", cause);
}
