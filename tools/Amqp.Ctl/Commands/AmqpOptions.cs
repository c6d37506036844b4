using System.CommandLine;
using System.Globalization;
using Amqp.Ctl.Control;

namespace Amqp.Ctl.Commands;

/// <summary>Where a broker is that is asked in AMQP instead of over its control socket.</summary>
internal static class AmqpOptions
{
    private const ushort DefaultPort = 5672;

    private static readonly Option<string> Address = new("--address") { Description = "Host name or IP address of the broker, to ask in AMQP", DefaultValueFactory = _ => "127.0.0.1" };
    private static readonly Option<ushort> Port = new("--port") { Description = "TCP port of its AMQP listener, likewise", DefaultValueFactory = _ => DefaultPort };

    public static IReadOnlyList<Option> All => [Address, Port];

    /// <summary>Whether AMQP is meant where the control socket would do.</summary>
    public static bool AreGiven(Invocation invocation) => invocation.IsGiven(Address) || invocation.IsGiven(Port);

    public static Target Target(Invocation invocation) => new(invocation.Get(Address)!, invocation.Get(Port));
}

/// <summary>An AMQP listener.</summary>
internal sealed record Target(string Address, ushort Port)
{
    /// <exception cref="UnavailableException">There is no broker.</exception>
    public Task<Greeting> Greet(TimeSpan timeout, CancellationToken cancel) => Greeting.Receive(Address, Port, timeout, cancel);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Address.Contains(':', StringComparison.Ordinal) ? $"[{Address}]" : Address)}:{Port}");
}
