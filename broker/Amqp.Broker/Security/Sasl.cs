using System.Text;
using AMQP.Net;

namespace Amqp.Broker.Security;

/// <summary>The SASL mechanisms that are ways to read user and password out of one response. With a third, EXTERNAL, the client's
/// certificate has said who it is.</summary>
internal static class Sasl
{
    public const string Plain = "PLAIN";
    public const string Amqplain = "AMQPLAIN";
    public const string External = "EXTERNAL";

    /// <summary>User and password, or null when the response is malformed.</summary>
    public static (string User, string Password)? Read(string mechanism, byte[] response) =>
        mechanism == Plain ? ReadPlain(response) : ReadAmqplain(response);

    /// <summary>RFC 4616: an authorization identity (not used), user and password, each after a zero.</summary>
    private static (string, string)? ReadPlain(ReadOnlySpan<byte> response)
    {
        var first = response.IndexOf((byte)0);
        if (first < 0) return null;
        var rest = response[(first + 1)..];
        var second = rest.IndexOf((byte)0);
        if (second < 0) return null;
        return (Encoding.UTF8.GetString(rest[..second]), Encoding.UTF8.GetString(rest[(second + 1)..]));
    }

    /// <summary>A field table without its length, with LOGIN and PASSWORD.</summary>
    private static (string, string)? ReadAmqplain(byte[] response)
    {
        try
        {
            FieldCodec.ValidateTable(response);
        }
        catch (ProtocolException)
        {
            return null;
        }
        var table = new FieldTable(response);
        if (!table.TryGet("LOGIN", out var user) || user.Type != FieldType.LongString) return null;
        if (!table.TryGet("PASSWORD", out var password) || password.Type != FieldType.LongString) return null;
        return (user.AsText, password.AsText);
    }
}
