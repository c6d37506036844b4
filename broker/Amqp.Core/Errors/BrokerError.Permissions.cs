using Amqp.Core.Topology;

namespace Amqp.Core.Errors;

/// <summary>Permissions of users, in the words of RabbitMQ 3.12 and later.</summary>
public sealed partial record BrokerError
{
    /// <param name="permission"><c>configure</c>, <c>write</c> or <c>read</c>.</param>
    public static BrokerError ResourceAccessRefused(string permission, Resource resource, string user) =>
        AccessRefused($"{permission} access to {resource} refused for user '{user}'");

    /// <param name="permission"><c>write</c> or <c>read</c>.</param>
    public static BrokerError TopicAccessRefused(string permission, string routingKey, string vhost, string exchange, string user) =>
        AccessRefused($"{permission} access to topic '{routingKey}' in {Resource.Exchange(vhost, exchange)} refused for user '{user}'");
}
