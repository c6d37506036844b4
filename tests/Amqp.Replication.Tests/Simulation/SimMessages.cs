using System.Buffers;
using System.Text;
using AMQP.Net;
using Amqp.Core.Messages;

namespace Amqp.Replication.Tests.Simulation;

/// <summary>
/// Messages of simulated producers. A body is the message's name, its producer and its number: <c>3.0-17</c>; priority, group, key and delay follow from the number, and
/// mean something where the queue goes by them.
/// </summary>
internal static class SimMessages
{
    public static string NameOf(ProducerId producer, long number) => $"{producer.Edge}.{producer.Channel}-{number}";

    /// <summary>Of any message: keys that an exchange remembers are messages, too.</summary>
    public static string NameOf(Message message) =>
        message.RoutingKey.Length > 0 ? Encoding.Latin1.GetString(message.Content.Body) : $"key {Convert.ToHexString(message.Content.Body.ToArray())}";

    public static Message New(ProducerId producer, long number, bool isPersistent)
    {
        var properties = new MutableProperties { DeliveryMode = isPersistent ? (byte)2 : (byte)1, Priority = PriorityOf(number) }.Encode();
        return new Message("", "q", new Content([.. properties, .. Encoding.Latin1.GetBytes(NameOf(producer, number))], properties.Length))
            .WithHeader("x-group-id", FieldValue.From(GroupOf(number)))
            .WithHeader("x-deduplication-header", FieldValue.From((((producer.Edge * 1_000) + producer.Channel) * 1_000_000) + (number / 3)))
            .WithHeader("x-delay", FieldValue.From(number * 7 % 20 * 100));
    }

    public static byte PriorityOf(long number) => (byte)(number / 5 % 4);

    public static long GroupOf(long number) => number * 7 % 5;
}
