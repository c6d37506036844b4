namespace Amqp.Testing;

/// <summary>Where a broker runs.</summary>
/// <param name="Address">At which clients reach it.</param>
/// <param name="Launcher">What its command begins with.</param>
public sealed record BrokerPlace(string Address, params string[] Launcher)
{
    /// <summary>On loopback, as any process of this machine.</summary>
    public static BrokerPlace Here { get; } = new("127.0.0.1", "dotnet");
}
