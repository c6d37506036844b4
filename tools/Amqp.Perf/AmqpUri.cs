namespace Amqp.Perf;

/// <summary>Where and as whom to connect: <c>amqp://user:password@host:port/vhost</c>, parts percent-encoded.</summary>
internal sealed record AmqpUri(string Host, int Port, string User, string Password, string VirtualHost)
{
    private const int PortDefault = 5672;

    public static AmqpUri Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Scheme != "amqp")
            throw new PerfException($"'{text}' is not an amqp:// URI (TLS is not supported)");
        var login = uri.UserInfo.Split(':', 2);
        // No path means the default virtual host; "/" alone would be the one with the empty name.
        var path = uri.AbsolutePath.TrimStart('/');
        return new(
            uri.Host,
            uri.Port > 0 ? uri.Port : PortDefault,
            login[0].Length > 0 ? Uri.UnescapeDataString(login[0]) : "guest",
            login.Length > 1 ? Uri.UnescapeDataString(login[1]) : "guest",
            path.Length > 0 ? Uri.UnescapeDataString(path) : "/");
    }

    public override string ToString() => $"{Host}:{Port}";
}
