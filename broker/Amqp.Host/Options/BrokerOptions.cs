using Amqp.Core;
using Amqp.Storage.Segments;

namespace Amqp.Host.Options;

/// <summary>
/// Everything that can be configured, with its defaults: the broker runs without any file. <c>appsettings.json</c> documents
/// each option for operators; environment variables (<c>Listeners__Amqp__Port</c>) and the command line
/// (<c>--Listeners:Amqp:Port=0</c>) override it, in that order.
/// </summary>
public sealed record BrokerOptions
{
    public NodeOptions Node { get; init; } = new();

    public ListenersOptions Listeners { get; init; } = new();

    public StorageOptions Storage { get; init; } = new();

    public SecurityOptions Security { get; init; } = new();

    public Limits Limits { get; init; } = new();
}

public sealed record NodeOptions
{
    /// <summary>Name of this node; clients see it as the cluster's name. Default: <c>rabbit@</c> and the host's short name, as in RabbitMQ.</summary>
    public string Name { get; init; } = $"rabbit@{Environment.MachineName.Split('.')[0]}";

    /// <summary>What connection.start calls the server. Some clients and tools insist on <c>RabbitMQ</c>.</summary>
    public string Product { get; init; } = "Amqp.Net";

    /// <summary>Its version there, for clients that switch features by it.</summary>
    public string ProductVersion { get; init; } = Usage.VersionNumber;
}

public sealed record ListenersOptions
{
    public ListenerOptions Amqp { get; init; } = new() { Address = "localhost", Port = 5672 };
}

public sealed record ListenerOptions
{
    /// <summary>An IP address of this host; <c>0.0.0.0</c> or <c>::</c> for all; <c>localhost</c> for 127.0.0.1 and, where there is IPv6, ::1.</summary>
    public string Address { get; init; } = "";

    internal bool IsLocalhost => Address.Equals("localhost", StringComparison.OrdinalIgnoreCase);

    /// <summary>TCP port; 0 takes any free one and logs which.</summary>
    public int Port { get; init; }
}

public sealed record StorageOptions
{
    /// <summary>Directory of everything that survives a restart; relative to the working directory. Made if it is not there.</summary>
    public string Directory { get; init; } = "data";

    /// <summary>What keeps the messages: <c>auto</c>, <c>litedb</c> or <c>journal</c>.</summary>
    public string Engine { get; init; } = EngineChoice.Auto;
}

public sealed record SecurityOptions
{
    /// <summary>The user that can log in.</summary>
    public string DefaultUser { get; init; } = "guest";

    public string DefaultPassword { get; init; } = "guest";

    /// <summary>The user may log in only from this host. RabbitMQ's rule for guest.</summary>
    public bool DefaultUserLoopbackOnly { get; init; } = true;
}
