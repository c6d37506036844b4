using System.Text;
using RabbitMQ.Client;

namespace Amqp.Conformance.Tests.Support;

/// <summary>One message as a consumer got it, its body copied.</summary>
public sealed record Delivery(
    string ConsumerTag, ulong Tag, bool Redelivered, string Exchange, string RoutingKey, IReadOnlyBasicProperties Properties, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
}
