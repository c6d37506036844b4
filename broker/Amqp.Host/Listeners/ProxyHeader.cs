using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Amqp.Core;

namespace Amqp.Host.Listeners;

/// <summary>What a connection begins with is no PROXY header; the message says why, for the log.</summary>
internal sealed class ProxyHeaderException(string message) : Exception(message);

/// <summary>
/// What a proxy says, ahead of its client's own bytes, of the connection it has accepted: the PROXY protocol, versions 1 and 2.
/// <code>
/// 1:  PROXY TCP4 192.0.2.7 198.51.100.1 50312 5672\r\n        (or TCP6; or UNKNOWN and whatever up to the end of the line)
/// 2:  signature, 12 bytes | version 2, command | family | length, 2 bytes | source, destination, their ports | more, skipped
/// </code>
/// </summary>
/// <param name="Client">Whom the proxy has accepted; null when it does not say or speaks for itself, and what the socket says holds.</param>
/// <param name="Server">Where it has accepted them; null likewise.</param>
internal sealed record ProxyHeader(IPEndPoint? Client, IPEndPoint? Server)
{
    /// <summary>The longest header of version 2: addresses take 36 bytes, the rest is of no interest here. A client certificate that
    /// a proxy passes on has room.</summary>
    public const int BytesMax = 4_096;

    /// <summary>The longest of version 1, with its end of line, by the protocol's own definition.</summary>
    private const int LineBytesMax = 107;

    private const int FixedBytes = 16;

    private static readonly ProxyHeader None = new(Client: null, Server: null);

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    private static ReadOnlySpan<byte> Word => "PROXY "u8;

    /// <summary>Reads the header at the beginning of what has come.</summary>
    /// <param name="end">Where the client's own bytes begin.</param>
    /// <returns>Null while it is not there as a whole.</returns>
    /// <exception cref="ProxyHeaderException">There is none, or it is malformed; as soon as the first wrong byte shows that.</exception>
    public static ProxyHeader? TryRead(in ReadOnlySequence<byte> input, out SequencePosition end)
    {
        var beginning = input.Slice(0, Math.Min(input.Length, BytesMax));
        var bytes = beginning.IsSingleSegment ? beginning.FirstSpan : beginning.ToArray();
        var (header, length) = (default(ProxyHeader), 0);
        if (BeginsWith(bytes, Signature)) (header, length) = ReadBinary(bytes);
        else if (BeginsWith(bytes, Word)) (header, length) = ReadLine(bytes);
        else throw new ProxyHeaderException("it does not begin with one");
        end = input.GetPosition(length);
        return header;
    }

    /// <summary>As far as there is something.</summary>
    private static bool BeginsWith(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> expected)
    {
        var length = Math.Min(bytes.Length, expected.Length);
        return bytes[..length].SequenceEqual(expected[..length]);
    }

    private static (ProxyHeader?, int) ReadLine(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n"u8);
        if (end < 0 && bytes.Length < LineBytesMax) return default;
        if (end < 0 || end + 2 > LineBytesMax) throw new ProxyHeaderException("its line is too long");
        var words = Encoding.Latin1.GetString(bytes[..end]).Split(' ');
        if (words[1] == "UNKNOWN") return (None, end + 2);
        var family = words[1] switch
        {
            "TCP4" => AddressFamily.InterNetwork,
            "TCP6" => AddressFamily.InterNetworkV6,
            _ => throw new ProxyHeaderException("its protocol is none of TCP4, TCP6 and UNKNOWN"),
        };
        if (words.Length != 6) throw new ProxyHeaderException("its line has not two addresses and two ports");
        return (new ProxyHeader(
            new IPEndPoint(AddressOf(words[2], family), PortOf(words[4])),
            new IPEndPoint(AddressOf(words[3], family), PortOf(words[5]))), end + 2);
    }

    /// <summary>More is an address to the runtime than to the protocol: a single number, brackets, a port, a scope.</summary>
    private static IPAddress AddressOf(string text, AddressFamily family)
    {
        var isText = family == AddressFamily.InterNetwork
            ? text.All(character => char.IsAsciiDigit(character) || character == '.')
            : text.All(character => char.IsAsciiHexDigit(character) || character is ':' or '.');
        if (!isText || !IPAddress.TryParse(text, out var address) || address.AddressFamily != family
            || (family == AddressFamily.InterNetwork && address.ToString() != text)) throw new ProxyHeaderException("one of its addresses is none");
        return address;
    }

    private static int PortOf(string text) =>
        DecimalDigits.TryParse(text, out var port) && port <= ushort.MaxValue ? (int)port : throw new ProxyHeaderException("one of its ports is none");

    private static (ProxyHeader?, int) ReadBinary(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 12 && bytes[12] is not (0x20 or 0x21)) throw new ProxyHeaderException("its version is not 2, or its command is unknown");
        if (bytes.Length < FixedBytes) return default;
        var length = FixedBytes + BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        if (length > BytesMax) throw new ProxyHeaderException($"it has {length} bytes, and may have {BytesMax}");
        var isLocal = bytes[12] == 0x20; // the proxy speaks for itself, to see whether the broker is here
        var addressBytes = (isLocal ? 0 : bytes[13]) switch
        {
            0x11 => 4, // TCP over IPv4
            0x21 => 16, // TCP over IPv6
            0x00 or 0x31 => 0, // does not say; a Unix domain socket
            _ => throw new ProxyHeaderException("its family of addresses is unknown"),
        };
        if (length < FixedBytes + (2 * addressBytes) + (addressBytes > 0 ? 4 : 0)) throw new ProxyHeaderException("it is too short for its addresses");
        if (bytes.Length < length) return default;
        if (addressBytes == 0) return (None, length);
        var ports = bytes[(FixedBytes + (2 * addressBytes))..];
        return (new ProxyHeader(
            new IPEndPoint(new IPAddress(bytes.Slice(FixedBytes, addressBytes)), BinaryPrimitives.ReadUInt16BigEndian(ports)),
            new IPEndPoint(new IPAddress(bytes.Slice(FixedBytes + addressBytes, addressBytes)), BinaryPrimitives.ReadUInt16BigEndian(ports[2..]))), length);
    }
}
