using System.Net;
using System.Net.Sockets;
using Amqp.Core;

namespace Amqp.Cluster.Membership;

/// <summary>
/// Where a node is, as an operator writes it:
/// <code>
/// rabbit@host                      at what the host part resolves to, port 25672
/// rabbit@host=10.0.0.2             at this address
/// rabbit@host=[fd00::2]:25672      at this address and port
/// dns:cluster.example.com          all nodes at the addresses of that name, whatever they are called; also without dns:
/// 10.0.0.2:25672                   the node at this address, whatever it is called
/// </code>
/// </summary>
/// <param name="Node">Its name; null: it is not known.</param>
/// <param name="Host">An address, or a name that is resolved by DNS whenever it is needed.</param>
/// <param name="Port">Of its links.</param>
public sealed record NodeAddress(string? Node, string Host, int Port)
{
    /// <summary>Of the links, if nothing else is said; RabbitMQ's nodes use the same.</summary>
    public const int DefaultPort = 25672;

    private const string Dns = "dns:";

    /// <exception cref="ClusterException">It cannot be understood; the message says what it has to look like.</exception>
    public static NodeAddress Parse(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.StartsWith(Dns, StringComparison.OrdinalIgnoreCase)) return At(node: null, trimmed[Dns.Length..], text);
        if (!trimmed.Contains('@', StringComparison.Ordinal)) return At(node: null, trimmed, text);
        var equals = trimmed.IndexOf('=', StringComparison.Ordinal);
        var node = equals < 0 ? trimmed : trimmed[..equals];
        var host = HostOf(node);
        if (host is null) throw Wrong(text);
        return equals < 0 ? new NodeAddress(node, host, DefaultPort) : At(node, trimmed[(equals + 1)..], text);
    }

    /// <summary>What stands behind the @ of a node's name; null: it is no name of a node.</summary>
    public static string? HostOf(string node) =>
        node.Split('@') is [{ Length: > 0 } name, { Length: > 0 } host] && !name.Any(IsNoPart) && !host.Any(IsNoPart) && !host.Contains(':', StringComparison.Ordinal) ? host : null;

    /// <summary>Its addresses as of now, those of IPv4 first.</summary>
    /// <exception cref="IOException">The name is not known to DNS, or DNS does not answer.</exception>
    public async Task<IReadOnlyList<IPEndPoint>> Resolve(CancellationToken cancellation)
    {
        if (IPAddress.TryParse(Host, out var address)) return [new IPEndPoint(address, Port)];
        try
        {
            var found = await System.Net.Dns.GetHostAddressesAsync(Host, cancellation);
            return [.. found.OrderBy(each => each.AddressFamily != AddressFamily.InterNetwork).Select(each => new IPEndPoint(each, Port))];
        }
        catch (SocketException exception)
        {
            throw new IOException($"the name {Host} cannot be resolved: {exception.Message}", exception);
        }
    }

    public override string ToString()
    {
        var at = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
        return Node is null ? at : $"{Node}={at}";
    }

    private static NodeAddress At(string? node, string address, string text)
    {
        if (IPAddress.TryParse(address.Trim('[', ']'), out var whole)) return new NodeAddress(node, whole.ToString(), DefaultPort);
        var colon = address.LastIndexOf(':');
        var (host, port) = colon < 0 ? (address, DefaultPort) : (address[..colon], DecimalDigits.TryParse(address.AsSpan(colon + 1), out var number) && number is > 0 and <= 65_533 ? (int)number : 0);
        if (IPAddress.TryParse(host.Trim('[', ']'), out var before)) host = before.ToString();
        else if (host.Contains(':', StringComparison.Ordinal)) port = 0;
        if (host.Length == 0 || port == 0 || (before is null && host.Any(IsNoPart))) throw Wrong(text);
        return new NodeAddress(node, host, port);
    }

    private static bool IsNoPart(char c) => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.');

    private static ClusterException Wrong(string text) => new(
        $"'{text}' does not say where a node is. It has to be the name of a node (rabbit@host), which may be followed by its address and port (rabbit@host=10.0.0.2:25672), "
        + "or a name of DNS at whose addresses nodes are (dns:cluster.example.com), or an address (10.0.0.2:25672).");
}
