using System.Text;

namespace AMQP.Net;

/// <summary>Renders bytes as RabbitMQ's reply texts print them: as an Erlang term.</summary>
internal static class ErlangTerm
{
    /// <summary>More than ever fits into a reply text (255 bytes, at least two characters for each byte shown).</summary>
    private const int ShownMax = 128;

    /// <summary>Erlang's <c>~w</c>: <c>&lt;&lt;1,2,255&gt;&gt;</c>.</summary>
    public static string Plain(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("<<");
        foreach (var value in bytes[..Math.Min(bytes.Length, ShownMax)])
        {
            if (text.Length > 2) text.Append(',');
            text.Append(value);
        }
        return text.Append(bytes.Length > ShownMax ? ",..." : ">>").ToString();
    }

    /// <summary>
    /// Erlang's <c>~p</c>: as <see cref="Plain"/>, or <c>&lt;&lt;"text"&gt;&gt;</c> if all of it can be printed. Unlike Erlang it
    /// breaks no line behind the 80th column, and shows Latin-1 letters and control characters as numbers: a reply text is UTF-8.
    /// </summary>
    public static string Pretty(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~')) return Plain(bytes);
        var text = Encoding.ASCII.GetString(bytes).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
        return $"<<\"{text}\">>";
    }
}
