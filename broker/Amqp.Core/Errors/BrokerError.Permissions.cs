using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Errors;

/// <summary>Permissions of users, in the words of RabbitMQ 3.12 and later.</summary>
public sealed partial record BrokerError
{
    public static BrokerError ResourceAccessRefused(Access access, Resource resource, string user) =>
        AccessRefused($"{access.Text()} access to {resource} refused for user '{user}'");

    public static BrokerError TopicAccessRefused(Access access, string routingKey, string vhost, string exchange, string user) =>
        AccessRefused($"{access.Text()} access to topic '{routingKey}' in exchange '{exchange}' in vhost '{vhost}' refused for user '{user}'");

    // What operators are told. No client sees these.

    public static BrokerError UserNotFound(string user) => NotFound($"user '{user}' does not exist");

    public static BrokerError UserExists(string user) => PreconditionFailed($"user '{user}' already exists");

    /// <param name="kind"><c>user</c> or <c>virtual host</c>.</param>
    public static BrokerError EmptyName(string kind) => PreconditionFailed($"the name of a {kind} cannot be empty");

    /// <param name="kind"><c>user</c> or <c>virtual host</c>.</param>
    public static BrokerError NameTooLong(string kind, int bytes, int limit) =>
        PreconditionFailed($"the name of a {kind} has {bytes} bytes, and at most {limit} are possible");

    /// <summary>Of a policy or another runtime parameter.</summary>
    /// <param name="defects">A sentence each, in RabbitMQ's words.</param>
    public static BrokerError ValidationFailed(IEnumerable<string> defects) =>
        PreconditionFailed($"Validation failed\n\n{string.Join('\n', defects)}\n");

    /// <summary>A policy or another runtime parameter that was to be cleared.</summary>
    public static BrokerError ParameterNotFound() => NotFound("Parameter does not exist");

    public static BrokerError InvalidPattern(string pattern, string defect) =>
        PreconditionFailed($"invalid regular expression '{pattern}': {defect}");
}
