using System.Text;
using Amqp.Core;

namespace Amqp.Management.Http;

/// <summary>Names and routing keys, which have to fit into a short string of AMQP.</summary>
internal static class ShortText
{
    /// <param name="what">Which it is, to be told.</param>
    /// <returns>The text.</returns>
    /// <exception cref="BadRequestException">It is too long.</exception>
    public static string Of(string what, string text) =>
        Encoding.UTF8.GetByteCount(text) <= Limits.NameBytes ? text : throw new BadRequestException($"{what} is longer than {Limits.NameBytes} bytes");
}
