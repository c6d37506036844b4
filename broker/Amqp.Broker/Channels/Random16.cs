using System.Buffers.Text;
using System.Security.Cryptography;

namespace Amqp.Broker.Channels;

/// <summary>Sixteen random bytes that cannot be guessed, for names that the broker makes.</summary>
internal static class Random16
{
    public static byte[] Bytes() => RandomNumberGenerator.GetBytes(16);

    public static string Text() => Base64Url.EncodeToString(Bytes());
}
