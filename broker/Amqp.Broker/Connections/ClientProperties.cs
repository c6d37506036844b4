using AMQP.Net;

namespace Amqp.Broker.Connections;

/// <summary>What a client said of itself in connection.start-ok, as far as the broker acts on it.</summary>
internal sealed class ClientProperties(FieldTable properties)
{
    public static readonly ClientProperties None = new(FieldTable.Empty);

    /// <summary>As they came.</summary>
    public FieldTable All { get; } = properties;

    /// <summary>Wants to be told of a failed login with connection.close rather than by silence.</summary>
    public bool WantsAuthenticationFailureClose { get; } = Has(properties, "authentication_failure_close");

    /// <summary>Wants basic.cancel when the queue of a consumer is deleted.</summary>
    public bool WantsCancelNotify { get; } = Has(properties, "consumer_cancel_notify");

    /// <summary>Wants to be told when what it publishes is not read for a while.</summary>
    public bool WantsBlocked { get; } = Has(properties, "connection.blocked");

    /// <summary>The name that the application gave the connection, or null.</summary>
    public string? ConnectionName { get; } =
        properties.TryGet("connection_name", out var name) && name.Type == FieldType.LongString ? name.AsText : null;

    private static bool Has(FieldTable properties, string capability) =>
        properties.TryGet("capabilities", out var capabilities) && capabilities.Type == FieldType.Table
        && capabilities.AsTable.TryGet(capability, out var value) && value.Type == FieldType.Bool && value.AsBool;
}
