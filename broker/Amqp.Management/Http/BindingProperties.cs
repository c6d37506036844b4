using System.Buffers.Text;
using System.Security.Cryptography;
using Amqp.Core.Topology;

namespace Amqp.Management.Http;

/// <summary>
/// What tells bindings between the same two apart, as one word of a path (<c>properties_key</c>): <c>~</c> without routing key and arguments, the routing key, or that and a
/// hash of the arguments. The hash is another one than RabbitMQ's, which is over Erlang's own format; tools pass it on as they got it.
/// </summary>
internal static class BindingProperties
{
    private const string None = "~";

    public static string Of(Binding binding)
    {
        var key = Uri.EscapeDataString(binding.RoutingKey).Replace("~", "%7E", StringComparison.Ordinal);
        return binding.Arguments.Count > 0 ? $"{key}~{HashOf(binding)}" : key.Length == 0 ? None : key;
    }

    /// <summary>Whether a word of a path means that binding: most tools quote it once more for the path, and some do not.</summary>
    public static bool Mean(string word, Binding binding) =>
        Of(binding) is var key && (word == key || word == (key == None ? None : Unquoted(binding)));

    private static string Unquoted(Binding binding) => binding.Arguments.Count > 0 ? $"{binding.RoutingKey}~{HashOf(binding)}" : binding.RoutingKey;

#pragma warning disable CA5351 // It protects nothing.
    private static string HashOf(Binding binding) => Base64Url.EncodeToString(MD5.HashData(binding.Arguments.Bytes.Span));
#pragma warning restore CA5351
}
