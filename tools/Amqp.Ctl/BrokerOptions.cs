using System.CommandLine;
using System.Globalization;

namespace Amqp.Ctl;

/// <summary>The options of every command that talks to a broker.</summary>
internal sealed class BrokerOptions
{
    private readonly Option<string> _address = new("--address") { Description = "Host name or IP address of the broker", DefaultValueFactory = _ => "127.0.0.1" };
    private readonly Option<ushort> _port = new("--port") { Description = "TCP port of its AMQP listener", DefaultValueFactory = _ => 5672 };
    private readonly Option<double> _timeout;
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Print results only, no words around them" };

    public BrokerOptions(TimeSpan timeout)
    {
        _timeout = new("--timeout", "-t") { Description = "Seconds to wait", DefaultValueFactory = _ => timeout.TotalSeconds };
        _timeout.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (> 0 and <= 86_400)) result.AddError("--timeout is more than 0 and at most 86400 seconds");
        });
    }

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_address, _port, _timeout, _quiet]) command.Options.Add(option);
    }

    public Target From(ParseResult result) =>
        new(result.GetValue(_address)!, result.GetValue(_port), TimeSpan.FromSeconds(result.GetValue(_timeout)), result.GetValue(_quiet));
}

/// <summary>The broker a command talks to, how long it waits for it, and how much it says.</summary>
internal sealed record Target(string Address, ushort Port, TimeSpan Timeout, bool IsQuiet)
{
    public Task<Greeting> Greet(CancellationToken cancel) => Greeting.Receive(Address, Port, Timeout, cancel);

    /// <summary>Prints what is only for human eyes.</summary>
    public void Say(string text)
    {
        if (!IsQuiet) Console.WriteLine(text);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Address.Contains(':', StringComparison.Ordinal) ? $"[{Address}]" : Address)}:{Port}");
}
