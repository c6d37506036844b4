using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Amqp.Ctl.Output;

/// <summary>Terms as Erlang writes them.</summary>
internal static class Erlang
{
    private const int GroupBytes = 2; // of an IPv6 address

    public static string Of(Term value) => value switch
    {
        Text text => Binary(text.Value),
        Ctl.Output.Atom atom => Atom(atom.Value),
        Number number => number.Digits,
        Pid pid => pid.Value,
        Address address => $"{{{string.Join(',', Parts(address))}}}",
        Numbers numbers => $"{{{string.Join(',', numbers.Values.Select(number => number.ToString(CultureInfo.InvariantCulture)))}}}",
        Sequence list => $"[{string.Join(',', list.Items.Select(Of))}]",
        Pairs pairs => $"[{string.Join(',', pairs.Items.Select(pair => $"{{{Atom(pair.Key)},{Of(pair.Value)}}}"))}]",
        BinaryPairs pairs => $"[{string.Join(',', pairs.Items.Select(pair => $"{{{Binary(pair.Key)},{Of(pair.Value)}}}"))}]",
        Table table => $"[{string.Join(',', table.Fields.Select(field => $"{{{Binary(field.Key)},{field.Value.Type},{Of(field.Value)}}}"))}]",
        _ => throw new InvalidOperationException($"no Erlang for {value.GetType().Name}"),
    };

    /// <summary>An AMQP table without its types, as listings show arguments: <c>[{"x-message-ttl",1000}]</c>.</summary>
    public static string Prettified(Table table) => $"[{string.Join(',', table.Fields.Select(field => $"{{{Characters(field.Key)},{Prettified(field.Value)}}}"))}]";

    /// <summary>Quoted where it is not a plain word.</summary>
    public static string Atom(string name) =>
        name.Length > 0 && char.IsAsciiLetterLower(name[0]) && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '@')
            ? name
            : $"'{Escaped(name, '\'')}'";

    /// <summary>The numbers of an address: four of a byte, or eight of two.</summary>
    public static IEnumerable<int> Parts(Address address)
    {
        var bytes = address.Value.GetAddressBytes();
        return address.Value.AddressFamily == AddressFamily.InterNetwork
            ? bytes.Select(part => (int)part)
            : bytes.Chunk(GroupBytes).Select(pair => (pair[0] << 8) | pair[1]);
    }

    private static string Of(Field field) => field.Type == "array"
        ? $"[{string.Join(',', field.Items.Select(item => $"{{{item.Type},{Of(item)}}}"))}]"
        : Of(field.Value);

    private static string Prettified(Field field) => field switch
    {
        { Type: "array" } => $"[{string.Join(',', field.Items.Select(Prettified))}]",
        { Value: Table table } => Prettified(table),
        { Value: Text text } => Characters(text.Value),
        _ => Of(field.Value),
    };

    /// <summary>A text.</summary>
    public static string Binary(string text)
    {
        if (!text.All(IsPrintable)) return $"<<{string.Join(',', Encoding.UTF8.GetBytes(text))}>>";
        return $"<<\"{Escaped(text, '"')}\"{(text.All(char.IsAscii) ? "" : "/utf8")}>>";
    }

    /// <summary>A list of characters, which is an ordinary list when it is empty or not to be shown.</summary>
    private static string Characters(string text) =>
        text.Length > 0 && text.All(IsPrintable) ? $"\"{Escaped(text, '"')}\"" : $"[{string.Join(',', text.EnumerateRunes().Select(rune => rune.Value))}]";

    private static bool IsPrintable(char character) => !char.IsControl(character) || character is '\n' or '\r' or '\t';

    private static string Escaped(string text, char quote) =>
        text.Replace("\\", @"\\", StringComparison.Ordinal).Replace($"{quote}", $"\\{quote}", StringComparison.Ordinal)
            .Replace("\n", @"\n", StringComparison.Ordinal).Replace("\r", @"\r", StringComparison.Ordinal).Replace("\t", @"\t", StringComparison.Ordinal);
}
