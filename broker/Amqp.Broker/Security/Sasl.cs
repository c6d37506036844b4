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

    /// <summary>RFC 4616: an authorization identity, user and password, with zeros between. As in RabbitMQ no user can act for another
    /// one: there is no such identity.</summary>
    private static (string, string)? ReadPlain(ReadOnlySpan<byte> response)
    {
        if (response.IsEmpty || response[0] != 0 || response.Count((byte)0) != 2) return null;
        var end = response[1..].IndexOf((byte)0) + 1;
        return (LosslessUtf8.GetString(response[1..end]), LosslessUtf8.GetString(response[(end + 1)..]));
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
