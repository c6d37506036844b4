using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Amqp.Core.Queues;

namespace Amqp.Broker.Queues;

/// <summary>What one copy of a queue has, in a form that can be compared: copies of a queue at rest that are in sync have the same.</summary>
/// <param name="Messages">How many.</param>
/// <param name="Hash">
/// SHA-256 in hexadecimal over position, exchange, routing key, properties and body of each, in the order of positions. What happens to a message at the leader only is not in it: whether a
/// consumer has it or had it.
/// </param>
public sealed record CopyDigest(long Messages, string Hash)
{
    /// <summary>Messages of one look into the queue.</summary>
    private const int PartMax = 1_000;

    /// <summary>Reads all of a copy, part by part; the queue works on meanwhile.</summary>
    internal static async Task<CopyDigest> Of(QueueActor queue)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (messages, position) = (0L, 0L);
        while (true)
        {
            var reply = new CopyReply();
            queue.Post(QueueOperation.Browse(new BrowsedPart(position, PartMax), reply));
            var part = await reply;
            foreach (var message in part.Messages) Add(hash, message);
            messages += part.Messages.Count;
            if (part.IsLast) return new CopyDigest(messages, Convert.ToHexStringLower(hash.GetHashAndReset()));
            position = part.Next;
        }
    }

    private static void Add(IncrementalHash hash, in BrowsedMessage browsed)
    {
        var message = browsed.Message!;
        AddNumber(hash, browsed.Position);
        AddText(hash, message.Exchange);
        AddText(hash, message.RoutingKey);
        AddNumber(hash, message.Content.PropertiesLength);
        hash.AppendData(message.Properties.Bytes.Span);
        AddNumber(hash, message.BodySize);
        foreach (var piece in message.Content.Body) hash.AppendData(piece.Span);
    }

    private static void AddText(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        AddNumber(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AddNumber(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
