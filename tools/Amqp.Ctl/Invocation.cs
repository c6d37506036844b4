using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Amqp.Ctl.Control;
using Amqp.Ctl.Output;

namespace Amqp.Ctl;

/// <summary>One run of a command: what was asked for, and the broker that is to do it.</summary>
internal sealed class Invocation(CtlCommand command, ParseResult parsed, IReadOnlyList<string> arguments, CancellationToken cancel) : IDisposable
{
    private readonly Lazy<ControlClient> _client = new(() => UrlOf(parsed) is { } url
        ? ControlClient.OverHttp(url)
        : ControlClient.OverSocket(ControlSocket.Find(parsed.GetValue(GlobalOptions.Socket), parsed.GetValue(GlobalOptions.DataDirectory))));

    public CtlCommand Command => command;

    public IReadOnlyList<string> Arguments => arguments;

    public string this[int index] => arguments[index];

    /// <summary>The time is up, or the user has had enough.</summary>
    public CancellationToken Cancel => cancel;

    /// <summary>The user alone: for what watches the time itself.</summary>
    public required CancellationToken Interrupt { get; init; }

    public ControlClient Client => _client.Value;

    /// <summary>Nodes that run and have not told what they have, with the reason.</summary>
    public IReadOnlyDictionary<string, string> MissingNodes => _client.IsValueCreated ? Client.Missing : new Dictionary<string, string>();

    /// <summary>The name of the broker's node, known when the command needs one; else the name that was given.</summary>
    public string Node { get; private set; } = parsed.GetValue(GlobalOptions.Node) ?? "";

    /// <summary>Options that name the same broker to another command.</summary>
    public IEnumerable<string> WhichNode =>
        new Option<string?>[] { GlobalOptions.Socket, GlobalOptions.DataDirectory, GlobalOptions.Url }.Where(IsGiven).SelectMany(option => (string[])[option.Name, Get(option)!]);

    public string VirtualHost => Get(GlobalOptions.VirtualHost)!;

    public bool IsQuiet => Get(GlobalOptions.Quiet) || Get(GlobalOptions.Silent);

    public Formatter Formatter => Formatter.All[Get(GlobalOptions.Formatter)!];

    public TimeSpan? Timeout => Get(GlobalOptions.Timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : command.Timeout;

    /// <summary>The timeout as RabbitMQ words it.</summary>
    public string TimeoutText => Timeout switch
    {
        null => "infinity",
        { } time when command.CountsSeconds => time.TotalSeconds.ToString("0.0###", CultureInfo.InvariantCulture),
        { } time => time.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture),
    };

    public T? Get<T>(Option<T> option) => parsed.GetValue(option);

    public bool IsGiven(Option option) => parsed.GetResult(option) is { Implicit: false };

    public bool WithHeader(bool byDefault) =>
        !Get(GlobalOptions.Silent) && (Get(GlobalOptions.TableHeaders) || (byDefault && !Get(GlobalOptions.NoTableHeaders)));

    /// <summary>Asks who is behind the control socket, and whether it is the one that was meant.</summary>
    /// <returns>Its entry in the list of nodes.</returns>
    /// <exception cref="Failure">It is another one.</exception>
    public async Task<JsonElement> Connect()
    {
        var node = (await Client.Get("/api/node", Cancel)).Good();
        var name = node.GetProperty("name").GetString()!;
        if (Get(GlobalOptions.Node) is { } wanted && wanted != name && (wanted.Contains('@', StringComparison.Ordinal) || wanted != name.Split('@')[0]))
            throw Failure.Unavailable(wanted, $"The broker that answers is '{name}'. Name that one or leave out --node; for another broker of this host say where its data is: --data-directory <directory>, or --socket <path>.");
        Node = name;
        return node;
    }

    /// <summary>Of a broker anywhere; null: the one of this host, by its control socket.</summary>
    /// <exception cref="Failure">It is none.</exception>
    private static Uri? UrlOf(ParseResult parsed)
    {
        // Who names a socket means that.
        var isOfHost = parsed.GetValue(GlobalOptions.Socket) is not null || parsed.GetValue(GlobalOptions.DataDirectory) is not null;
        if ((parsed.GetValue(GlobalOptions.Url) ?? (isOfHost ? null : Environment.GetEnvironmentVariable("AMQPCTL_URL"))) is not { Length: > 0 } text) return null;
        // Not repeated: there is a password in it.
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new Failure(ExitCode.Usage, "Error: --url (or AMQPCTL_URL) is the URL of a management API, http://user:password@host:15672");
    }

    public void Dispose()
    {
        if (_client.IsValueCreated) _client.Value.Dispose();
    }
}
